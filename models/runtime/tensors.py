"""Numbers of a call as the networks take them, and what their picture must be.

Must import numpy, cv2 and `shared` only. Invariant: numbers that reach a network are finite and inside their range.
"""

from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.runtime.base import Array, Picture, Reference
from shared.coding import mesh_motion
from shared.coding.motion_layout import CODES, KEYPOINTS, MASK_SIDE, MESH_POINTS, MotionValues
from shared.errors import UserError
from shared.limits import COORDINATE_MAX, PICTURE_SIZE_PX

VOICE_FEATURES: Final = 32
THUMBNAIL_SIDE_PX: Final = 64
_CODE_MAX: Final = 2.0
_NO_VOICE: Final = np.zeros((1, VOICE_FEATURES), np.float32)
_NO_THUMBNAIL: Final = np.zeros((1, 3, THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX), np.float32)
_ABSENT: Final = np.zeros((1, 1), np.float32)
_PRESENT: Final = np.ones((1, 1), np.float32)
DRIVING_INPUTS: Final = frozenset(
    [
        "reference_points",
        "driving_points",
        "reference_keypoints",
        "driving_keypoints",
        "codes",
        "reference_codes",
        "voice",
        "voice_present",
        "thumbnail",
        "thumbnail_present",
    ]
)
"""What `driving_inputs` knows."""


def reference_inputs(reference: Reference) -> dict[str, Array]:
    """image (1, 3, 256, 256) and mask (1, 1, 32, 32), float32 in 0..1."""
    image = reference.picture.astype(np.float32).transpose(2, 0, 1)[None] / 255.0
    mask = reference.mask.astype(np.float32).reshape(1, 1, MASK_SIDE, MASK_SIDE)
    return {"image": np.ascontiguousarray(image), "mask": mask}


def driving_inputs(
    reference: Reference, motion: MotionValues, voice: Array | None, thumbnail: Picture | None
) -> dict[str, Array]:
    """Every render input that is not a feature, float32 with a batch of one."""
    points = mesh_motion.driving_points(reference.points, motion)
    return {
        "reference_points": reference.points.reshape(1, MESH_POINTS, 2),
        "driving_points": _bounded(points, COORDINATE_MAX).reshape(1, MESH_POINTS, 2),
        "reference_keypoints": reference.keypoints.reshape(1, KEYPOINTS, 2),
        "driving_keypoints": _bounded(reference.keypoints + motion.keypoints, COORDINATE_MAX)[None],
        "codes": _bounded(motion.codes, _CODE_MAX).reshape(1, CODES),
        "reference_codes": reference.codes.reshape(1, CODES),
        "voice": _NO_VOICE if voice is None else voice.reshape(1, VOICE_FEATURES),
        "voice_present": _ABSENT if voice is None else _PRESENT,
        "thumbnail": _NO_THUMBNAIL if thumbnail is None else _thumbnail_input(thumbnail),
        "thumbnail_present": _ABSENT if thumbnail is None else _PRESENT,
    }


def only_picture(rendered: NDArray[np.generic]) -> Picture:
    """The picture (256, 256, 3) of a batch of one. Raises UserError unless it is uint8 and of that shape."""
    if rendered.shape != (1, PICTURE_SIZE_PX, PICTURE_SIZE_PX, 3) or rendered.dtype != np.uint8:
        raise UserError(f"The weights give a picture {rendered.dtype} {rendered.shape}: export them again.")
    return cast(Picture, rendered[0])


def _thumbnail_input(picture: Picture) -> Array:
    """RGB uint8 (side, side, 3) to (1, 3, 64, 64) in 0..1."""
    side = (THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX)
    small = picture if picture.shape[:2] == side else cv2.resize(picture, side, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small.astype(np.float32).transpose(2, 0, 1)[None] / np.float32(255.0))


def _bounded(values: Array, limit: float) -> Array:
    return np.clip(np.nan_to_num(values, nan=0.0), -limit, limit).astype(np.float32)
