"""Move a portrait: 468 mesh points turned in three dimensions, triangles warped, lids and mouth painted as
layers.

Must import numpy, OpenCV, scipy and `sender.face`. Invariant: the background never moves, and the portrait's
own pixels are only moved, but for the inside of the mouth (dark, with the portrait's upper teeth in front).
Works at RENDER_PX and halves, which smooths every edge.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from experiments.measures.face import INNER_LIPS, LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from experiments.sample.motion import Pose

RENDER_PX: Final = 512
UNIT: Final = RENDER_PX / 256
"""Pixels of the working size in 1/256 of the picture."""
GRID_PX: Final = 24
"""Spacing of the control points outside the face."""
GRID_MARGIN_PX: Final = 14
"""They keep this distance from the mesh, so that no sliver triangles form along the cheek."""
DEPTH_SMOOTHING_PX: Final = 30
"""Over this distance their depth is the mean of the mesh's."""
MESH_SMOOTHING_PX: Final = 14
"""The mesh's own depth is smoothed a little: it folds at the cheek's edge, where the picture has no pixels
for it."""
HEAD_FADE_PX: Final = 34
"""The head's motion fades out over this distance around it."""
CORNERS: Final = (78, 308)
"""Inner corners of the mouth."""
UPPER_INNER: Final = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_INNER: Final = (95, 88, 178, 87, 14, 317, 402, 318, 324)
UPPER_OUTER: Final = (185, 40, 39, 37, 0, 267, 269, 270, 409)
LOWER_OUTER: Final = (146, 91, 181, 84, 17, 314, 405, 321, 375)
BROWS: Final = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
CHIN: Final = 152
CAVITY_RGB: Final = (52, 18, 20)
TONGUE_RGB: Final = (128, 62, 60)

Points = NDArray[np.float64]
Layer = NDArray[np.float32]
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Portrait:
    """What is moved. picture, background: RGB uint8 (RENDER_PX, RENDER_PX, 3); the background has the person
    painted out.

    matte: float32 0..1, the person. mesh: (468, 3) in pixels of the picture. head: uint8 mask of head and
    neck.
    """

    picture: Picture
    background: Picture
    matte: NDArray[np.float32]
    mesh: Points
    head: NDArray[np.uint8]


class Puppet:
    """Renders one pose at a time; holds no state between poses."""

    def __init__(self, portrait: Portrait) -> None:
        self._portrait = portrait
        self._picture = portrait.picture.astype(np.float32)
        self._mesh = _smooth_depth(portrait.mesh)
        self._pivot = self._find_pivot()
        self._grid, self._grid_depth, self._weight = self._make_grid()
        self._points = np.vstack([self._mesh[:, :2], self._grid])
        self._triangles = Delaunay(self._points).simplices
        self._teeth = self._paint_teeth()

    def render(self, pose: Pose) -> Picture:
        """RGB uint8 (256, 256, 3)."""
        rigid = self._turn(self._mesh, pose)
        face = self._turn(self._mesh + self._expression(pose), pose)
        moved = np.vstack([face[:, :2], self._move_grid(pose)])
        backward = self._backward_map(moved, face)
        picture = _sample(self._picture, backward)
        picture = self._add_eyes(picture, rigid, face, pose)
        picture = self._add_mouth(picture, rigid, face)
        matte = _sample(self._portrait.matte, backward)[:, :, np.newaxis]
        full = picture * matte + self._portrait.background * (1 - matte)
        half = cv2.resize(
            full.astype(np.float32), (RENDER_PX // 2, RENDER_PX // 2), interpolation=cv2.INTER_AREA
        )
        return np.asarray(half.round().clip(0, 255), np.uint8)

    # --- geometry -------------------------------------------------------------------------------------------

    def _find_pivot(self) -> Points:
        """Where the head turns: the face's middle, at the chin's height, as deep as the ears."""
        low, high = self._mesh.min(axis=0), self._mesh.max(axis=0)
        return np.array([(low[0] + high[0]) / 2, high[1] + 10 * UNIT, high[2]])

    def _make_grid(self) -> tuple[Points, Points, Points]:
        """Control points outside the face (N, 2), their depth (N,) and how much of the head's motion they
        take (N,)."""
        axis = np.arange(-2 * GRID_PX, RENDER_PX + 3 * GRID_PX, GRID_PX, dtype=np.float64)
        grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
        hull = cv2.convexHull(self._mesh[:, :2].astype(np.float32))
        outside = np.array([-cv2.pointPolygonTest(hull, (float(x), float(y)), True) for x, y in grid])
        grid, outside = grid[outside > GRID_MARGIN_PX], outside[outside > GRID_MARGIN_PX]
        front = np.exp(-((outside / 45) ** 2))
        square = ((grid[:, None] - self._mesh[None, :, :2]) ** 2).sum(axis=2)
        near = np.exp(-(square - square.min(axis=1, keepdims=True)) / (2 * DEPTH_SMOOTHING_PX**2))
        depth = front * (near @ self._mesh[:, 2]) / near.sum(axis=1) + (1 - front) * self._pivot[2]
        away = cv2.distanceTransform(1 - self._portrait.head, cv2.DIST_L2, 5)
        at = np.clip(grid.round().astype(int), 0, RENDER_PX - 1)
        fade = np.clip(1 - away[at[:, 1], at[:, 0]] / HEAD_FADE_PX, 0, 1)
        chin_y = float(self._mesh[CHIN, 1])
        neck = np.clip((chin_y + 60 - grid[:, 1]) / 60, 0, 1)
        return grid, depth, fade**2 * (3 - 2 * fade) * neck**2 * (3 - 2 * neck)

    def _turn(self, points: Points, pose: Pose) -> Points:
        """Rigid motion of (N, 3) points in the orthographic picture."""
        matrix = _rotation(pose.yaw, pose.pitch, pose.roll) * pose.scale
        shift = np.array([pose.shift[0], pose.shift[1], 0.0]) * UNIT
        return np.asarray((points - self._pivot) @ matrix.T + self._pivot + shift, np.float64)

    def _move_grid(self, pose: Pose) -> Points:
        head = self._turn(np.column_stack([self._grid, self._grid_depth]), pose)[:, :2]
        body = self._grid + np.array(pose.sway) * UNIT
        weight = self._weight[:, np.newaxis]
        return np.asarray(weight * head + (1 - weight) * body, np.float64)

    # --- expression -----------------------------------------------------------------------------------------

    def _expression(self, pose: Pose) -> Points:
        """Displacement (468, 3) of the mesh by mouth, lids and brows, before the head turns."""
        move = np.zeros_like(self._mesh)
        move[:, :2] = self._mouth_move(pose) + self._lid_move(pose) + self._brow_move(pose)
        return move

    def _mouth_move(self, pose: Pose) -> Points:
        xy = self._mesh[:, :2]
        width = float(np.linalg.norm(xy[CORNERS[1]] - xy[CORNERS[0]]))
        center = xy[list(CORNERS)].mean(axis=0)
        gap = xy[list(LOWER_INNER)] - xy[list(UPPER_INNER)]
        middle_gap = float(gap[len(gap) // 2, 1])
        factor = pose.opening * width / middle_gap
        # The jaw takes what opens the mouth; the upper lip helps to close it over the teeth.
        drop = max(0.0, pose.opening * width - middle_gap)
        close = np.minimum(factor, 1.0) - 1.0
        lips = {i: np.zeros(2) for i in (*OUTER_LIPS, *INNER_LIPS)}
        for k, (up, low, out_up, out_low) in enumerate(
            zip(UPPER_INNER, LOWER_INNER, UPPER_OUTER, LOWER_OUTER, strict=True)
        ):
            bow = np.sin(np.pi * (k + 1) / (len(UPPER_INNER) + 1)) ** 0.7
            lips[up] = -0.6 * close * gap[k] - np.array([0, 0.06 * drop * bow])
            lips[low] = 0.4 * close * gap[k] + np.array([0, drop * bow])
            lips[out_up], lips[out_low] = 0.7 * lips[up], lips[low].copy()
        squeeze = 1 - 0.24 * max(pose.rounding, 0) - 0.06 * min(pose.rounding, 0)
        for i in lips:
            lips[i][0] += (squeeze - 1) * (xy[i, 0] - center[0])
        jaw = self._jaw_weight(center)[:, np.newaxis] * np.array([0.0, 0.9 * drop])
        index = list(lips)
        residual = np.array([lips[i] for i in index]) - jaw[index]
        move = jaw + _spread(xy, xy[index], residual, 9 * UNIT)
        move[index] = np.array([lips[i] for i in index])
        return np.asarray(move, np.float64)

    def _jaw_weight(self, center: Points) -> Points:
        """0 above the mouth, 1 at the chin, fading towards the ears."""
        xy = self._mesh[:, :2]
        chin = xy[CHIN]
        down = np.clip((xy[:, 1] - center[1]) / (0.75 * (chin[1] - center[1])), 0, 1)
        half_width = 0.5 * (xy[:, 0].max() - xy[:, 0].min())
        side = np.clip(1 - (np.abs(xy[:, 0] - center[0]) / half_width) ** 3, 0, 1)
        return np.asarray(down * side, np.float64)

    def _lid_move(self, pose: Pose) -> Points:
        xy = self._mesh[:, :2]
        move = np.zeros_like(xy)
        for eye in (LEFT_EYE, RIGHT_EYE):
            upper, lower = list(eye[9:16]), list(eye[7:0:-1])
            order = np.argsort(xy[lower, 0])
            rest = np.interp(xy[upper, 0], xy[lower, 0][order], xy[lower, 1][order])
            drop = np.stack([np.zeros(len(upper)), pose.blink * 0.95 * (rest - xy[upper, 1])], axis=1)
            fixed = [*lower, eye[0], eye[8]]
            spread = _spread(xy, xy[[*upper, *fixed]], np.vstack([drop, np.zeros((len(fixed), 2))]), 4 * UNIT)
            spread[fixed], spread[upper] = 0, drop
            move += spread
        return move

    def _brow_move(self, pose: Pose) -> Points:
        xy = self._mesh[:, :2]
        lift = np.tile([0.0, -pose.brow * UNIT], (len(BROWS), 1))
        return _spread(xy, xy[list(BROWS)], lift, 7 * UNIT)

    # --- pixels ---------------------------------------------------------------------------------------------

    def _backward_map(self, moved: Points, face: Points) -> NDArray[np.float32]:
        """For each pixel of the result where in the portrait it comes from: float32 (H, W, 2).

        Near triangles cover far ones.
        """
        depth = np.concatenate([face[:, 2], np.full(len(self._grid), self._pivot[2])])
        corners = self._triangles[np.argsort(-depth[self._triangles].mean(axis=1))]
        labels = np.zeros((RENDER_PX, RENDER_PX), np.int32)
        drawn = np.round(moved[corners] * 16).astype(np.int32)
        for label, triangle in enumerate(drawn):
            cv2.fillConvexPoly(labels, triangle, label, shift=4)
        affine = _affines(moved[corners], self._points[corners])
        y, x = np.mgrid[0:RENDER_PX, 0:RENDER_PX].astype(np.float64)
        chosen = affine[labels]
        u = chosen[..., 0, 0] * x + chosen[..., 0, 1] * y + chosen[..., 0, 2]
        v = chosen[..., 1, 0] * x + chosen[..., 1, 1] * y + chosen[..., 1, 2]
        return np.stack([u, v], axis=-1).astype(np.float32)

    def _add_eyes(self, picture: Layer, rigid: Points, face: Points, pose: Pose) -> Layer:
        """Inside the lids the eyeball stays as it is: lids cover it, they do not squeeze it."""
        for eye in (LEFT_EYE, RIGHT_EYE):
            index = list(eye)
            gaze = np.array(pose.gaze) * 0.5 * UNIT
            layer = self._layer(self._picture, index, rigid, gaze)
            picture = _blend(picture, layer, _polygon(face[index, :2], 1.0))
        return picture

    def _add_mouth(self, picture: Layer, rigid: Points, face: Points) -> Layer:
        """Dark inside, a tongue below, and the portrait's upper teeth in front, fixed to the skull."""
        inner = face[list(INNER_LIPS), :2]
        inside = _polygon(inner, 1.2)
        top, bottom = float(inner[:, 1].min()), float(inner[:, 1].max())
        rows = np.clip((np.arange(RENDER_PX) - top) / max(bottom - top, 1.0), 0, 1)
        tongue = np.clip((rows - 0.55) / 0.4, 0, 1)[:, np.newaxis, np.newaxis] * min(
            1.0, (bottom - top) / (24 * UNIT)
        )
        cavity = (1 - tongue) * np.array(CAVITY_RGB) + tongue * np.array(TONGUE_RGB)
        cavity = np.broadcast_to(cavity, (RENDER_PX, RENDER_PX, 3)).astype(np.float32)
        index = [*UPPER_INNER, *UPPER_OUTER, 2, 98, 327]
        teeth = self._layer(self._picture, index, rigid, np.zeros(2))
        cover = self._layer(self._teeth, index, rigid, np.zeros(2))
        layer = _blend(cavity, teeth, cover)
        shade = (0.78 + 0.22 * np.clip(rows * 3, 0, 1))[:, np.newaxis, np.newaxis].astype(np.float32)
        return _blend(picture, layer * shade if bottom - top > 9 * UNIT else layer, inside)

    def _layer(self, source: Layer, index: list[int], rigid: Points, shift: Points) -> Layer:
        """A part of the portrait that follows the skull, by the affine that fits its points best."""
        at = np.column_stack([rigid[index, :2] + shift, np.ones(len(index))])
        solution = np.linalg.lstsq(at, self._mesh[index, :2], rcond=None)[0]
        size = (RENDER_PX, RENDER_PX)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return np.asarray(
            cv2.warpAffine(source, solution.T, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32
        )

    def _paint_teeth(self) -> NDArray[np.float32]:
        """Mask of the portrait's visible upper teeth: the inside of its lips, softened below."""
        return _polygon(self._mesh[list(INNER_LIPS), :2], 1.5)


def _smooth_depth(mesh: Points) -> Points:
    square = ((mesh[:, None, :2] - mesh[None, :, :2]) ** 2).sum(axis=2)
    weights = np.exp(-square / (2 * MESH_SMOOTHING_PX**2))
    return np.column_stack([mesh[:, :2], weights @ mesh[:, 2] / weights.sum(axis=1)])


def _rotation(yaw: float, pitch: float, roll: float) -> Points:
    cy, sy, cp, sp, cr, sr = (
        np.cos(yaw),
        np.sin(yaw),
        np.cos(pitch),
        np.sin(pitch),
        np.cos(roll),
        np.sin(roll),
    )
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y, np.float64)


def _spread(points: Points, centers: Points, moves: Points, sigma_px: float) -> Points:
    """Gaussian mean of the centres' moves at each point, fading out with the distance to the nearest
    centre."""
    square = ((points[:, None] - centers[None]) ** 2).sum(axis=2)
    weights = np.exp(-square / (2 * (sigma_px / 2) ** 2)) + 1e-12
    mean = (weights @ moves) / weights.sum(axis=1, keepdims=True)
    fade = np.exp(-square.min(axis=1) / (2 * sigma_px**2))
    return np.asarray(mean * fade[:, np.newaxis], np.float64)


def _affines(moved: Points, source: Points) -> Points:
    """(T, 2, 3) matrices from result pixels to portrait pixels, one per triangle (T, 3, 2)."""
    system = np.concatenate([moved, np.ones((*moved.shape[:2], 1))], axis=2)
    system[:, np.arange(3), np.arange(3)] += (
        1e-9  # a triangle squeezed flat covers no pixel, but must not stop the solver
    )
    return np.asarray(np.linalg.solve(system, source).transpose(0, 2, 1), np.float64)


def _polygon(points: Points, blur_px: float) -> NDArray[np.float32]:
    """Soft mask 0..1 of a closed contour."""
    mask = np.zeros((RENDER_PX, RENDER_PX), np.uint8)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), blur_px), np.float32)


def _sample(source: Layer, backward: NDArray[np.float32]) -> Layer:
    x, y = backward[..., 0], backward[..., 1]
    return np.asarray(cv2.remap(source, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _blend(below: Layer, above: Layer, mask: Layer) -> Layer:
    weight = np.clip(mask, 0, 1)[:, :, np.newaxis]
    return below * (1 - weight) + above * weight
