"""The links of the benchmark: one table, each a documented pattern with its own seed.

Must import `shared.transport.impairments` and the standard library only. Invariant: the same name always means the same
link, packet by packet; whoever changes one gives it another name.

Every link has 20 ms of delay each way. Blackouts and rate steps count from the first encrypted data, which is when the
call is set up; random loss, jitter and the like hold for the set-up, too. What happens to one direction happens to the
other in the same way, with a seed of its own, unless the table says otherwise.
"""

import math
import random
from dataclasses import dataclass
from typing import Final

from shared.transport.impairments import (
    Blackout,
    GilbertElliott,
    Impairment,
    RandomLoss,
    RateStep,
)

DELAY_MS: Final = 20.0
CALL_S: Final = 12.0
LONG_CALL_S: Final = 20.0
LADDER_MAX_KBPS: Final = 100.0
"""For senders that may use all that a link ever carries; their own default is 20."""


@dataclass(frozen=True, slots=True)
class Link:
    """One link. seconds: length of a call on it; shorter clips are played over and over.

    rung: what the sender is told instead of the rung that was asked for; None: nothing else. max_kbps: what it is told
    that it may send; None: its own default.
    """

    name: str
    about: str
    seed: int
    forward: Impairment
    reverse: Impairment
    seconds: float = CALL_S
    rung: str | None = None
    max_kbps: float | None = None


def outages(
    duration_ms: int, every_ms: int, jitter_ms: int, until_ms: int, seed: int
) -> tuple[Blackout, ...]:
    """Blackouts of duration_ms that begin every every_ms, give or take jitter_ms (uniform), the first after every_ms."""
    rng = random.Random(f"{seed} outages")
    starts = (start + rng.randint(-jitter_ms, jitter_ms) for start in range(every_ms, until_ms, every_ms))
    return tuple(Blackout(start_ms, duration_ms) for start_ms in starts)


def cellular_trace(
    seed: int,
    seconds: float,
    mean_kbps: float,
    spread: float,
    floor_kbps: float,
    memory_s: float = 1.5,
    step_ms: int = 200,
) -> tuple[RateStep, ...]:
    """A link's rate as a modem on the move sees it: the logarithm of the rate is an Ornstein-Uhlenbeck process.

    Its median is mean_kbps, its standard deviation `spread` (natural logarithm), its correlation falls to 1/e in memory_s;
    sampled every step_ms, never below floor_kbps. No recording is copied: it is a random walk of the rate as Winstein,
    Sivaraman and Balakrishnan (Sprout, NSDI 2013) model cellular links by, held near its median so that calls compare.
    """
    rng = random.Random(f"{seed} trace")
    keep = math.exp(-step_ms / 1000 / memory_s)
    level, steps = 0.0, []
    for start_ms in range(0, math.ceil(seconds * 1000), step_ms):
        steps.append(RateStep(start_ms, max(floor_kbps, round(mean_kbps * math.exp(spread * level), 1))))
        level = keep * level + math.sqrt(1 - keep * keep) * rng.gauss(0, 1)
    return tuple(steps)


def _both(name: str, about: str, seed: int, way: Impairment, seconds: float = CALL_S) -> Link:
    return Link(name, about, seed, way, way, seconds)


def _ladder(name: str, about: str, seed: int, way: Impairment, max_kbps: float | None = None) -> Link:
    """A link whose rate changes: the sender chooses by itself, up to its own default or to max_kbps."""
    return Link(name, about, seed, way, way, LONG_CALL_S, rung="auto", max_kbps=max_kbps)


_BURSTS: Final = outages(duration_ms=500, every_ms=5000, jitter_ms=500, until_ms=20_000, seed=4)
_DROP: Final = (RateStep(0, 100), RateStep(5000, 15), RateStep(13_000, 100))

_TABLE: Final = (
    _both("clean", "20 ms each way, nothing else", 1, Impairment(delay_ms=DELAY_MS), LONG_CALL_S),
    _both("loss5", "5 % random loss", 2, Impairment(RandomLoss(0.05), DELAY_MS)),
    _both("loss20", "20 % random loss", 3, Impairment(RandomLoss(0.2), DELAY_MS)),
    _both(
        "burst500",
        "everything lost for 500 ms, every 5 s give or take half a second",
        4,
        Impairment(delay_ms=DELAY_MS, blackouts=_BURSTS),
        LONG_CALL_S,
    ),
    _both(
        "gilbert",
        "Gilbert-Elliott: bursts of 4 packets in the mean, 7.4 % of all packets lost",
        5,
        Impairment(GilbertElliott(good_to_bad=0.02, bad_to_good=0.25), DELAY_MS),
    ),
    _both(
        "jitter",
        "0 to 60 ms of extra delay, uniform, order kept",
        6,
        Impairment(delay_ms=DELAY_MS, jitter_ms=60),
    ),
    _both(
        "reorder",
        "every tenth packet 120 ms late, overtaken by later ones",
        7,
        Impairment(delay_ms=DELAY_MS, reorder_probability=0.1, reorder_ms=120),
    ),
    _both(
        "duplicate", "every tenth packet twice", 8, Impairment(delay_ms=DELAY_MS, duplicate_probability=0.1)
    ),
    _both(
        "blackout3s",
        "everything lost from 5 s to 8 s of the call",
        9,
        Impairment(delay_ms=DELAY_MS, blackouts=(Blackout(5000, 3000),)),
    ),
    _ladder(
        "drop100to15",
        "100 kbit/s for 5 s, 15 kbit/s for 8 s, then 100 again; drop-tail queue of 4,000 bytes (2.1 s at 15 kbit/s)",
        10,
        Impairment(delay_ms=DELAY_MS, rate=_DROP, queue_bytes=4000),
    ),
    _ladder(
        "drop100to15_wide",
        "the same link, with a sender that may use all of it (--max-kbps 100): pictures are sent until it falls",
        12,
        Impairment(delay_ms=DELAY_MS, rate=_DROP, queue_bytes=4000),
        LADDER_MAX_KBPS,
    ),
    _ladder(
        "cellular",
        "rate from the trace generator: median 60 kbit/s, spread 0.6, never below 12; queue of 4,000 bytes",
        11,
        Impairment(
            delay_ms=DELAY_MS,
            rate=cellular_trace(11, LONG_CALL_S, mean_kbps=60, spread=0.6, floor_kbps=12),
            queue_bytes=4000,
        ),
        LADDER_MAX_KBPS,
    ),
)
LINKS: Final = {link.name: link for link in _TABLE}
CLEAN: Final = "clean"
