"""The gallery of one call: received keyframes, decoded and prepared for the network.

Must not import asyncio. Invariant: at most GALLERY_SIZE references, the oldest leaves first, as in
`shared.core.playout`; a keyframe that cannot be decoded changes nothing. Safe to use from two threads.
"""

import threading
from collections import OrderedDict

import cv2
import numpy as np

from receiver.backends.base import Backend, Picture, Reference, ReferenceState
from shared.coding.mesh_motion import points_from_shape
from shared.coding.motion_layout import KEYPOINTS
from shared.coding.shape_code import dequantise_anchors
from shared.frames import Keyframe
from shared.keyframe_image import decode_keyframe_image
from shared.limits import GALLERY_SIZE, PICTURE_SIZE_PX


class ReferenceStore:
    """References by keyframe_id."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._states: OrderedDict[int, ReferenceState] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, keyframe: Keyframe) -> None:
        """Decode and prepare a keyframe. Raises MalformedMessage for a picture that is none."""
        state = self._backend.encode_reference(decode_reference(keyframe))
        with self._lock:
            self._states.pop(keyframe.keyframe_id, None)
            self._states[keyframe.keyframe_id] = state
            if len(self._states) > GALLERY_SIZE:
                self._states.popitem(last=False)

    def get(self, keyframe_id: int) -> ReferenceState | None:
        """The prepared reference, None when it was never added or has left."""
        with self._lock:
            return self._states.get(keyframe_id)

    def __len__(self) -> int:
        return len(self._states)


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
