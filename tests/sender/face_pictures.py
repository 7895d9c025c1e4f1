"""The face that these tests look at: NASA's portrait of astronaut Eileen Collins (public domain), from scikit-image."""

from functools import cache

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

PUPILS_PX = np.array([[107.0, 100.7], [151.0, 102.8]], np.float32)
"""Where a person sees the pupils in `portrait()`: the picture's left one first."""
MOUTH_PX = (127.5, 145.0)
"""Middle of the open mouth in `portrait()`."""


@cache
def _portrait() -> NDArray[np.uint8]:
    whole: NDArray[np.uint8] = skimage.data.astronaut()  # type: ignore[no-untyped-call]  # ships no types
    picture = np.ascontiguousarray(whole[:256, 96:352])
    picture.flags.writeable = False
    return picture


def portrait() -> NDArray[np.uint8]:
    """A copy of the portrait: RGB (256, 256, 3), face 100 px wide."""
    return _portrait().copy()


def blank() -> NDArray[np.uint8]:
    """A grey picture (256, 256, 3) without anybody."""
    return np.full((256, 256, 3), 128, np.uint8)


def turn(degrees: float) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The portrait turned about its middle (positive: counter-clockwise), and the affine (2, 3) of its points."""
    matrix = cv2.getRotationMatrix2D((127.5, 127.5), degrees, 1.0).astype(np.float64)
    return cv2.warpAffine(portrait(), matrix, (256, 256), borderMode=cv2.BORDER_REPLICATE).astype(
        np.uint8
    ), matrix


def two_people(left_px: int, right_px: int) -> NDArray[np.uint8]:
    """The portrait twice side by side, scaled to the given sides, on grey (256, left_px + right_px, 3)."""
    picture = np.full((256, left_px + right_px, 3), 128, np.uint8)
    for side, x in ((left_px, 0), (right_px, left_px)):
        picture[:side, x : x + side] = cv2.resize(portrait(), (side, side), interpolation=cv2.INTER_AREA)
    return picture
