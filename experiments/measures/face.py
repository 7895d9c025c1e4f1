"""How far a rebuilt face's mesh lies from the original's, with the project's own face mesh (468 points).

Must not import torch or mediapipe. Invariant: both pictures are looked at in the same way (first in the
original's region, then each in its own), so identical pictures are exactly 0 apart.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experiments.measures.picture import Picture
from sender.face.mesh import roi_from_box, roi_from_landmarks
from sender.face.roi import Roi
from sender.face.tracker import MIN_PRESENCE, FaceModels, FaceTracker

OUTER_LIPS: Final = (
    61,
    146,
    91,
    181,
    84,
    17,
    314,
    405,
    321,
    375,
    291,
    409,
    270,
    269,
    267,
    0,
    37,
    39,
    40,
    185,
)
INNER_LIPS: Final = (
    78,
    95,
    88,
    178,
    87,
    14,
    317,
    402,
    318,
    324,
    308,
    415,
    310,
    311,
    312,
    13,
    82,
    81,
    80,
    191,
)
MOUTH: Final = OUTER_LIPS + INNER_LIPS
LEFT_EYE: Final = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
"""Contour of the eye on the picture's left, from its outer corner along the lower lid and back along the
upper one."""
RIGHT_EYE: Final = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)

Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FaceDistance:
    """Mean distances in pixels. landmark_px: all 468 points. mouth_px: the 40 points of the lips, the mean of
    each mouth removed (its shape, not its place). eye_px: the same for each eye's 16 points, averaged over
    both eyes."""

    landmark_px: float
    mouth_px: float
    eye_px: float


NO_DISTANCE: Final = FaceDistance(float("nan"), float("nan"), float("nan"))
"""Where one of the two pictures shows no face."""


class FaceMeasure:
    """Follows the face of one original clip; feed its frames in order."""

    def __init__(self, models: FaceModels) -> None:
        """models: FaceModels.load(); may be shared by measures of one thread."""
        self._models = models
        self._tracker = FaceTracker(models)

    def region(self, original: Picture) -> Roi | None:
        """Where the face of the next original frame is, or None."""
        face = self._tracker.update(original)
        return None if face is None else roi_from_landmarks(face.landmarks)

    def points(self, picture: Picture, region: Roi) -> Points | None:
        """The mesh (468, 2) in pixels of the face near `region`, else of the largest face of the picture, or
        None."""
        near = self._refine(picture, region)
        if near is not None:
            return near
        faces = self._models.detector.detect(picture)
        return self._refine(picture, roi_from_box(faces[0])) if faces else None

    def _refine(self, picture: Picture, region: Roi) -> Points | None:
        first = self._models.mesh.track(picture, region)
        if first.presence < MIN_PRESENCE:
            return None
        second = self._models.mesh.track(picture, roi_from_landmarks(first.landmarks))
        return second.landmarks[:, :2] if second.presence >= MIN_PRESENCE else None


def distance(original: Points | None, rebuilt: Points | None) -> FaceDistance:
    """The three distances of two meshes (468, 2); NO_DISTANCE when one is missing."""
    if original is None or rebuilt is None:
        return NO_DISTANCE
    eyes = [shape_distance(original[list(eye)], rebuilt[list(eye)]) for eye in (LEFT_EYE, RIGHT_EYE)]
    return FaceDistance(
        landmark_px=mean_distance(original, rebuilt),
        mouth_px=shape_distance(original[list(MOUTH)], rebuilt[list(MOUTH)]),
        eye_px=sum(eyes) / 2,
    )


def mean_distance(a: Points, b: Points) -> float:
    """Mean Euclidean distance of corresponding points."""
    return float(np.linalg.norm(a - b, axis=1).mean())


def shape_distance(a: Points, b: Points) -> float:
    """Mean distance after each set's own mean was removed."""
    return mean_distance(a - a.mean(axis=0), b - b.mean(axis=0))
