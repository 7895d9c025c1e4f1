"""From a trace to the impairments that the UDP proxy and the virtual link take.

Must import `experiments.network.links` and this package only. Invariant: the same trace, seed and begin give the same link,
packet by packet; both directions follow the same steps, each with losses of its own.
"""

import random
from bisect import bisect_right
from itertools import count
from pathlib import Path
from typing import Final

from experiments.network.links import LINKS, Link
from experiments.traces.trace import Trace, read_trace
from shared.errors import UserError
from shared.transport.impairments import Impairment, PathStep

CALL_MAX_S: Final = 120.0
"""A link made of a trace follows it for so long, over and over; after that the last step stays."""
SUFFIX: Final = ".trace"
FOLDER: Final = Path(__file__).parent


def impairment_of(trace: Trace, begin_ms: int = 0, seconds: float = CALL_MAX_S) -> Impairment:
    """One direction that follows the trace from begin_ms on (counted anew at its end), for at least `seconds`."""
    begin_ms %= trace.length_ms
    first = bisect_right([step.start_ms for step in trace.steps], begin_ms) - 1
    path: list[PathStep] = []
    for place in count(first):
        turn, index = divmod(place, len(trace.steps))
        step = trace.steps[index]
        start_ms = max(0, turn * trace.length_ms + step.start_ms - begin_ms)
        if path and start_ms >= seconds * 1000:
            break
        path.append(PathStep(start_ms, step.kbps, step.delay_ms, step.loss))
    return Impairment(queue_bytes=trace.queue_bytes, path=tuple(path))


def link_of(trace: Trace, seed: int = 0, begin_ms: int | None = 0, seconds: float = CALL_MAX_S) -> Link:
    """A link whose two directions follow the trace. begin_ms: None lets the seed say where it begins."""
    if begin_ms is None:
        begin_ms = random.Random(f"{seed} begin").randrange(trace.length_ms)
    way = impairment_of(trace, begin_ms, seconds)
    return Link(trace.name, trace.about, seed, way, way, seconds)


def shipped() -> dict[str, Path]:
    """The traces that come with facewire, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob(f"*{SUFFIX}"))}


def open_link(name: str, seed: int = 0, begin_ms: int | None = 0) -> Link:
    """A link by its name in `experiments.network.links`, by the name of a shipped trace, or by the path of a trace's file.

    UserError when it is none of them.
    """
    if name in LINKS:
        return LINKS[name]
    path = shipped().get(name, Path(name))
    if not path.is_file():
        known = ", ".join([*LINKS, *shipped()])
        raise UserError(
            f"There is no link {name!r}. Give the file of a trace (python -m experiments.traces --help), or one of: {known}."
        )
    return link_of(read_trace(path), seed, begin_ms)
