"""What the service counts: numbers without a name, a room or an address in them.

Imports the standard library only. Invariant: labels come from fixed lists (roles, codes, message types), so that strangers
cannot make the numbers grow in kind; counting never fails and never waits.
"""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

BOUNDS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5)
"""Upper bounds of the histogram's buckets: in memory a message takes well under the first, over Redis about the third."""


@dataclass(slots=True)
class Histogram:
    """How often something took how long. counts: one a bucket, the last for all that was longer."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    total_s: float = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.total_s += seconds


@dataclass(slots=True)
class ServiceCounts:
    """Since the start. refusals: by code, foreign origins as "foreign-origin". handling: from a message to its effect."""

    joins: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    handling: Histogram = field(default_factory=Histogram)
