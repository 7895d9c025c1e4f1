"""The ladder of integer probability tables: discretised Laplace with a wider tail, scales in a geometric row.

Must import numpy and the coding modules below it only; used when tables are made, never in a call. Invariant: every
table is strictly rising from 0 to 2**15, so every symbol can be coded.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.coding.range_coder import CDF_TOTAL
from shared.coding.tables import COST_ONE_BIT
from shared.coding.value_code import DIRECT_MAX, ESCAPE, TABLE_SYMBOLS
from shared.limits import MOTION_DELTA_MAX

LADDER_RUNGS: Final = 28
SCALE_MIN: Final = 0.08
"""Mean absolute value, in symbols, of the narrowest rung: 99.8 % zeros."""
SCALE_MAX: Final = 64.0
"""That of the widest rung: an absolute translation in steps of half a pixel."""
SCALE_WITHOUT_LOW_BITS: Final = 4.0
"""Wider rungs send low bits raw, so that escapes stay near 2 % (DIRECT_MAX is about four scales)."""
TAIL_WIDENING: Final = 4.0
"""The tail is a second Laplace distribution, this much wider than the first."""


def build_ladder(tail_weight: float) -> list[dict[str, Any]]:
    """The rows of the JSON's `ladder`. tail_weight: 0..1, share of the wider distribution."""
    scales = np.geomspace(SCALE_MIN, SCALE_MAX, LADDER_RUNGS)
    return [_rung(float(scale), tail_weight) for scale in scales]


def _rung(scale: float, tail_weight: float) -> dict[str, Any]:
    low_bits = max(0, int(np.ceil(np.log2(scale / SCALE_WITHOUT_LOW_BITS))))
    values = (1 - tail_weight) * _laplace(scale) + tail_weight * _laplace(TAIL_WIDENING * scale)
    counts = _integer_counts(_table_symbols(values, low_bits))
    cost = np.rint(-COST_ONE_BIT * np.log2(counts / CDF_TOTAL))
    return {
        "scale": round(scale, 4),
        "low_bits": low_bits,
        "cdf": [0, *np.cumsum(counts).tolist()],
        "cost": cost.astype(int).tolist(),
    }


def _laplace(scale: float) -> NDArray[np.float64]:
    """Probabilities of the integers -MOTION_DELTA_MAX..MOTION_DELTA_MAX: a Laplace density, each integrated over
    its step."""
    edges = np.arange(-MOTION_DELTA_MAX - 0.5, MOTION_DELTA_MAX + 1)
    tail = 0.5 * np.exp(-np.abs(edges) / scale)
    return np.diff(np.where(edges < 0, tail, 1 - tail))


def _table_symbols(values: NDArray[np.float64], low_bits: int) -> NDArray[np.float64]:
    high = np.arange(-MOTION_DELTA_MAX, MOTION_DELTA_MAX + 1) >> low_bits
    symbols = np.where(np.abs(high) <= DIRECT_MAX, high + DIRECT_MAX, ESCAPE)
    return np.bincount(symbols, weights=values, minlength=TABLE_SYMBOLS).astype(np.float64)


def _integer_counts(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Counts of at least 1 that add up to CDF_TOTAL; the likeliest symbol absorbs the rounding."""
    shares = probabilities / probabilities.sum() * (CDF_TOTAL - len(probabilities))
    counts = np.floor(shares).astype(np.int64) + 1
    counts[np.argmax(counts)] += CDF_TOTAL - counts.sum()
    return np.asarray(counts, dtype=np.int64)
