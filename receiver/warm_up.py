"""A grey keyframe that does not move: to warm an engine up, and to measure it without anybody's picture."""

import numpy as np

from receiver.backends.base import Reference
from shared.coding.mesh_basis import default_basis
from shared.coding.motion_layout import AFFINE, CODES, EXPRESSION, KEYPOINTS, MotionValues
from shared.limits import PICTURE_SIZE_PX


def neutral_reference() -> Reference:
    """A grey picture with the mean mesh."""
    picture = np.full((PICTURE_SIZE_PX, PICTURE_SIZE_PX, 3), 128, np.uint8)
    keypoints, codes = np.zeros((KEYPOINTS, 2), np.float32), np.zeros(CODES, np.float32)
    return Reference(picture, default_basis().mean, keypoints, codes, np.ones((32, 32), np.uint8))


def neutral_motion() -> MotionValues:
    """No motion at all."""
    keypoints, codes = np.zeros((KEYPOINTS, 2), np.float32), np.zeros(CODES, np.float32)
    return MotionValues(np.zeros(AFFINE, np.float32), np.zeros(EXPRESSION, np.float32), keypoints, codes)
