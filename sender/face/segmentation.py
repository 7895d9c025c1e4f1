"""Separate the person from the background: MediaPipe's selfie segmentation network (general, 256x256).

Must not import torch or mediapipe. Invariant: the mask has the picture's orientation and covers all of it.
"""

from typing import Final

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

INPUT_PX: Final = 256
"""Side of the network's input."""
MASK_PX: Final = 64
"""Side of the mask: the resolution of the motion field that it guides."""


class PersonSegmenter:
    """Where the person is; stateless."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        """session: the prior 'segmentation'."""
        self._session = session

    def mask(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probability 0..1 of the person, float32 (64, 64): area means over an RGB picture (H, W, 3)."""
        if picture.shape[:2] != (INPUT_PX, INPUT_PX):
            enlarge = min(picture.shape[:2]) < INPUT_PX
            method = cv2.INTER_LINEAR if enlarge else cv2.INTER_AREA
            picture = cv2.resize(picture, (INPUT_PX, INPUT_PX), interpolation=method).astype(np.uint8)
        tensor = (picture.astype(np.float32) / np.float32(255.0))[np.newaxis]
        (full,) = self._session.run(["mask"], {"image": tensor})
        small = cv2.resize(full[0, :, :, 0], (MASK_PX, MASK_PX), interpolation=cv2.INTER_AREA)
        result: NDArray[np.float32] = np.clip(small, 0, 1).astype(np.float32)
        return result
