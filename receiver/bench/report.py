"""What was measured, as the numbers that are published.

Must import the standard library and this package only. Invariant: percentiles are of pictures that were made, beside how many
were not; a number of calls is only claimed when it was run.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from receiver.bench.calls import Load

FPS_MIN: Final = 24.75
"""25 fps, but for one picture in a hundred."""
P99_MAX_MS: Final = 40.0


@dataclass(frozen=True, slots=True)
class Row:
    """One load. latency_*_ms: from a picture's due time to its being in the sinks. gpu_mb, watts: None without a GPU."""

    calls: int
    fps_per_call: float
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    latency_p99_ms: float | None
    rss_mb: float | None
    gpu_mb: float | None
    watts: float | None
    shed: int

    @property
    def kept_up(self) -> bool:
        """25 fps for every call, and 99 of 100 pictures at most 40 ms late."""
        on_time = self.latency_p99_ms is not None and self.latency_p99_ms <= P99_MAX_MS
        return on_time and self.fps_per_call >= FPS_MIN


def row_of(load: Load, rss_mb: float | None, gpu_mb: float | None, watts: float | None) -> Row:
    """A row of the table."""
    p50, p95, p99 = (percentile(load.latency_ms, share) for share in (50, 95, 99))
    return Row(load.calls, round(load.fps_per_call, 2), p50, p95, p99, rss_mb, gpu_mb, watts, load.shed)


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The smallest value that `percent` of all do not exceed (nearest rank), to 0.01; None for no values."""
    if not values:
        return None
    rank = max(1, math.ceil(len(values) * percent / 100))
    return round(sorted(values)[rank - 1], 2)


def max_calls(rows: Sequence[Row]) -> int:
    """The most calls that were run and kept up with; 0: none."""
    return max((row.calls for row in rows if row.kept_up), default=0)
