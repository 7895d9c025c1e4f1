"""Find the irises, for gaze: MediaPipe's iris network (Ablavatski et al. 2020, arXiv 2006.11341).

Must not import torch or mediapipe. Invariant: points are in pixels of the picture handed in.
"""

from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from sender.face.roi import Roi, crop, enclosing_roi, to_picture

INPUT_PX: Final = 64
"""Side of the network's input."""
ROI_SCALE: Final = 2.3
"""Region over the distance between an eye's corners."""
EYE_CORNERS: Final = ((33, 133), (362, 263))
"""Mesh indices of the corners, left to right in the picture: of the picture's left eye, then of its right eye."""
IRIS_POINTS: Final = 5
"""Centre, then four points of the rim."""


class Iris:
    """Five points per iris, from the picture and the face's mesh; stateless."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        """session: the prior 'iris'."""
        self._session = session

    def locate(self, picture: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Iris points (2, 5, 2) for a mesh (468, 3): the picture's left eye, then its right one; centre first."""
        left, right = (eye_roi(landmarks, corners) for corners in EYE_CORNERS)
        return np.stack([self._locate(picture, left, False), self._locate(picture, right, True)])

    def _locate(self, picture: NDArray[np.uint8], roi: Roi, mirrored: bool) -> NDArray[np.float32]:
        # The network knows the picture's left eye only; the other one is shown to it mirrored.
        tensor = crop(picture, roi, INPUT_PX)
        if mirrored:
            tensor = np.ascontiguousarray(tensor[:, :, ::-1])
        (points,) = self._session.run(["iris"], {"image": tensor})
        points = points.reshape(IRIS_POINTS, 3)
        if mirrored:
            points[:, 0] = INPUT_PX - points[:, 0]
        return to_picture(points, roi, INPUT_PX)[:, :2]


def eye_roi(landmarks: NDArray[np.float32], corners: tuple[int, int]) -> Roi:
    """Region about one eye from a mesh (468, 3)."""
    start, end = landmarks[corners[0]], landmarks[corners[1]]
    return enclosing_roi(np.stack([start, end]), start, end, ROI_SCALE)
