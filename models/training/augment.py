"""Augmentation of one sample: mirror and colour, the same for every picture of the sample."""

from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.coding.motion_layout import MESH_POINTS

Array = NDArray[np.float32]


MIDLINE: Final = (0, 1, 2, 4, 5, 6, *range(8, 20), 94, 151, 152, 164, 168, 175, 195, 197, 199, 200)
"""Mesh points on the line between the halves of the face."""
LEFT_HALF: Final = 248
"""From here on all points are in the left half, in the order in which their partners of the right half come before."""


@cache
def mirror_order() -> NDArray[np.int64]:
    """Return (468,): which point takes each point's place in a mirrored face."""
    left = np.arange(LEFT_HALF, MESH_POINTS)
    right = np.setdiff1d(np.arange(LEFT_HALF), MIDLINE)
    order = np.arange(MESH_POINTS)
    order[left], order[right] = right, left
    return order


def mirror_points(points: Array) -> Array:
    """Return mesh points (..., 468, 2) of the mirrored picture."""
    return np.ascontiguousarray(points[..., mirror_order(), :] * np.array([-1, 1], np.float32))


def colour_curve(random: np.random.Generator) -> tuple[Array, Array]:
    """Return gain (3,) and a 256-entry brightness curve: light, contrast, gamma and white balance of one sample."""
    gain = random.uniform(0.9, 1.1, 3) * random.uniform(0.8, 1.15)
    gamma, offset = random.uniform(0.85, 1.2), random.uniform(-0.06, 0.06)
    curve = (np.arange(256) / 255.0) ** gamma + offset
    return gain.astype(np.float32), curve.astype(np.float32)


def apply_colour(picture: NDArray[np.uint8], colour: tuple[Array, Array] | None) -> Array:
    """Return picture (H, W, 3) uint8 as float32 0..1, through the curve and gain if there are any."""
    if colour is None:
        return picture.astype(np.float32) / np.float32(255)
    gain, curve = colour
    table = np.clip(curve[:, None] * gain, 0.0, 1.0)
    return cv2.LUT(np.ascontiguousarray(picture), table[None])
