"""What happened over time in one call: rate and queue of the link, rung of the sender, as `network.json` keeps it.

Must not import the ends. Invariant: seconds count from the moment when the link's own time begins.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, Final

from experiments.demo.stats import SenderStats
from experiments.network.links import Link
from experiments.network.plan import Key
from experiments.network.relay import LinkLog
from experiments.network.row import Window
from shared.frames import Rung
from shared.transport.impairments import RateStep
from shared.transport.udp_proxy import Passage

BIN_S: Final = 0.5
"""Rate and queue are summed up over this long."""
STEP_SHARE: Final = 0.5
"""A change of the link's rate to less than this share, or from it, is one that the sender has to follow."""
STEP_LEAST_S: Final = 3.0
"""A change that is gone before this need not be followed."""
HEIGHT: Final = {rung.name.lower(): int(rung) for rung in Rung}
"""Order of the rungs on the ladder."""

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class PlanPoint:
    """How the sender sent from at_s on (see `SentPlan`)."""

    at_s: float
    rung: str
    bundle_ms: int
    wire_kbps: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """One call over time, as (seconds, value). forward_kbps: offered to the link, with headers, in bins of BIN_S.

    queue_ms: longest wait of a packet before its first bit left, in the same bins. plans: rung, bundle and expected rate of
    the sender from each moment on. link_kbps: the link's rate from each moment on. blackouts: (begin, end). queue_max_ms:
    longest wait of the call; None: a link without a rate has no queue. follow_s: see the function of that name; infinite is
    null in JSON.
    """

    clip: str
    rung: str
    bundle_ms: int | None
    link: str
    forward_kbps: Points
    queue_ms: Points
    plans: tuple[PlanPoint, ...]
    link_kbps: Points
    blackouts: tuple[tuple[float, float], ...]
    queue_max_ms: float | None
    follow_s: float | None

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is infinite is null."""
        content = asdict(self)
        follow_s = self.follow_s
        return content | {"follow_s": follow_s if follow_s is None or math.isfinite(follow_s) else None}


def is_told(link: Link) -> bool:
    """Whether calls on this link have a time line worth keeping: something happens at stated times."""
    return bool(link.forward.rate or link.forward.blackouts)


def build_timeline(key: Key, link: Link, log: LinkLog, sender: SenderStats) -> Timeline:
    """The time line of a finished call."""
    plans = _plans(sender, log.began_us)
    bins = _binned(log.forward)
    waits = [each.wait_us / 1000 for each in log.forward if each.wait_us is not None]
    way = link.forward
    return Timeline(
        *key,
        forward_kbps=tuple((at_s, _kbps(packets)) for at_s, packets in bins.items()),
        queue_ms=tuple((at_s, _longest_ms(packets)) for at_s, packets in bins.items()),
        plans=plans,
        link_kbps=tuple((step.start_ms / 1000, step.kbps) for step in way.rate),
        blackouts=tuple((b.start_ms / 1000, (b.start_ms + b.duration_ms) / 1000) for b in way.blackouts),
        queue_max_ms=max(waits, default=None) if way.rate else None,
        follow_s=follow_s(plans, way.rate),
    )


def _plans(sender: SenderStats, began_us: int) -> tuple[PlanPoint, ...]:
    """The sender's plans on the link's clock; those that differ in none of the numbers here are one."""
    origin_us = min(
        (picture.capture_us - picture.media_ms * 1000 for picture in sender.pictures), default=began_us
    )
    points: list[PlanPoint] = []
    for plan in sender.plans:
        at_s = round((origin_us + plan.media_ms * 1000 - began_us) / 1e6, 3)
        point = PlanPoint(at_s, plan.rung, plan.bundle_ms, plan.wire_kbps)
        if not points or replace(point, at_s=points[-1].at_s) != points[-1]:
            points.append(point)
    return tuple(points)


def windows(link: Link, log: LinkLog, end_us: int) -> list[Window]:
    """The link's blackouts on the monotonic clock, those that had ended by end_us."""
    spans = [(b.start_ms * 1000, (b.start_ms + b.duration_ms) * 1000) for b in link.forward.blackouts]
    return [(log.began_us + a, log.began_us + b) for a, b in spans if log.began_us + b < end_us]


def follow_s(plans: Sequence[PlanPoint], rate: Sequence[RateStep]) -> float | None:
    """Longest time, in s, that the sender took to follow a large change of the link's rate (to or from less than STEP_SHARE)
    that stays for at least STEP_LEAST_S.

    Down: until what it expects to send fits the new rate. Up: until it is on the rung again from which it fell, or above.
    Infinite when it did not get there before the rate's next change. None: no such change, or no plans.
    """
    if not plans:
        return None
    found: list[float] = []
    high = ""
    ends_s = [*(step.start_ms / 1000 for step in rate[2:]), math.inf]
    for (before, after), end_s in zip(pairwise(rate), ends_s, strict=False):
        begin_s = after.start_ms / 1000
        if end_s - begin_s < STEP_LEAST_S:
            continue
        if after.kbps < STEP_SHARE * before.kbps:
            high = _at(plans, begin_s).rung
            found.append(_first(plans, begin_s, end_s, partial(_fits, after.kbps)))
        elif before.kbps < STEP_SHARE * after.kbps and found:
            found.append(_first(plans, begin_s, end_s, partial(_as_high, high)))
    return round(max(found), 3) if found else None


def _fits(kbps: float, plan: PlanPoint) -> bool:
    return plan.wire_kbps <= kbps


def _as_high(rung: str, plan: PlanPoint) -> bool:
    return HEIGHT[plan.rung] >= HEIGHT[rung]


def _at(plans: Sequence[PlanPoint], at_s: float) -> PlanPoint:
    """The plan that held at a moment."""
    return next((plan for plan in reversed(plans) if plan.at_s <= at_s), plans[0])


def _first(
    plans: Sequence[PlanPoint], begin_s: float, end_s: float, there: Callable[[PlanPoint], bool]
) -> float:
    """Time from begin_s until a plan is there; infinite when none is before end_s."""
    if there(_at(plans, begin_s)):
        return 0.0
    return min(
        (plan.at_s - begin_s for plan in plans if begin_s <= plan.at_s < end_s and there(plan)),
        default=math.inf,
    )


def _binned(passages: Sequence[Passage]) -> dict[float, list[Passage]]:
    """Packets by the begin of their bin; bins without packets are there, too."""
    last = int(passages[-1].at_us / 1e6 / BIN_S) if passages else -1
    bins: dict[float, list[Passage]] = {index * BIN_S: [] for index in range(last + 1)}
    for each in passages:
        bins[int(each.at_us / 1e6 / BIN_S) * BIN_S].append(each)
    return bins


def _kbps(packets: Sequence[Passage]) -> float:
    return round(sum(each.size_bytes for each in packets) * 8 / 1000 / BIN_S, 2)


def _longest_ms(packets: Sequence[Passage]) -> float:
    return round(max((each.wait_us or 0 for each in packets), default=0) / 1000, 2)
