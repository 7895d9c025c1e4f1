"""How alike a shown picture and the clip's pictures are."""

import numpy as np
from numpy.typing import NDArray

FACE = (slice(40, 215), slice(50, 205))
"""Where the sample's face is; the mark lies outside."""


def psnr_db(pictures: NDArray[np.uint8], shown: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Of each of (n, 256, 256, 3) against one picture, in the face."""
    away = pictures[:, *FACE].astype(np.float64) - shown[FACE].astype(np.float64)
    return np.asarray(10 * np.log10(255**2 / np.maximum((away**2).mean(axis=(1, 2, 3)), 1e-9)))


def follows(source: NDArray[np.uint8], shown: list[NDArray[np.uint8]]) -> tuple[float, float]:
    """Mean PSNR of the shown pictures against their nearest source picture, and how much better that is than the best
    single source picture for all of them: above zero only if what is shown moves as the source does."""
    table = np.stack([psnr_db(source, picture) for picture in shown])  # (shown, source)
    return float(table.max(axis=1).mean()), float(table.max(axis=1).mean() - table.mean(axis=0).max())
