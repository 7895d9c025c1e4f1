"""The steady square cut around the face: where it lies, when it moves, and the cut itself.

Must import numpy, OpenCV and `shared.limits` only; no I/O. Invariant: between two updates that say `moved` the square
is the same to the pixel, because every motion code is relative to a keyframe that was cut from the same place.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.limits import PICTURE_SIZE_PX

TARGET_FACE_SHARE: Final = 0.52
"""Width of the face in a fresh square, as a share of its side."""
LOOSEST_FACE_SHARE: Final = 0.36
TIGHTEST_FACE_SHARE: Final = 0.72
"""A fresh square is made afresh when the face's share leaves these two."""
WHOLE_SHARES: Final = (0.35, 0.75)
"""A square picture whose face lies between is call-like already and is used whole."""
WHOLE_KEEP_SHARES: Final = (0.25, 0.9)
"""It stays whole until the face leaves these, so that it does not flip back and forth at the border."""
DEAD_ZONE: Final = 0.16
"""The face's centre may wander this far (share of the side) from where it was when the square was made."""
OUTSIDE_FRAMES: Final = 8
"""Pictures in a row outside the ranges before the square moves (320 ms): a nod is no reason for a new keyframe."""
_CENTRE_Y_SHARE: Final = 0.54
"""The face's centre lies a little below the square's: hair needs room above."""
_HEIGHT_TO_WIDTH: Final = 0.8
"""A face is about 1.25 times as high as it is wide; its height tells its size when it is turned."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A square in picture pixels; it may reach past the picture, where edges are repeated. side_px >= 1."""

    x_px: int
    y_px: int
    side_px: int


@dataclass(frozen=True, slots=True)
class CropUpdate:
    """The square for this picture, and whether it differs from the last one (which asks for a new keyframe)."""

    crop: Crop
    moved: bool


@dataclass(frozen=True, slots=True)
class FaceExtent:
    """Centre and width of a face in picture pixels."""

    x_px: float
    y_px: float
    width_px: float


def face_extent(landmarks: NDArray[np.float32]) -> FaceExtent:
    """Extent of a mesh, (N, 2 or 3) in picture pixels; the height helps while the head is turned."""
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    width_px, height_px = (float(value) for value in high - low)
    centre = (low + high) / 2
    return FaceExtent(float(centre[0]), float(centre[1]), max(width_px, _HEIGHT_TO_WIDTH * height_px, 1.0))


class SteadyCrop:
    """Decides picture by picture where to cut. One per call."""

    def __init__(self) -> None:
        self._crop: Crop | None = None
        self._made_for: FaceExtent | None = None
        self._picture: tuple[int, int] | None = None
        self._whole = False
        self._outside_frames = 0

    @property
    def crop(self) -> Crop | None:
        """The square in force, None before the first face."""
        return self._crop

    def update(self, width_px: int, height_px: int, face: FaceExtent) -> CropUpdate:
        """Where to cut a picture of this size with this face. The first answer counts as moved."""
        if self._crop is None or self._made_for is None or self._picture != (width_px, height_px):
            return self._make(width_px, height_px, face)
        self._outside_frames = (
            0 if self._inside(self._crop, self._made_for, face) else self._outside_frames + 1
        )
        if self._outside_frames >= OUTSIDE_FRAMES or _cut_off(self._crop, face):
            return self._make(width_px, height_px, face)
        return CropUpdate(self._crop, moved=False)

    def _inside(self, crop: Crop, made_for: FaceExtent, face: FaceExtent) -> bool:
        share = face.width_px / crop.side_px
        if self._whole:
            return WHOLE_KEEP_SHARES[0] <= share <= WHOLE_KEEP_SHARES[1]
        wander_px = max(abs(face.x_px - made_for.x_px), abs(face.y_px - made_for.y_px))
        # A face that fills the picture cannot be given its share: what it had at first is then the range's end.
        first_share = made_for.width_px / crop.side_px
        low, high = min(LOOSEST_FACE_SHARE, first_share * 0.85), max(TIGHTEST_FACE_SHARE, first_share * 1.15)
        return wander_px <= DEAD_ZONE * crop.side_px and low <= share <= high

    def _make(self, width_px: int, height_px: int, face: FaceExtent) -> CropUpdate:
        self._outside_frames, self._made_for, self._picture = 0, face, (width_px, height_px)
        last = self._crop
        self._whole = _use_whole(width_px, height_px, face)
        self._crop = Crop(0, 0, width_px) if self._whole else _fresh(width_px, height_px, face)
        return CropUpdate(self._crop, moved=self._crop != last)


def _use_whole(width_px: int, height_px: int, face: FaceExtent) -> bool:
    if width_px != height_px:
        return False
    return width_px == PICTURE_SIZE_PX or WHOLE_SHARES[0] <= face.width_px / width_px <= WHOLE_SHARES[1]


def _fresh(width_px: int, height_px: int, face: FaceExtent) -> Crop:
    """A square around the face, inside the picture as far as the face then still has room."""
    roomy_px, tight_px = face.width_px / TARGET_FACE_SHARE, face.width_px / TIGHTEST_FACE_SHARE
    side_px = max(1, round(min(roomy_px, max(tight_px, min(width_px, height_px)))))
    x_px = round(face.x_px - side_px / 2)
    y_px = round(face.y_px - side_px * _CENTRE_Y_SHARE)
    return Crop(_keep_inside(x_px, side_px, width_px), _keep_inside(y_px, side_px, height_px), side_px)


def _keep_inside(start_px: int, side_px: int, limit_px: int) -> int:
    """Shifts the span into 0..limit_px; a span that is longer is centred, so that both edges are repeated alike."""
    if side_px > limit_px:
        return (limit_px - side_px) // 2
    return min(max(start_px, 0), limit_px - side_px)


def _cut_off(crop: Crop, face: FaceExtent) -> bool:
    """Whether the face's centre has left the square's inner half: waiting longer would show half a face."""
    middle_x_px, middle_y_px = crop.x_px + crop.side_px / 2, crop.y_px + crop.side_px / 2
    return max(abs(face.x_px - middle_x_px), abs(face.y_px - middle_y_px)) > crop.side_px / 2 * 0.75


def cut(picture: NDArray[np.uint8], crop: Crop) -> NDArray[np.uint8]:
    """RGB uint8 (256, 256, 3) from a picture (H, W, 3); a crop of exactly that size is copied pixel for pixel."""
    height_px, width_px = picture.shape[:2]
    rows = np.arange(crop.y_px, crop.y_px + crop.side_px).clip(0, height_px - 1)
    columns = np.arange(crop.x_px, crop.x_px + crop.side_px).clip(0, width_px - 1)
    # Indexing columns copies pixel by pixel and is slow, so it is done only where edges must be repeated.
    square = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if square.shape[:2] != (crop.side_px, crop.side_px):
        square = picture[rows[:, None], columns]
    if crop.side_px == PICTURE_SIZE_PX:
        return square.copy()
    method = cv2.INTER_AREA if crop.side_px > PICTURE_SIZE_PX else cv2.INTER_LINEAR
    resized = cv2.resize(square, (PICTURE_SIZE_PX, PICTURE_SIZE_PX), interpolation=method)
    return np.ascontiguousarray(resized, np.uint8)


def to_crop(landmarks: NDArray[np.float32], crop: Crop) -> NDArray[np.float32]:
    """Picture pixels to pixels of the cut, (N, 2 or 3); pixel centres map to pixel centres, depth only scales."""
    scale = PICTURE_SIZE_PX / crop.side_px
    moved = landmarks.astype(np.float32, copy=True)
    moved[:, 0] = (landmarks[:, 0] - crop.x_px + 0.5) * scale - 0.5
    moved[:, 1] = (landmarks[:, 1] - crop.y_px + 0.5) * scale - 0.5
    moved[:, 2:] *= scale
    return moved
