"""A keyframe as it travels, in the units of the networks.

Must import numpy, OpenCV and `shared` only. Invariant: what comes out has the network's shapes, whatever a peer sent, or the
keyframe was refused.
"""

import cv2
import numpy as np

from models.runtime.base import Picture, Reference
from shared.coding.mesh_motion import points_from_shape
from shared.coding.motion_layout import KEYPOINTS
from shared.coding.shape_code import dequantise_anchors
from shared.frames import Keyframe
from shared.keyframe_image import decode_keyframe_image
from shared.limits import PICTURE_SIZE_PX


def decode_reference(keyframe: Keyframe) -> Reference:
    """What a keyframe carries, in the network's units. Raises MalformedMessage."""
    picture = decode_keyframe_image(keyframe.image, keyframe.width_px, keyframe.height_px)
    anchors = dequantise_anchors(keyframe.anchors)
    return Reference(
        picture=_at_size(picture),
        points=points_from_shape(keyframe.shape),
        keypoints=anchors[: 2 * KEYPOINTS].reshape(KEYPOINTS, 2),
        codes=anchors[2 * KEYPOINTS :],
        mask=np.asarray(keyframe.mask, np.uint8),
    )


def _at_size(picture: Picture) -> Picture:
    if picture.shape[:2] == (PICTURE_SIZE_PX, PICTURE_SIZE_PX):
        return picture
    size = (PICTURE_SIZE_PX, PICTURE_SIZE_PX)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
