"""The unquantised motion code of whole clips, for `experiments.motion_table`.

Must not import torch. Invariant: mesh, keypoints and codes come from the networks and fits that a sender uses; only the
rounding is left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.cache import read_frames, track_faces
from models.training.dataset import CachedClip
from sender.motion_encoder import MotionEncoder
from shared.coding import mesh_basis
from shared.coding.mesh_motion import driving_points
from shared.coding.motion_layout import ANCHOR_SYMBOLS, CODES, KEYPOINTS, MotionValues
from shared.coding.shape_code import dequantise_anchors
from shared.limits import PICTURE_SIZE_PX

Array = NDArray[np.float32]
HALF_PX = PICTURE_SIZE_PX / 2
"""Pixels of one unit of -1..1."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipMotion:
    """One clip at 25 frames a second, relative to its first frame.

    reference: (468, 2), its mesh as a receiver decodes it. points: (T, 468, 2), the tracked meshes. affine: (T, 6), not
    rounded. learned: (T, 24), keypoints and codes less the reference's. free: (T, 468, 2), meshes that the unquantised code
    drives.
    """

    name: str
    reference: Array
    points: Array
    affine: Array
    learned: Array
    free: Array

    def values(self, index: int, affine: Array) -> MotionValues:
        """The motion code of one frame around a pose (6,), which may be rounded: the expression is what it leaves over."""
        expression = mesh_basis.fit_expression(
            self.reference, self.points[index], affine, mesh_basis.default_basis()
        )
        learned = self.learned[index]
        keypoints = learned[: 2 * KEYPOINTS].reshape(KEYPOINTS, 2)
        return MotionValues(affine, expression, keypoints, learned[2 * KEYPOINTS :])


def motion_of_clip(path: Path, coder: MotionEncoder) -> ClipMotion:
    """Track and analyse a video file. UserError when it is unreadable or has no steady face."""
    frames = read_frames(path)
    points, masks = track_faces(frames)
    return motion_of_frames(path.stem, frames, points, masks, coder)


def motion_of_cached(clip: CachedClip, coder: MotionEncoder) -> ClipMotion:
    """The same from a training cache, which holds the tracked meshes."""
    return motion_of_frames(clip.name, clip.frames, np.array(clip.points), clip.masks, coder)


def motion_of_frames(
    name: str, frames: NDArray[np.uint8], points: Array, masks: NDArray[np.uint8], coder: MotionEncoder
) -> ClipMotion:
    """The same of frames (T, 256, 256, 3) whose meshes (T, 468, 2) and masks were found already."""
    found = [
        _analysed(frame, mesh, mask, coder) for frame, mesh, mask in zip(frames, points, masks, strict=True)
    ]
    code = coder.make_reference(np.asarray(frames[0]), _pixels(points[0]), _soft(masks[0]))
    reference = code.points()
    learned = np.stack(found) - dequantise_anchors(code.anchors)
    basis = mesh_basis.default_basis()
    affine = np.stack([mesh_basis.fit_affine(reference, mesh, basis.rigid) for mesh in points])
    bare = ClipMotion(name, reference, points, affine, learned, points)
    free = np.stack(
        [driving_points(reference, bare.values(index, affine[index])) for index in range(len(points))]
    )
    return ClipMotion(name, reference, points, affine, learned, free)


def _analysed(frame: NDArray[np.uint8], mesh: Array, mask: NDArray[np.uint8], coder: MotionEncoder) -> Array:
    """Keypoints and codes of one frame, (24,)."""
    keypoints, codes = coder._analyse(np.asarray(frame), _pixels(mesh), _soft(mask))
    together = np.concatenate((keypoints.reshape(-1), codes.reshape(CODES)))
    return np.asarray(together.reshape(ANCHOR_SYMBOLS), np.float32)


def _pixels(mesh: Array) -> Array:
    return np.asarray((mesh + 1) * HALF_PX - 0.5, np.float32)


def _soft(mask: NDArray[np.uint8]) -> Array:
    return np.asarray(mask / 255, np.float32)


def distance_px(one: Iterable[Array], other: Iterable[Array]) -> NDArray[np.float64]:
    """Mean distance in px of corresponding points of meshes (468, 2) in -1..1, one number for each pair."""
    return np.array(
        [
            float(np.linalg.norm(a.astype(np.float64) - b, axis=1).mean()) * HALF_PX
            for a, b in zip(one, other, strict=True)
        ]
    )
