"""What many clips together say of two arms: BD-rate with a bootstrap interval over clips, and how often an arm wins.

Must import numpy and SciPy only. Invariant: clips are the unit of chance (frames of one clip are not independent), they are
drawn with replacement by a seeded generator, and the same input gives the same numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.interpolate import PchipInterpolator

POINTS_MIN: Final = 2
"""Rates a curve needs, after those at which quality did not improve are left out."""
CLIPS_MIN: Final = 5
"""Below this no interval is given: resampling three clips says nothing about the fourth."""
RESAMPLES: Final = 2000
"""Bootstrap samples: the ends of a 95 % interval then rest on 50 samples each."""
CONFIDENCE: Final = 0.95
SEED: Final = 8


@dataclass(frozen=True, slots=True)
class Curve:
    """One arm on one clip. kbps: rates that were really taken, above 0. quality: higher is better (the caller turns the
    sign of distances), one per rate. Raises ValueError for anything else."""

    kbps: tuple[float, ...]
    quality: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.kbps) != len(self.quality):
            raise ValueError("a curve has one quality for each rate")
        if not all(math.isfinite(rate) and rate > 0 for rate in self.kbps):
            raise ValueError("the rates of a curve are above 0")
        if not all(map(math.isfinite, self.quality)):
            raise ValueError("the qualities of a curve are finite")


@dataclass(frozen=True, slots=True)
class BdRate:
    """percent: mean over clips of the rate that the arm needs more (above 0) or less than the anchor at equal quality; None when
    no clip has a common range of quality. low, high: the interval at CONFIDENCE, None for fewer than CLIPS_MIN clips.

    clips: with a common range; left_out: without, not in the mean. Of these, above: clips on which the arm's lowest quality is
    not below the anchor's highest, below: the other way round. They are counted because leaving them out hides the widest gaps.
    """

    percent: float | None
    low: float | None
    high: float | None
    clips: int
    left_out: int
    above: int
    below: int


def bd_rate_percent(anchor: Curve, arm: Curve) -> float | None:
    """Mean difference of ln(rate) over the common range of quality (Bjontegaard, VCEG-M33), as a percentage.

    Curves are monotone piecewise cubics (PCHIP), which VCEG's cubic through all points is not. None without a common range.
    """
    curves = [_rising(anchor), _rising(arm)]
    if any(len(quality) < POINTS_MIN for quality, _ in curves):
        return None
    low = max(quality[0] for quality, _ in curves)
    high = min(quality[-1] for quality, _ in curves)
    if high <= low:
        return None
    areas = [float(PchipInterpolator(quality, rates).integrate(low, high)) for quality, rates in curves]
    exponent = (areas[1] - areas[0]) / (high - low)
    return 100 * math.expm1(exponent)


def bd_rate_over_clips(pairs: Sequence[tuple[Curve, Curve]], seed: int = SEED) -> BdRate:
    """pairs: (anchor, arm) of each clip; a curve may be empty. Percentile bootstrap of the mean."""
    each = [bd_rate_percent(anchor, arm) for anchor, arm in pairs]
    found = np.array([value for value in each if value is not None], np.float64)
    apart = [pair for pair, value in zip(pairs, each, strict=True) if value is None]
    low, high = _interval(found, seed) if len(found) >= CLIPS_MIN else (None, None)
    return BdRate(
        percent=float(found.mean()) if len(found) else None,
        low=low,
        high=high,
        clips=len(found),
        left_out=len(apart),
        above=sum(_above(arm, anchor) for anchor, arm in apart),
        below=sum(_above(anchor, arm) for anchor, arm in apart),
    )


def win_rate(arm: Sequence[float], other: Sequence[float], higher_is_better: bool) -> float | None:
    """Share of clips, 0..1, on which arm is better; a draw counts half. None without clips; ValueError for unequal lengths."""
    sign = 1 if higher_is_better else -1
    differences = [sign * (a - b) for a, b in zip(arm, other, strict=True)]
    if not differences:
        return None
    return sum(1.0 if d > 0 else 0.5 if d == 0 else 0.0 for d in differences) / len(differences)


def _interval(values: np.ndarray[tuple[int], np.dtype[np.float64]], seed: int) -> tuple[float, float]:
    drawn = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values[drawn].mean(axis=1), [tail, 1 - tail])
    return float(low), float(high)


def _above(curve: Curve, other: Curve) -> bool:
    """Whether all of a curve's quality is at or above all of the other's, and they are not the same single value."""
    if not curve.quality or not other.quality:
        return False
    return min(curve.quality) >= max(other.quality) and max(curve.quality) > min(other.quality)


def _rising(curve: Curve) -> tuple[list[float], list[float]]:
    """(quality, ln of rate), both rising: a rate that buys no more quality than a lower one did is never the one to take."""
    qualities: list[float] = []
    rates: list[float] = []
    for kbps, quality in sorted(zip(curve.kbps, curve.quality, strict=True), key=lambda p: (p[0], -p[1])):
        if not qualities or quality > qualities[-1]:
            qualities.append(quality)
            rates.append(math.log(kbps))
    return qualities, rates
