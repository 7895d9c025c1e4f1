"""Augmentation of one sample: mirror and colour, the same for every picture of the sample."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from shared.coding.mesh_basis import default_basis

Array = NDArray[np.float32]


@cache
def mirror_order() -> NDArray[np.int64]:
    """Return (468,): which point takes each point's place in a mirrored face (nearest in the mirrored mean shape)."""
    mean = default_basis().mean - default_basis().mean.mean(axis=0)
    mirrored = mean * np.array([-1, 1], np.float32)
    order = np.linalg.norm(mirrored[:, None] - mean[None], axis=2).argmin(axis=0)
    if not np.array_equal(order[order], np.arange(len(order))):
        order = np.where(order[order] == np.arange(len(order)), order, np.arange(len(order)))
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
    return np.clip(curve[picture] * gain, 0.0, 1.0)
