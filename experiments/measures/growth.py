"""Whether a process's memory grows, read from samples of its size.

Must import the standard library only. Invariant: a single large sample does not make a trend; a line through all of them does.
"""

import statistics
from collections.abc import Sequence


def growth(samples: Sequence[tuple[float, float]]) -> float:
    """How much of its mean a straight line through (time, size) gains from the first sample to the last."""
    slope, _ = statistics.linear_regression([at for at, _ in samples], [size for _, size in samples])
    return slope * (samples[-1][0] - samples[0][0]) / statistics.mean(size for _, size in samples)
