"""An asyncio event loop whose clock jumps to the next timer instead of waiting: minutes of a call in
milliseconds.

Imports the standard library only. Invariant: time moves only when nothing is ready to run, by whole
microseconds, so that the same program sees the same times in every run. Not for real sockets, threads or
executors: they take no virtual time.
"""

import asyncio
import math
import selectors
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

_T = TypeVar("_T")
_US: Final = 1_000_000
_ROUNDING_US: Final = 0.001
"""Timers are float seconds: 80 ms may come as 80,000.0000001 us. The loop forgives a nanosecond, so does this."""


class VirtualClock:
    """Virtual microseconds since the loop was made; only the loop advances it."""

    def __init__(self) -> None:
        self.now_us = 0

    def __call__(self) -> int:
        """The time now, in us: usable wherever a `clock_us` is asked for."""
        return self.now_us


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: where a real selector would sleep until the next timer, the clock is set to it."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None:
            raise RuntimeError(
                "virtual time stands still: every task waits for something that no timer will bring"
            )
        self._clock.now_us += max(1, math.ceil(timeout * _US - _ROUNDING_US))
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`asyncio` with virtual time; `loop.time()` and every timeout and sleep follow `clock`."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        super().__init__(_JumpingSelector(self.clock))

    def time(self) -> float:
        """Virtual seconds."""
        return self.clock.now_us / _US


def run_virtual(main: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end in virtual time, as `asyncio.run` does in real time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def loop_now_us() -> int:
    """The running loop's clock in us, virtual or real."""
    return round(asyncio.get_running_loop().time() * _US)
