"""Measures of one picture, or of two consecutive ones, against the original.

Must import numpy and OpenCV only. Invariant: pictures are uint8 RGB (H, W, 3) and are never changed; all but
the sharpness and flicker ratios are computed on the BT.601 luma, in levels 0..255.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Luma = NDArray[np.float64]

PSNR_CAP_DB: Final = 100.0
"""Given for identical pictures, so that means stay finite."""
SSIM_WINDOW: Final = 11
SSIM_SIGMA: Final = 1.5
SSIM_C1: Final = (0.01 * 255) ** 2
SSIM_C2: Final = (0.03 * 255) ** 2
MS_SSIM_WEIGHTS: Final = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Wang et al. 2003, section 3.2."""
MS_SSIM_MIN_SIDE_PX: Final = SSIM_WINDOW * 2 ** (len(MS_SSIM_WEIGHTS) - 1)
"""Below this the window does not fit the coarsest scale."""
RATIO_FLOOR: Final = 1e-3
"""Added to both sides of a ratio, so that two flat (or two still) pictures give 1 and not 0/0."""


def luma(picture: Picture) -> Luma:
    """BT.601 luma, 0.299 R + 0.587 G + 0.114 B, float64 (H, W) in 0..255.

    ValueError unless uint8 (H, W, 3).
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"a picture is uint8 (H, W, 3), not {picture.dtype} {picture.shape}")
    return np.asarray(picture.astype(np.float64) @ np.array([0.299, 0.587, 0.114]), np.float64)


def psnr_y_db(original: Picture, rebuilt: Picture) -> float:
    """Peak signal-to-noise ratio of the luma in dB, PSNR_CAP_DB at most."""
    a, b = _lumas(original, rebuilt)
    error = float(np.mean((a - b) ** 2))
    return min(PSNR_CAP_DB, 10 * np.log10(255**2 / error)) if error > 0 else PSNR_CAP_DB


def ssim_y(original: Picture, rebuilt: Picture) -> float:
    """SSIM of the luma (Wang et al. 2004: Gaussian window 11x11, sigma 1.5, valid positions), at most 1."""
    a, b = _lumas(original, rebuilt)
    return float(_ssim_terms(a, b)[0])


def ms_ssim(original: Picture, rebuilt: Picture) -> float:
    """Multi-scale SSIM of the luma (Wang, Simoncelli, Bovik 2003), five scales, 0..1.

    ValueError when a side is below MS_SSIM_MIN_SIDE_PX. Negative contrast terms count as 0.
    """
    a, b = _lumas(original, rebuilt)
    if min(a.shape) < MS_SSIM_MIN_SIDE_PX:
        raise ValueError(f"MS-SSIM needs sides of {MS_SSIM_MIN_SIDE_PX} px, not {a.shape}")
    value = 1.0
    for scale, weight in enumerate(MS_SSIM_WEIGHTS):
        similarity, contrast = _ssim_terms(a, b)
        last = scale == len(MS_SSIM_WEIGHTS) - 1
        value *= max(similarity if last else contrast, 0.0) ** weight
        a, b = _halve(a), _halve(b)
    return float(value)


def sharp_ratio(original: Picture, rebuilt: Picture) -> float:
    """Variance of the luma's Laplacian (3x3), rebuilt over original: 1 as sharp, below 1 softer, above 1
    harder or noisier."""
    a, b = (float(cv2.Laplacian(y, cv2.CV_64F).var()) for y in _lumas(original, rebuilt))
    return (b + RATIO_FLOOR) / (a + RATIO_FLOOR)


def temporal_change(before: Picture, after: Picture) -> float:
    """Mean absolute change of the luma from one frame to the next, in levels."""
    a, b = _lumas(before, after)
    return float(np.mean(np.abs(b - a)))


def temporal_error(original: tuple[Picture, Picture], rebuilt: tuple[Picture, Picture]) -> float:
    """Mean |(p_t - p_t-1) - (o_t - o_t-1)| of the luma in levels: 0 when the rebuilt pair changes exactly as
    the original's."""
    (oa, ob), (pa, pb) = _lumas(*original), _lumas(*rebuilt)
    return float(np.mean(np.abs((pb - pa) - (ob - oa))))


def ratio(rebuilt: float, original: float) -> float:
    """rebuilt / original with RATIO_FLOOR on both sides."""
    return (rebuilt + RATIO_FLOOR) / (original + RATIO_FLOOR)


def _lumas(original: Picture, rebuilt: Picture) -> tuple[Luma, Luma]:
    if original.shape != rebuilt.shape:
        raise ValueError(f"pictures of different sizes: {original.shape} and {rebuilt.shape}")
    return luma(original), luma(rebuilt)


def _ssim_terms(a: Luma, b: Luma) -> tuple[float, float]:
    """Mean SSIM and mean contrast-structure term over the positions where the whole window fits."""
    mean_a, mean_b = _window(a), _window(b)
    var_a = _window(a * a) - mean_a**2
    var_b = _window(b * b) - mean_b**2
    covariance = _window(a * b) - mean_a * mean_b
    contrast = (2 * covariance + SSIM_C2) / (var_a + var_b + SSIM_C2)
    brightness = (2 * mean_a * mean_b + SSIM_C1) / (mean_a**2 + mean_b**2 + SSIM_C1)
    return float(np.mean(brightness * contrast)), float(np.mean(contrast))


def _window(values: Luma) -> Luma:
    """Gaussian mean; the border where the window does not fit is cut off."""
    edge = SSIM_WINDOW // 2
    blurred = cv2.GaussianBlur(values, (SSIM_WINDOW, SSIM_WINDOW), SSIM_SIGMA)
    return np.asarray(blurred[edge:-edge, edge:-edge], np.float64)


def _halve(values: Luma) -> Luma:
    """2x2 mean, stride 2; an odd last row or column is left out."""
    h, w = values.shape[0] // 2 * 2, values.shape[1] // 2 * 2
    cut = values[:h, :w]
    return (cut[0::2, 0::2] + cut[1::2, 0::2] + cut[0::2, 1::2] + cut[1::2, 1::2]) / 4
