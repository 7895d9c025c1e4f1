"""The keyframe warped by the face mesh alone: no network, no training, the arm that any network has to beat.

    backward flow(p) = weighted mean of (reference point - driving point) around the driving points

Weights are Gaussian in the distance to p (sigma 6 % of the picture's width), with a wider kernel (15 %) where no point
is near, and fade to zero at 35 % of the width from the face. A Gaussian is separable, so all sums over points are
products of two small matrices: sum_i gy[y, i] d_i gx[x, i].

Must import numpy, cv2 and `shared` only. Invariant: no motion gives back the keyframe, bit for bit.
"""

import cv2
import numpy as np

from models.runtime.base import Array, Backend, ModelInfo, Picture, Reference, ReferenceState
from shared.coding import mesh_motion
from shared.coding.motion_layout import MotionValues
from shared.limits import COORDINATE_MAX, PICTURE_SIZE_PX

GRID_SIDE = 64
_NARROW = 0.12
_WIDE = 0.30
_FADE_START, _FADE_END = 0.20, 0.70
"""6, 15, 10 and 35 % of the width, in coordinates that span -1..1."""
_NEAR_WEIGHT = 0.5
"""Sum of narrow weights at which both kernels count the same: half a landmark's worth."""
_SMALLEST = 1e-12


class WarpState(ReferenceState):
    """The keyframe as it is."""

    __slots__ = ("reference",)

    def __init__(self, reference: Reference) -> None:
        self.reference = reference


class MeshWarpBackend(Backend):
    """A `Backend` without weights."""

    name = "mesh-warp"
    device = "CPU, no network"
    model = ModelInfo("mesh-warp", "")

    def encode_reference(self, reference: Reference) -> WarpState:
        """Nothing to prepare."""
        return WarpState(reference)

    def render(
        self,
        state: ReferenceState,
        motion: MotionValues,
        voice: Array | None = None,
        thumbnail: Picture | None = None,
    ) -> Picture:
        """Warp the keyframe; keypoints, codes, voice and thumbnail have no effect."""
        if not isinstance(state, WarpState):
            raise TypeError("a reference of another backend")
        reference = state.reference
        driving = mesh_motion.driving_points(reference.points, motion)
        return warp(
            reference.picture, mesh_flow(reference.points, np.clip(driving, -COORDINATE_MAX, COORDINATE_MAX))
        )


def mesh_flow(reference: Array, driving: Array) -> Array:
    """Backward flow, float32 (64, 64, 2) in -1..1 units, from two meshes (468, 2): where each grid cell comes from."""
    centres = ((np.arange(GRID_SIDE, dtype=np.float32) + 0.5) * (2 / GRID_SIDE) - 1)[:, None]  # (64, 1)
    displacement = reference - driving
    narrow, narrow_weight = _kernel_mean(centres, driving, displacement, _NARROW)
    wide, _ = _kernel_mean(centres, driving, displacement, _WIDE)
    near = narrow_weight / (narrow_weight + _NEAR_WEIGHT)
    flow = near * narrow + (1 - near) * wide
    return np.asarray(flow * _fade(driving)[..., None], np.float32)


def warp(picture: Picture, flow: Array) -> Picture:
    """Sample picture, uint8 (256, 256, 3), at each pixel's place plus flow (64, 64, 2), in -1..1 units."""
    side = PICTURE_SIZE_PX
    fine = cv2.resize(flow, (side, side), interpolation=cv2.INTER_LINEAR) * (side / 2)  # pixels
    places = np.arange(side, dtype=np.float32)
    map_x, map_y = fine[..., 0] + places[None, :], fine[..., 1] + places[:, None]
    moved = cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _kernel_mean(centres: Array, points: Array, values: Array, sigma: float) -> tuple[Array, Array]:
    """Gaussian-weighted mean of values (468, 2) on the grid, (64, 64, 2), and the weights' sum (64, 64, 1)."""
    across = np.exp(-((centres - points[:, 0]) ** 2) / (2 * sigma**2))  # (64, 468)
    down = np.exp(-((centres - points[:, 1]) ** 2) / (2 * sigma**2))
    weight = (down @ across.T)[..., None]
    sums = np.stack([(down * values[:, axis]) @ across.T for axis in (0, 1)], axis=-1)
    return sums / (weight + _SMALLEST), weight


def _fade(points: Array) -> Array:
    """1 up to _FADE_START from the nearest point, falling to 0 at _FADE_END, (64, 64)."""
    cells = np.clip(((points + 1) * (GRID_SIDE / 2)).astype(np.int64), 0, GRID_SIDE - 1)
    empty = np.ones((GRID_SIDE, GRID_SIDE), np.uint8)
    empty[cells[:, 1], cells[:, 0]] = 0
    distance = cv2.distanceTransform(empty, cv2.DIST_L2, 5) * (2 / GRID_SIDE)
    part = np.clip((_FADE_END - distance) / (_FADE_END - _FADE_START), 0, 1)
    return np.asarray(part * part * (3 - 2 * part), np.float32)
