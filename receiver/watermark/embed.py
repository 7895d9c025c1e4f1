"""Puts the invisible mark into a picture: a repeated pattern in the luma, stronger where the picture is busy.

Must import numpy, cv2 and the codes only. Invariant: the marked picture differs from the unmarked one by at least
40 dB PSNR whatever the picture is, because the pattern's gain is bounded.
"""

from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from receiver.watermark.codes import REPEATS, Code, tile

_CALM_RMS: Final = 1.0
"""Root mean square of the pattern on a plain surface, in grey levels of 255."""
_BUSY_RMS: Final = 2.0
"""The same at most, on hair, cloth or leaves: 42.0 dB with the rounding to whole levels."""
_BUSY_LEVELS: Final = 8.0
"""Mean deviation from the local mean at which a place counts as busy."""
_NEIGHBOURHOOD_PX: Final = 9


def embed(picture: NDArray[np.uint8], code: Code) -> NDArray[np.uint8]:
    """A copy of picture, RGB uint8 (H, W, 3), that carries the code invisibly."""
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    size = (_NEIGHBOURHOOD_PX, _NEIGHBOURHOOD_PX)
    activity = cv2.blur(cv2.absdiff(luma, cv2.blur(luma, size)), size)
    gain = _gains()[np.asarray(activity, np.uint8)]
    change = np.rint(gain * _pattern(picture.shape[0], picture.shape[1], code)).astype(np.int16)
    return np.asarray(cv2.add(picture, cv2.merge((change,) * 3), dtype=cv2.CV_8U), np.uint8)


@lru_cache(maxsize=1)
def _gains() -> NDArray[np.float32]:
    """Gain of the pattern for each activity 0..255."""
    busy = np.minimum(np.arange(256) / _BUSY_LEVELS, 1.0)
    return (_CALM_RMS + (_BUSY_RMS - _CALM_RMS) * busy).astype(np.float32)


@lru_cache(maxsize=8)
def _pattern(height: int, width: int, code: Code) -> NDArray[np.float32]:
    """Four by four tiles, whatever the picture's size: the detector knows how much of the picture a file shows."""
    pattern = np.tile(tile(code), (REPEATS, REPEATS))
    if pattern.shape != (height, width):
        resized = cv2.resize(pattern, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(resized, np.float32)
    return pattern
