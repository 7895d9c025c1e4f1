"""A call's rate control in virtual time, written down: what it was told of a link that narrows, loses and frees itself, and what
it made of that.

Invariant: no dice; every rung that a page has, over-use, a drained queue, loss, silence and both pins occur.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from shared.core.ack_history import Arrival
from shared.core.ladder import Ladder, LadderConfig, Plan
from shared.core.rate_control import START_KBPS, RateControl
from shared.frames import Rung
from shared.limits import ARRIVAL_TICK_US

END_MS: Final = 90_000
STEP_MS: Final = 10
ACK_MS: Final = 480
RTT_MS: Final = 90.0
LINK_KBPS: Final = ((0, 60.0), (8000, 13.0), (30_000, 60.0))
"""What the link carries from when on."""
LOSSY_MS: Final = range(45_000, 52_000)
SILENT_MS: Final = range(60_000, 66_000)
PINS: Final = {70_000: Rung.VOICE, 75_000: Rung.VIDEO, 80_000: None}


@dataclass
class _Link:
    """A queue before a bottleneck, and what its far end has not reported yet."""

    free_us: int = 0
    sent: int = 0
    waiting: list[Arrival] = field(default_factory=list)

    def send(self, now_us: int, size_bytes: int) -> None:
        kbps = next(rate for since_ms, rate in reversed(LINK_KBPS) if now_us >= since_ms * 1000)
        self.free_us = max(self.free_us, now_us) + round(size_bytes * 8000 / kbps)
        jitter_us = 1700 * (self.sent * 7 % 5)
        tick = (self.free_us + 25_000 + jitter_us) // ARRIVAL_TICK_US
        self.waiting.append(Arrival(self.sent, now_us, tick * ARRIVAL_TICK_US, size_bytes))
        self.sent += 1

    def report(self, now_us: int) -> list[Arrival]:
        here = [arrival for arrival in self.waiting if arrival.arrived_us <= now_us]
        self.waiting = self.waiting[len(here) :]
        return here


def _described(plan: Plan) -> list[Any]:
    return [int(plan.rung), plan.bundle_ms, plan.motion_fps, plan.redundancy]


def rate_answers() -> dict[str, Any]:
    """Steps of [kind, what it is told.., what it says]."""
    ladder = Ladder(LadderConfig(pictures=False))
    control, link, tape = RateControl(max(START_KBPS, ladder.plan.wire_kbps())), _Link(), list[list[Any]]()
    plan, bundle_at_ms = ladder.plan, 0
    costs = [[_described(plan), plan.wire_kbps(), plan.wire_kbps(repeats=True)]]
    for now_ms in range(0, END_MS, STEP_MS):
        now_us = now_ms * 1000
        if now_ms in PINS:
            ladder.pin(PINS[now_ms])
            tape.append(["pin", PINS[now_ms]])
        if now_ms >= bundle_at_ms:
            bundle_at_ms = now_ms + plan.bundle_ms
            link.send(now_us, round(plan.wire_kbps() * plan.bundle_ms / 8))
        if now_ms % ACK_MS == 0 and now_ms not in SILENT_MS:
            arrivals, loss = link.report(now_us), 0.16 if now_ms in LOSSY_MS else 0.0
            control.feedback(arrivals, loss, RTT_MS, now_us)
            told = [[one.number, one.sent_us, one.arrived_us, one.size_bytes] for one in arrivals]
            state = control.state
            numbers = [state.estimate_kbps, state.received_kbps, state.queue_ms]
            tape.append(["feedback", told, loss, now_us, numbers, [state.congested, state.limited]])
        if now_ms % 40 == 0:
            decided = ladder.decide(control.state, None, now_us)
            if decided != plan:
                if decided.wire_kbps() < plan.wire_kbps():
                    control.reduced(now_us)
                    tape.append(["reduced", now_us])
                plan = decided
                costs.append([_described(plan), plan.wire_kbps(), plan.wire_kbps(repeats=True)])
            tape.append(["decide", now_us, _described(decided)])
    return {"tape": tape, "costs": costs, "rtt_ms": RTT_MS}
