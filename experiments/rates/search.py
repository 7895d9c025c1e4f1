"""Brings a rival to a rate: which shape, then which quality. Knows no encoder: it is handed a function from quality to rate.

    probes of every shape (a coarse and a finer encode each) --> shape that should look best at the rate --> quality

Must import the standard library and `experiments.rates.codecs` only. Invariant: what is found for a rate depends on the probes
and on the encodes for this rate alone, so a run that was resumed finds the same.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from experiments.rates.codecs import Codec, Shape

RATE_TOLERANCE: Final = 0.05
"""A real rate further from the wanted one than this is marked as not reached."""
RATE_CLOSE: Final = 0.025
"""The search ends here."""
SEARCH_ENCODES: Final = 5
FINER_PROBE: Final = 18.0
"""Steps of quality between a shape's two probes: about six times the rate."""
LOWEST_KBPS: Final = 0.01


@dataclass(frozen=True, slots=True)
class Probe:
    """One encode of a shape: its rate, and how it looks (higher is better)."""

    quality: float
    kbps: float
    score: float


@dataclass(frozen=True, slots=True)
class Probes:
    """A shape's two probes, both with other rates. coarse: at the codec's coarsest quality."""

    shape: Shape
    coarse: Probe
    fine: Probe

    def reaches(self, kbps: float) -> bool:
        """Whether the shape can be coded at so low a rate."""
        return kbps >= self.coarse.kbps * (1 - RATE_TOLERANCE)

    def score_at(self, kbps: float) -> float:
        """How it should look at a rate: linear in ln(rate) through both probes."""
        return self._line(kbps, self.coarse.score, self.fine.score)

    def quality_at(self, kbps: float) -> float:
        """Which quality should take this rate."""
        return self._line(kbps, self.coarse.quality, self.fine.quality)

    def _line(self, kbps: float, at_coarse: float, at_fine: float) -> float:
        low, high = math.log(self.coarse.kbps), math.log(self.fine.kbps)
        if high <= low:
            return at_coarse
        return at_coarse + (math.log(max(kbps, LOWEST_KBPS)) - low) / (high - low) * (at_fine - at_coarse)


def probe_qualities(codec: Codec) -> tuple[float, float]:
    """(coarse, fine): where each shape is probed."""
    return codec.coarsest, max(codec.finest, codec.coarsest - FINER_PROBE)


def best_shape(probes: Sequence[Probes], kbps: float) -> Probes:
    """The one that should look best among those that reach the rate; the cheapest when none does."""
    reaching = [probe for probe in probes if probe.reaches(kbps)]
    if not reaching:
        return min(probes, key=lambda probe: probe.coarse.kbps)
    return max(reaching, key=lambda probe: probe.score_at(kbps))


def find_quality(
    codec: Codec, probes: Probes, target_kbps: float, rate_of: Callable[[float], float]
) -> float:
    """The quality on the codec's scale whose rate is nearest to the target, after at most SEARCH_ENCODES encodes."""
    known = {probe.quality: probe.kbps for probe in (probes.coarse, probes.fine)}
    quality = _on_scale(codec, probes.quality_at(target_kbps))
    for _ in range(SEARCH_ENCODES):
        if quality not in known:
            known[quality] = rate_of(quality)
        if off(known[quality], target_kbps) <= RATE_CLOSE:
            return quality
        quality = _next(codec, known, target_kbps)
        if quality in known:
            break
    return min(known, key=lambda q: off(known[q], target_kbps))


def off(kbps: float, target_kbps: float) -> float:
    """Relative distance of a rate from the wanted one."""
    return abs(kbps / max(target_kbps, LOWEST_KBPS) - 1)


def _next(codec: Codec, known: dict[float, float], target_kbps: float) -> float:
    """Between the nearest rates on both sides, where ln(rate) over quality says; beyond the last one, along its line."""
    points = sorted((quality, math.log(kbps)) for quality, kbps in known.items())
    wanted = math.log(max(target_kbps, LOWEST_KBPS))
    above = [point for point in points if point[1] > wanted]
    below = [point for point in points if point[1] <= wanted]
    (x0, y0), (x1, y1) = (max(above), min(below)) if above and below else _ends(points, bool(above))
    if y0 == y1:
        return _on_scale(codec, (x0 + x1) / 2)
    guess = x0 + (wanted - y0) * (x1 - x0) / (y1 - y0)
    if above and below:
        low, high = sorted((x0, x1))
        guess = min(max(guess, low + codec.step), high - codec.step) if high - low > codec.step else low
    return _on_scale(codec, guess)


def _ends(
    points: list[tuple[float, float]], too_much: bool
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The two points at the end towards which to go on: coarser when all take too much."""
    return (points[-2], points[-1]) if too_much else (points[0], points[1])


def _on_scale(codec: Codec, quality: float) -> float:
    steps = round((quality - codec.finest) / codec.step)
    return min(codec.coarsest, max(codec.finest, codec.finest + steps * codec.step))
