"""References and motions for backends."""

import cv2
import numpy as np

from models.runtime.base import Reference
from shared.coding.mesh_basis import default_basis
from shared.coding.motion_layout import AFFINE, CODES, EXPRESSION, KEYPOINTS, MotionValues


def reference(seed: int = 0) -> Reference:
    """A smooth random picture under the mean face's mesh."""
    noise = np.random.default_rng(seed).integers(0, 256, (256, 256, 3), np.uint8)
    picture = np.asarray(
        cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 6), None, 0, 255, cv2.NORM_MINMAX), np.uint8
    )
    return Reference(
        picture,
        default_basis().mean,
        np.zeros((KEYPOINTS, 2), np.float32),
        np.zeros(CODES, np.float32),
        np.ones((32, 32), np.uint8),
    )


def motion(shift_x: float = 0.0, shift_y: float = 0.0, code: float = 0.0) -> MotionValues:
    affine = np.zeros(AFFINE, np.float32)
    affine[2], affine[5] = shift_x, shift_y
    return MotionValues(
        affine,
        np.zeros(EXPRESSION, np.float32),
        np.zeros((KEYPOINTS, 2), np.float32),
        np.full(CODES, code, np.float32),
    )
