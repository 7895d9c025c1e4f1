"""Waits for a native library no longer than it can be meant to take.

Must import the standard library only. Invariant: the caller goes on after the limit, whatever the library does.

Workaround. Cause: SVT-AV1 (4.1) in low delay can wait for itself for ever inside svt_av1_enc_get_packet (seen once in some 1,400
encodings, on a machine whose host took its processors away). Cost: a thread for each call; one that stands still is left behind
with its encoder. Remove it when the encoder no longer does.
"""

from collections.abc import Callable
from queue import Empty, Queue
from threading import Thread
from typing import TypeVar

_T = TypeVar("_T")


class StoodStill(Exception):
    """The library neither returned nor raised within its limit; what it was working with must not be touched again."""


def within(make: Callable[[], _T], limit_s: float) -> _T:
    """What `make` returns or raises. Raises StoodStill when it has done neither after limit_s."""
    done: Queue[tuple[_T, None] | tuple[None, BaseException]] = Queue(1)

    def run() -> None:
        try:
            done.put((make(), None))
        except BaseException as error:
            done.put((None, error))

    Thread(target=run, daemon=True).start()
    try:
        outcome = done.get(timeout=limit_s)
    except Empty:
        raise StoodStill(f"nothing came back in {limit_s:g} s") from None
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]
