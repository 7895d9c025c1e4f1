"""Find faces: the short-range BlazeFace network (Bazarevsky et al. 2019, arXiv 1907.05047) around ONNX Runtime.

Must not import torch or mediapipe. Invariant: boxes and keypoints are in pixels of the picture handed in.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

INPUT_PX: Final = 128
"""Side of the network's input."""
MIN_SCORE: Final = 0.5
"""Weakest detection reported (MediaPipe's default)."""
MIN_OVERLAP: Final = 0.3
"""Intersection over union from which two candidates are the same face."""
LOGIT_LIMIT: Final = 80.0
"""Scores are clipped here before the sigmoid, which float32 could not take further."""
KEYPOINTS: Final = 6
"""Eyes (picture's left one first), nose tip, mouth, ear tragions (left one first)."""
GRID_LAYERS: Final = ((16, 2), (8, 6))
"""Anchor grids: cells per side and anchors per cell (strides 8, and 16 three times)."""


@dataclass(frozen=True, slots=True)
class FaceBox:
    """One detected face. box_px: left, top, right, bottom. score: 0..1. keypoints_px: float32 (6, 2), see KEYPOINTS."""

    box_px: tuple[float, float, float, float]
    score: float
    keypoints_px: NDArray[np.float32]

    @property
    def area_px(self) -> float:
        """Area of the box in square pixels."""
        left, top, right, bottom = self.box_px
        return max(0.0, right - left) * max(0.0, bottom - top)


class FaceDetector:
    """Faces up to about 2 m from the camera, upright to about 45 degrees."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        """session: the prior 'face_detector'."""
        self._session = session
        self._anchors = anchor_centers()

    def detect(self, picture: NDArray[np.uint8]) -> list[FaceBox]:
        """Faces in an RGB picture (H, W, 3), largest first, then by score."""
        tensor, step_px, left_px, top_px = letterbox(picture)
        regressors, logits = self._session.run(["regressors", "score_logits"], {"image": tensor})
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0], -LOGIT_LIMIT, LOGIT_LIMIT)))
        chosen = scores >= MIN_SCORE
        points = decode(regressors[0][chosen], self._anchors[chosen])
        points = (points - np.array([left_px, top_px], np.float32)) * np.float32(step_px)
        faces = [to_box(p, s) for p, s in weighted_suppression(points, scores[chosen])]
        return sorted(faces, key=lambda face: (-face.area_px, -face.score))


def anchor_centers() -> NDArray[np.float32]:
    """Anchor centres (896, 2) in input pixels; all anchors have the input's size, so that only centres matter."""
    centers = []
    for cells, per_cell in GRID_LAYERS:
        y, x = np.mgrid[0:cells, 0:cells]
        grid = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) * (INPUT_PX / cells)
        centers.append(np.repeat(grid, per_cell, axis=0))
    return np.concatenate(centers).astype(np.float32)


def letterbox(picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float, float, float]:
    """Fit a picture into the input with black bars.

    Returns the tensor (1, 128, 128, 3) in -1..1, picture pixels per input pixel, and the width of the bars at the
    left and at the top in input pixels.
    """
    height, width = picture.shape[:2]
    step = max(height, width) / INPUT_PX
    left, top = (INPUT_PX - width / step) / 2, (INPUT_PX - height / step) / 2
    to_source = np.array([[step, 0, -left * step], [0, step, -top * step]])
    fitted = cv2.warpAffine(
        picture, to_source, (INPUT_PX, INPUT_PX), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    tensor = fitted.astype(np.float32) / np.float32(127.5) - np.float32(1)
    return tensor[np.newaxis], step, left, top


def decode(regressors: NDArray[np.float32], centers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Network output (N, 16) as points (N, 8, 2) in input pixels: box corners (2), then keypoints (6)."""
    raw = regressors.reshape(-1, 2 + KEYPOINTS, 2)
    middle, half = raw[:, 0] + centers, raw[:, 1] / 2
    corners = np.stack([middle - half, middle + half], axis=1)
    return np.concatenate([corners, raw[:, 2:] + centers[:, np.newaxis]], axis=1)


def weighted_suppression(
    points: NDArray[np.float32], scores: NDArray[np.float32]
) -> list[tuple[NDArray[np.float32], float]]:
    """Candidates that overlap become one face: the mean of their points by score (BlazeFace's blending)."""
    order = np.argsort(-scores, kind="stable")
    points, scores = points[order], scores[order]
    faces = []
    while len(scores):
        same = overlap(points[0], points) > MIN_OVERLAP
        same[0] = True
        weight = scores[same] / scores[same].sum()
        faces.append((np.einsum("n,nkc->kc", weight, points[same]), float(scores[0])))
        points, scores = points[~same], scores[~same]
    return faces


def overlap(one: NDArray[np.float32], many: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of the box in one (>=2, 2) with those in many (N, >=2, 2): (N,) in 0..1."""
    low, high = np.maximum(one[0], many[:, 0]), np.minimum(one[1], many[:, 1])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = (many[:, 1] - many[:, 0]).prod(axis=1) + (one[1] - one[0]).prod()
    result: NDArray[np.float32] = shared / np.maximum(areas - shared, 1e-9)
    return result


def to_box(points: NDArray[np.float32], score: float) -> FaceBox:
    """Points (8, 2) in picture pixels as a FaceBox."""
    left, top, right, bottom = (float(v) for v in points[:2].ravel())
    return FaceBox((left, top, right, bottom), score, points[2:].astype(np.float32))
