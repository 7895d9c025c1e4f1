"""How much the path carries: the rate controller of draft-ietf-rmcat-gcc-02 for a call that seldom fills its link.

    arrivals -> DelayGradient -> over / normal / under -> increase, hold, decrease (section 5.5)
    loss ---------------------------------------------> loss-based bound (section 6)          estimate = the lesser

Sans-IO: `now_us` is handed in. Must not import transports or clocks. Invariant: the estimate stays within RATE_MIN_KBPS and
RATE_MAX_KBPS, and grows to at most 1.5 times what was seen to arrive, so it never claims what was not tried.

An estimate that is bounded so can stay below the link for ever while there is little to send. As nothing is padded, the
ladder above tries the next rung instead, and the estimate follows what then arrives: at the start, and after the path became
faster, it stands at 1.5 times the received rate at once (`probing`); after the first over-use it grows as published.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

from shared.core.ack_history import Arrival
from shared.core.delay_gradient import DelayGradient, Usage

RATE_MIN_KBPS: Final = 8.0
"""Below what any call needs: the ladder's lowest rung is used whatever the estimate says."""
RATE_MAX_KBPS: Final = 1000.0
START_KBPS: Final = 20.0
"""Assumed until the first over-use: the default call, which takes less than any access link is sold with."""
GROWTH: Final = 1.08
"""Multiplicative increase per second (eta)."""
DECREASE: Final = 0.85
"""Share of the received rate that is left after over-use (beta)."""
OVER_RECEIVED: Final = 1.5
"""The estimate grows to at most this much of the received rate (section 5.5)."""
RATE_WINDOW_MS: Final = 600
"""Time over which the received rate is measured: the draft says 0.5 to 1 s; three bundles of 200 ms fit."""
RESPONSE_MS: Final = 100
"""Added to the round trip to make the response time of the additive increase."""
ADDITIVE_MIN_KBPS: Final = 1.0
"""Least additive increase per response time."""
CAPACITY_SMOOTHING: Final = 0.05
CAPACITY_DEVIATIONS: Final = 3.0
"""Near what over-use showed the link to carry (exponential mean, within three deviations) the increase is additive."""
LOSS_HIGH: Final = 0.10
LOSS_LOW: Final = 0.02
LOSS_GROWTH: Final = 1.05
LOSS_FLOOR_KBPS: Final = 27.0
"""Loss alone never takes more than this from the call, which is the default one with its repeats: on radio links loss says
nothing of a queue, a queue shows itself in the delay, and 12.5 small packets a second crowd nobody out."""
LOSS_EVERY_MS: Final = 1000
"""The loss-based bound moves at most this often: the loss is that of the last 32 bundles."""
LAST_ARRIVALS: Final = 3
"""At over-use the link's own rate is what the last few bundles arrived at: before them it may have been another."""
FASTER_MS: Final = 30
"""A transit that falls by this more than a queue can drain says that the path became faster."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """What is known of the path. received_kbps: wire rate that arrived lately. queue_ms: transit above the base delay.

    congested: over-use at the last feedback. limited: over-use was seen, so that the estimate is the path's limit and not
    only what was tried. loss: 0..1. feedback_us: when feedback last came, None: never.
    """

    estimate_kbps: float = START_KBPS
    received_kbps: float = 0.0
    queue_ms: float = 0.0
    loss: float = 0.0
    congested: bool = False
    limited: bool = False
    feedback_us: int | None = None


class RateControl:
    """Hand it what each acknowledgement tells; read `state`."""

    def __init__(self, start_kbps: float = START_KBPS) -> None:
        self._gradient = DelayGradient()
        self._received: deque[Arrival] = deque()
        self._last: deque[Arrival] = deque(maxlen=LAST_ARRIVALS + 2)
        self._delay_kbps = start_kbps
        self._loss_kbps = RATE_MAX_KBPS
        self._holding = False
        self._probing = True
        self._capacity: tuple[float, float] | None = None
        self._updated_us: int | None = None
        self._loss_us: int | None = None
        self._reduced_us: int | None = None
        self.state = LinkState(start_kbps)

    def reduced(self, now_us: int) -> None:
        """Less is sent from now on: over-use of what was sent before is no news."""
        self._reduced_us = now_us

    def feedback(self, arrivals: Sequence[Arrival], loss: float, rtt_ms: float, now_us: int) -> None:
        """What one acknowledgement told. arrivals: not told before, oldest first. loss: 0..1 of the last bundles."""
        usages = [self._add(arrival) for arrival in arrivals]
        usage = Usage.OVER if Usage.OVER in usages else usages[-1] if usages else Usage.NORMAL
        received_kbps = self._rate_of(tuple(self._received))
        if arrivals:
            self._react(usage, received_kbps, rtt_ms, now_us)
        self._react_to_loss(loss, now_us)
        estimate_kbps = min(self._delay_kbps, self._loss_kbps)
        congested = usage is Usage.OVER if arrivals else self.state.congested
        queue_ms, limited = self._gradient.queue_ms, not self._probing
        self.state = LinkState(estimate_kbps, received_kbps, queue_ms, loss, congested, limited, now_us)

    def _add(self, arrival: Arrival) -> Usage:
        self._gradient.add(arrival)
        self._received.append(arrival)
        self._last.append(arrival)
        while arrival.sent_us - self._received[0].sent_us > RATE_WINDOW_MS * 1000:
            self._received.popleft()
        if self._path_became_faster():
            self._probing, self._holding, self._capacity = True, False, None
        over = self._gradient.usage is Usage.OVER
        stale = self._reduced_us is not None and arrival.sent_us < self._reduced_us
        # What was sent before less was sent makes the queue longer yet: wait, as while it drains.
        return Usage.UNDER if over and stale else self._gradient.usage

    def _rate_of(self, arrivals: Sequence[Arrival]) -> float:
        """Everything but the first bundle, by the time from the first arrival to the last; 0 while there are too few."""
        if len(arrivals) < LAST_ARRIVALS:
            return 0.0
        span_ms = (arrivals[-1].arrived_us - arrivals[0].arrived_us) / 1000
        sent_ms = (arrivals[-1].sent_us - arrivals[0].sent_us) / 1000
        size_bytes = sum(arrival.size_bytes for arrival in arrivals[1:])
        # Arrivals that are closer together than they were sent are a queue's end, not a rate.
        return size_bytes * 8 / max(span_ms, sent_ms, 1.0)

    def _path_became_faster(self) -> bool:
        """The last two bundles took less time than a link of the known capacity could have needed for them.

        A queue drains by at most the time between two bundles, less the time that the second takes itself.
        """
        if self._capacity is None or len(self._last) < LAST_ARRIVALS + 2:
            return False
        *earlier, first, second = self._last
        before, earlier_ms = earlier[-1], min(_transit_ms(arrival) for arrival in earlier)
        own_ms = first.size_bytes * 8 / self._capacity[0]
        drained_ms = max(0.0, (first.sent_us - before.sent_us) / 1000 - own_ms)
        fallen_ms = earlier_ms - max(_transit_ms(first), _transit_ms(second) - FASTER_MS)
        return fallen_ms >= drained_ms + FASTER_MS

    # --- section 5.5 ------------------------------------------------------------------------------------------------

    def _react(self, usage: Usage, received_kbps: float, rtt_ms: float, now_us: int) -> None:
        elapsed_s = 0.0 if self._updated_us is None else (now_us - self._updated_us) / 1_000_000
        self._updated_us = now_us
        if usage is Usage.OVER:
            last_kbps = self._rate_of(tuple(self._last)[-LAST_ARRIVALS:])
            self._decrease(max(min(received_kbps, last_kbps), received_kbps / 2), now_us)
        else:
            self._holding = usage is Usage.UNDER and not self._probing
        if not self._holding and usage is not Usage.OVER:
            self._increase(received_kbps, rtt_ms, elapsed_s)

    def _decrease(self, received_kbps: float, now_us: int) -> None:
        if received_kbps:
            self._note_capacity(received_kbps)
            self._delay_kbps = max(min(self._delay_kbps, DECREASE * received_kbps), RATE_MIN_KBPS)
        self._probing, self._holding = False, True
        self.reduced(now_us)

    def _increase(self, received_kbps: float, rtt_ms: float, elapsed_s: float) -> None:
        bound_kbps = min(OVER_RECEIVED * received_kbps, RATE_MAX_KBPS)
        if self._probing:
            grown_kbps = bound_kbps
        elif self._near_capacity(received_kbps):
            response = min(elapsed_s * 1000 / (RESPONSE_MS + rtt_ms), 1.0)
            grown_kbps = self._delay_kbps + ADDITIVE_MIN_KBPS * response
        else:
            grown_kbps = self._delay_kbps * GROWTH ** min(elapsed_s, 1.0)
        # What was granted stays granted: a call that sends less for a while did not learn of a limit.
        self._delay_kbps = max(self._delay_kbps, min(grown_kbps, bound_kbps))

    def _note_capacity(self, received_kbps: float) -> None:
        mean, variance = self._capacity or (received_kbps, received_kbps**2 * 0.01)
        deviation = received_kbps - mean
        mean += CAPACITY_SMOOTHING * deviation
        self._capacity = (mean, variance + CAPACITY_SMOOTHING * (deviation**2 - variance))

    def _near_capacity(self, received_kbps: float) -> bool:
        """Whether over-use was seen near this rate; a rate far above it makes that a thing of the past."""
        if self._capacity is None:
            return False
        mean, variance = self._capacity
        reach = CAPACITY_DEVIATIONS * sqrt(variance)
        if received_kbps > mean + reach:
            self._capacity = None
        return abs(received_kbps - mean) <= reach

    # --- section 6 --------------------------------------------------------------------------------------------------

    def _react_to_loss(self, loss: float, now_us: int) -> None:
        if self._loss_us is not None and now_us - self._loss_us < LOSS_EVERY_MS * 1000:
            return
        self._loss_us = now_us
        if loss > LOSS_HIGH:
            bound_kbps = min(self._loss_kbps, self._delay_kbps)
            self._loss_kbps = max(bound_kbps * (1 - 0.5 * loss), LOSS_FLOOR_KBPS)
        elif loss < LOSS_LOW:
            self._loss_kbps = min(self._loss_kbps * LOSS_GROWTH, RATE_MAX_KBPS)


def _transit_ms(arrival: Arrival) -> float:
    """Of two clocks: only differences mean anything."""
    return (arrival.arrived_us - arrival.sent_us) / 1000
