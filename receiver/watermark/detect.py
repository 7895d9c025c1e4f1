"""Finds the invisible mark in pictures that were compressed, cropped or resized, and says how likely it was by chance.

    picture -> luma - its blur, over the local deviation -> mean over the pictures -> for each size the picture may have
    had: its spectrum at the tile's frequencies, phases only -> correlation with the code's phases at all 64x64 shifts

Symmetrical phase-only matched filtering as in Kalker et al. (see `receiver.watermark.codes`). The statistic z is the largest
correlation over its standard deviation. **False alarms**: the correlation at one place is a sum of M cosines of phases that
are uniform and independent, because the code's are, whatever the pictures are, as long as they were not made with the code.
Since E exp(t cos) = I0(t) <= exp(t^2 / 4), Chernoff's bound gives P(z >= x) <= exp(-x^2 / 2) for any M, and N places that
are looked at give N times as much (union bound). So the stated probability is an upper bound, not a fit.

Must import numpy, cv2 and the codes only. Invariant: `found` has a false alarm probability of at most FALSE_ALARM_MAX a file.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from receiver.watermark.codes import MAX_FREQUENCY, TILE_PX, Code, band, phases, to_tile

FALSE_ALARM_MAX: Final = 1e-9
"""Of this probability, or rarer, is a find by chance in one file."""
VISIBLE_PX: Final = range(200, 265, 2)
"""Widths and heights that the file may show of a picture of 256 pixels: 78 % (cropped) to 103 % (a rim around it). A size
between two steps shifts the pattern by at most half a pixel from the middle to the edges."""
SIDE_MAX_PX: Final = 512
"""Larger pictures are made smaller first: the pattern has nothing finer than 4 of 256 pixels."""
_BLUR_SIGMA_PX: Final = 2.5
_WINDOW_PX: Final = 9
_CALM_LEVELS: Final = 2.0
"""Deviation, in grey levels, below which a surface is not amplified further."""
_CLIP: Final = 3.0
"""Edges stand out of their surroundings and know nothing of the pattern."""

PLACES: Final = len(VISIBLE_PX) ** 2 * TILE_PX**2 * len(Code)
"""Correlations that are looked at in one file."""


@dataclass(frozen=True, slots=True)
class Detection:
    """What was found in some pictures."""

    found: bool
    code: Code
    """What the mark says, if found; else the code that came nearest."""
    statistic: float
    """Largest correlation in standard deviations of pictures without the mark."""
    false_alarm: float
    """Upper bound of the probability that pictures without the mark reach this statistic anywhere."""
    visible_px: tuple[int, int]
    """Width and height that the pictures show of 256x256, if found."""
    pictures: int


def false_alarm(statistic: float) -> float:
    """Upper bound of the probability that unmarked pictures reach this statistic at any of the PLACES."""
    return float(min(1.0, PLACES * np.exp(-(max(statistic, 0.0) ** 2) / 2)))


class Detector:
    """Collects the pictures of one film, then decides."""

    def __init__(self) -> None:
        self._sum: NDArray[np.float64] | None = None
        self.pictures = 0

    def add(self, picture: NDArray[np.uint8]) -> None:
        """One picture, RGB uint8 (H, W, 3); later ones are brought to the size of the first."""
        height, width = picture.shape[:2] if self._sum is None else self._sum.shape
        shrink = min(1.0, SIDE_MAX_PX / max(height, width))
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        if size != (picture.shape[1], picture.shape[0]):
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        residual = _residual(picture)
        self._sum = residual if self._sum is None else self._sum + residual
        self.pictures += 1

    def decide(self) -> Detection:
        """The best place of all. Raises ValueError before the first picture."""
        if self._sum is None:
            raise ValueError("decide needs at least one picture")
        mean = (self._sum / self.pictures).astype(np.float32)
        best = (-np.inf, Code.RECONSTRUCTED, (0, 0))
        rows = _transform(mean.shape[0])  # (33, 33, H)
        for width, columns in zip(VISIBLE_PX, _transform(mean.shape[1]), strict=True):
            spectra = rows @ (mean @ columns[MAX_FREQUENCY:].T)  # (33, 33, 17): all heights at this width
            for code in Code:
                peaks = _peaks(spectra, code)
                at = int(np.argmax(peaks))
                best = max(best, (float(peaks[at]), code, (width, VISIBLE_PX[at])), key=lambda one: one[0])
        probability = false_alarm(best[0])
        return Detection(
            probability <= FALSE_ALARM_MAX, best[1], best[0], probability, best[2], self.pictures
        )


def _residual(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What the luma does in the small, every place alike."""
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = luma - cv2.GaussianBlur(luma, (0, 0), _BLUR_SIGMA_PX)
    power = cv2.blur(detail * detail, (_WINDOW_PX, _WINDOW_PX))
    scaled = detail / (np.sqrt(np.maximum(power, 0.0)) + _CALM_LEVELS)
    return np.clip(scaled, -_CLIP, _CLIP).astype(np.float64)


def _transform(length: int) -> NDArray[np.complex64]:
    """Fourier sums at -16..16 cycles per tile for pixels that span each of VISIBLE_PX: complex64 (33, 33, length)."""
    spans = np.asarray(VISIBLE_PX, np.float64)[:, None, None]
    places = (np.arange(length) + 0.5) * spans / length - 0.5
    frequencies = np.arange(-MAX_FREQUENCY, MAX_FREQUENCY + 1)[:, None]
    sums: NDArray[np.complex64] = np.exp(-2j * np.pi * frequencies * places / TILE_PX).astype(np.complex64)
    return sums


def _peaks(spectra: NDArray[np.complex64], code: Code) -> NDArray[np.float32]:
    """The largest correlation over all shifts of each spectrum, in standard deviations: float32 (n,) from (n, 33, 17)."""
    size = np.maximum(np.abs(spectra), np.finfo(np.float32).tiny)
    turned = (spectra / size * np.conj(phases(code))).astype(np.complex64)
    correlation = to_tile(turned)  # 2 sum cos
    deviation = 2 * np.sqrt(band().sum() / 2)
    peaks: NDArray[np.float32] = (correlation.max(axis=(1, 2)) / deviation).astype(np.float32)
    return peaks
