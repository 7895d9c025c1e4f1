"""Follow one face through a video: detect when lost, follow the mesh otherwise.

Must not import torch or mediapipe. Invariant: the face followed changes only after it was lost; landmarks are those
of the picture handed in, unsmoothed, so that they never lag.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sender.face.detector import FaceBox, FaceDetector, overlap
from sender.face.iris import Iris
from sender.face.mesh import FaceMesh, MeshResult, roi_from_box, roi_from_landmarks
from sender.face.models import load_prior
from sender.face.roi import Roi

MIN_PRESENCE: Final = 0.5
"""Mesh presence below which the face counts as lost (MediaPipe's default)."""
CHECK_INTERVAL_FRAMES: Final = 50
"""How often the detector looks while tracking (2 s at 25 fps), to let go of a mesh that settled on something else."""
SAME_FACE_OVERLAP: Final = 0.2
"""Intersection over union of a detection and the mesh's box from which they are the same face."""


class TrackState(Enum):
    """What the tracker is doing."""

    NO_FACE = "no face"
    TRACKING = "tracking"


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """The face in one picture.

    landmarks: float32 (468, 3) in picture pixels. presence: 0..1. count: faces in the picture when the detector last
    looked (at least 1).
    """

    landmarks: NDArray[np.float32]
    presence: float
    count: int


@dataclass(frozen=True, slots=True)
class FaceModels:
    """The networks that face work needs; stateless, one set may serve many trackers of one thread."""

    detector: FaceDetector
    mesh: FaceMesh
    iris: Iris

    @classmethod
    def load(cls) -> "FaceModels":
        """Open the priors shipped with facewire. Raises UserError when one is missing."""
        return cls(
            FaceDetector(load_prior("face_detector")),
            FaceMesh(load_prior("face_mesh")),
            Iris(load_prior("iris")),
        )


class FaceTracker:
    """One face of one video. Feed every picture in order."""

    def __init__(self, models: FaceModels) -> None:
        """models: see FaceModels.load."""
        self._models = models
        self._landmarks: NDArray[np.float32] | None = None
        self._last_box: NDArray[np.float32] | None = None
        self._frames_to_check = 0
        self._count = 0

    @property
    def state(self) -> TrackState:
        """TRACKING when the last picture had the face."""
        return TrackState.NO_FACE if self._landmarks is None else TrackState.TRACKING

    @property
    def count(self) -> int:
        """Faces in the picture when the detector last looked, the followed one included."""
        return self._count

    def reset(self) -> None:
        """Forget the face (a cut in the video, another camera)."""
        self._landmarks = self._last_box = None
        self._count = 0

    def update(self, picture: NDArray[np.uint8]) -> TrackedFace | None:
        """The followed face in the next RGB picture (H, W, 3), or None when there is none."""
        result = self._follow(picture) or self._acquire(picture)
        if result is None:
            self._landmarks = None
            return None
        self._landmarks = result.landmarks
        self._last_box = mesh_box(result.landmarks)
        return TrackedFace(result.landmarks, result.presence, self._count)

    def _follow(self, picture: NDArray[np.uint8]) -> MeshResult | None:
        """The mesh near where it was, or None when lost."""
        if self._landmarks is None:
            return None
        result = self._mesh(picture, roi_from_landmarks(self._landmarks))
        if result is None:
            return None
        self._frames_to_check -= 1
        if self._frames_to_check <= 0 and not self._confirmed(picture, result):
            return None
        return result

    def _confirmed(self, picture: NDArray[np.uint8], result: MeshResult) -> bool:
        """Whether the detector agrees. Its silence is no objection: it sees turned faces worse than the mesh does."""
        self._frames_to_check = CHECK_INTERVAL_FRAMES
        faces = self._models.detector.detect(picture)
        self._count = max(1, len(faces))
        return not faces or bool((overlaps(mesh_box(result.landmarks), faces) > SAME_FACE_OVERLAP).any())

    def _acquire(self, picture: NDArray[np.uint8]) -> MeshResult | None:
        """Start again from a detection: the face followed last where it still is, else the largest."""
        faces = self._models.detector.detect(picture)
        self._count = len(faces)
        self._frames_to_check = CHECK_INTERVAL_FRAMES
        for face in self._by_preference(faces):
            first = self._mesh(picture, roi_from_box(face))
            # A second look from the mesh's own region: a detection's box is too coarse for the final landmarks.
            result = first and self._mesh(picture, roi_from_landmarks(first.landmarks))
            if result is not None:
                return result
        return None

    def _by_preference(self, faces: list[FaceBox]) -> list[FaceBox]:
        if self._last_box is None or not faces:
            return faces
        known = overlaps(self._last_box, faces)
        return [faces[i] for i in np.argsort(-np.where(known > SAME_FACE_OVERLAP, known, 0), kind="stable")]

    def _mesh(self, picture: NDArray[np.uint8], roi: Roi) -> MeshResult | None:
        result = self._models.mesh.track(picture, roi)
        return result if result.presence >= MIN_PRESENCE else None


def mesh_box(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bounding box (2, 2) of a mesh: top left, bottom right."""
    return np.stack([landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)])


def overlaps(box: NDArray[np.float32], faces: list[FaceBox]) -> NDArray[np.float32]:
    """Intersection over union (N,) of a box (2, 2) with each detection."""
    return overlap(box, np.array([face.box_px for face in faces], np.float32).reshape(-1, 2, 2))
