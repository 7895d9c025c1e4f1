"""Whether a queue builds up on the path, from how the transit of bundles changes. Sans-IO: times are handed in.

    arrivals -> transit (arrived - sent) -> slope over the last second -> compared with an adaptive threshold

Must import limits and the arrivals' type only. Invariant: constant memory; the clocks of the two ends are never compared,
only their differences. Source: draft-ietf-rmcat-gcc-02, section 5 (over-use detector and its adaptive threshold), with
the trendline (least squares over transits) that later implementations put in the place of its Kalman filter; queueing delay
as in RFC 6817, section 3.4.2 (base delay: the least of the last seconds).
"""

from collections import deque
from enum import Enum
from typing import Final

from shared.core.ack_history import Arrival

WINDOW_ARRIVALS: Final = 8
WINDOW_MS: Final = 1000
"""The slope is taken over so many bundles, of at most this time: 640 ms at 80 ms, 1 s at 200 ms."""
TREND_SPAN_MS: Final = 240
"""The slope is stated as growth over this time: the published trendline multiplies it by 60 groups and a gain of 4."""
THRESHOLD_START_MS: Final = 12.5
THRESHOLD_MIN_MS: Final = 6.0
THRESHOLD_MAX_MS: Final = 600.0
GAIN_UP: Final = 0.01
GAIN_DOWN: Final = 0.00018
"""K_u and K_d of section 5.4, per millisecond."""
OUTLIER_MS: Final = 15.0
"""A trend this far beyond the threshold does not move it (section 5.4)."""
ADAPT_MAX_MS: Final = 100
"""Time between bundles that one step of adaptation counts at most."""
BASE_STEP_MS: Final = 7500
BASE_STEPS: Final = 4
"""The base delay is the least of the last 22 to 30 s: longer than a thin link is full in one go, and clocks that differ by
200 ppm part by 6 ms in it."""
QUEUE_FLOOR_MS: Final = 25
"""Less than this above the base delay is jitter, not a queue, whatever the trend says."""
RESTART_MS: Final = 5000
"""A transit that jumps by this is another clock or path: begin anew."""


class Usage(Enum):
    """What the trend says of the path."""

    NORMAL = "normal"
    OVER = "over"
    """A queue grows."""
    UNDER = "under"
    """A queue shrinks, or the path became faster."""


class DelayGradient:
    """Feed arrivals in the order in which they were sent; `usage` and `queue_ms` follow."""

    def __init__(self) -> None:
        self._window: deque[tuple[float, float]] = deque(maxlen=WINDOW_ARRIVALS)
        self._bases: deque[tuple[int, float]] = deque(maxlen=BASE_STEPS)
        self._last: Arrival | None = None
        self._threshold_ms = THRESHOLD_START_MS
        self._trend_ms = 0.0
        self._over_in_row = 0
        self.queue_ms = 0.0
        self.usage = Usage.NORMAL

    def add(self, arrival: Arrival) -> None:
        """Take one arrival in. One that was not sent after the last is ignored."""
        if self._last is not None and arrival.sent_us <= self._last.sent_us:
            return
        transit_ms = (arrival.arrived_us - arrival.sent_us) / 1000
        if self._window and abs(transit_ms - self._window[-1][1]) > RESTART_MS:
            self._window.clear()
            self._bases.clear()
        elapsed_ms = 0.0 if self._last is None else (arrival.sent_us - self._last.sent_us) / 1000
        self._last = arrival
        self._note_base(arrival.sent_us // 1000, transit_ms)
        self._window.append((arrival.sent_us / 1000, transit_ms))
        while self._window[-1][0] - self._window[0][0] > WINDOW_MS:
            self._window.popleft()
        self._judge(elapsed_ms)

    def _note_base(self, sent_ms: int, transit_ms: float) -> None:
        step = sent_ms // BASE_STEP_MS
        while self._bases and self._bases[0][0] <= step - BASE_STEPS:
            self._bases.popleft()
        if self._bases and self._bases[-1][0] == step:
            self._bases[-1] = (step, min(self._bases[-1][1], transit_ms))
        else:
            self._bases.append((step, transit_ms))
        self.queue_ms = transit_ms - min(least_ms for _, least_ms in self._bases)

    def _judge(self, elapsed_ms: float) -> None:
        """Section 5.3 and 5.4: over-use needs two bundles in a row beyond the threshold, and no fall of the trend."""
        before_ms, self._trend_ms = self._trend_ms, slope(self._window) * TREND_SPAN_MS
        if self._trend_ms > self._threshold_ms:
            self._over_in_row += 1
            queued = self.queue_ms >= QUEUE_FLOOR_MS
            if self._over_in_row > 1 and self._trend_ms >= before_ms and queued:
                self.usage = Usage.OVER
                self._over_in_row = 0
        else:
            self._over_in_row = 0
            self.usage = Usage.UNDER if self._trend_ms < -self._threshold_ms else Usage.NORMAL
        self._adapt(min(elapsed_ms, ADAPT_MAX_MS))

    def _adapt(self, elapsed_ms: float) -> None:
        beyond_ms = abs(self._trend_ms) - self._threshold_ms
        if beyond_ms <= OUTLIER_MS:
            self._threshold_ms += elapsed_ms * (GAIN_UP if beyond_ms > 0 else GAIN_DOWN) * beyond_ms
        self._threshold_ms = min(max(self._threshold_ms, THRESHOLD_MIN_MS), THRESHOLD_MAX_MS)


def slope(points: deque[tuple[float, float]]) -> float:
    """Least-squares slope of (x, y) points; 0 for fewer than three."""
    count = len(points)
    if count < 3:
        return 0.0
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
