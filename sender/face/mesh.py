"""Follow 468 points of a face: MediaPipe's face mesh network (Kartynnik et al. 2019, arXiv 1907.06724).

Must not import torch or mediapipe. Invariant: landmarks are in pixels of the picture handed in, whatever the region.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sender.face.detector import FaceBox
from sender.face.roi import Roi, crop, enclosing_roi, to_picture

INPUT_PX: Final = 192
"""Side of the network's input."""
LANDMARKS: Final = 468
"""Points of the mesh (MediaPipe's canonical face, without irises)."""
ROI_SCALE: Final = 1.5
"""Region over the longer side of the face's box."""
EYE_OUTER_LEFT, EYE_OUTER_RIGHT = 33, 263
"""Outer corners of the eyes (left and right in the picture): the line that the region is levelled by."""


@dataclass(frozen=True, slots=True)
class MeshResult:
    """landmarks: float32 (468, 3), x and y in picture pixels, z in the same unit (towards the camera negative).

    presence: probability 0..1 that the region held a face.
    """

    landmarks: NDArray[np.float32]
    presence: float


class FaceMesh:
    """The mesh of the face in one region; stateless."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        """session: the prior 'face_mesh'."""
        self._session = session

    def track(self, picture: NDArray[np.uint8], roi: Roi) -> MeshResult:
        """Mesh of the face in `roi` of an RGB picture (H, W, 3)."""
        tensor = crop(picture, roi, INPUT_PX)
        points, logit = self._session.run(["landmarks", "presence_logit"], {"image": tensor})
        presence = 1 / (1 + np.exp(-np.clip(float(logit.ravel()[0]), -50, 50)))
        return MeshResult(to_picture(points.reshape(LANDMARKS, 3), roi, INPUT_PX), float(presence))


def roi_from_box(face: FaceBox) -> Roi:
    """Region for a face that was just detected."""
    corners = np.array(face.box_px, np.float32).reshape(2, 2)
    return enclosing_roi(corners, face.keypoints_px[0], face.keypoints_px[1], ROI_SCALE)


def roi_from_landmarks(landmarks: NDArray[np.float32]) -> Roi:
    """Region for the next frame from this frame's mesh (468, 3)."""
    return enclosing_roi(landmarks, landmarks[EYE_OUTER_LEFT], landmarks[EYE_OUTER_RIGHT], ROI_SCALE)
