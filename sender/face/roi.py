"""Rotated square regions of a picture: where a face network looks, and the way back from its coordinates.

Must not import anything of this project. Invariant: `to_picture` undoes `crop` exactly (up to interpolation).
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Roi:
    """A square turned about its centre. angle_rad: clockwise on the screen (x right, y down), 0 for an upright face."""

    center_x_px: float
    center_y_px: float
    side_px: float
    angle_rad: float


def enclosing_roi(
    points_px: NDArray[np.float32], start_px: NDArray[np.float32], end_px: NDArray[np.float32], scale: float
) -> Roi:
    """Square about the points' bounding box, `scale` times its longer side, turned so that start -> end is level.

    points_px (N, >=2); start_px, end_px (>=2,). As MediaPipe's DetectionsToRects and RectTransformation (square_long).
    """
    low, high = points_px[:, :2].min(axis=0), points_px[:, :2].max(axis=0)
    center = (low + high) / 2
    angle = math.atan2(float(end_px[1] - start_px[1]), float(end_px[0] - start_px[0]))
    return Roi(float(center[0]), float(center[1]), scale * float((high - low).max()), angle)


def crop_to_picture(roi: Roi, size_px: int) -> NDArray[np.float64]:
    """Affine (2, 3) from a size_px x size_px crop's pixel coordinates to the picture's."""
    step = roi.side_px / size_px
    cos, sin = math.cos(roi.angle_rad) * step, math.sin(roi.angle_rad) * step
    half = size_px / 2
    return np.array(
        [
            [cos, -sin, roi.center_x_px - half * cos + half * sin],
            [sin, cos, roi.center_y_px - half * sin - half * cos],
        ]
    )


def crop(picture: NDArray[np.uint8], roi: Roi, size_px: int) -> NDArray[np.float32]:
    """The region as network input, (1, size_px, size_px, 3) float32 in 0..1; the picture's edge is repeated."""
    cut = cv2.warpAffine(
        picture,
        crop_to_picture(roi, size_px),
        (size_px, size_px),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return (cut.astype(np.float32) / np.float32(255.0))[np.newaxis]


def to_picture(points: NDArray[np.float32], roi: Roi, size_px: int) -> NDArray[np.float32]:
    """Points (N, 3) of a crop in the picture's pixels; depth is scaled with the region."""
    matrix = crop_to_picture(roi, size_px)
    result = np.empty_like(points)
    result[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    result[:, 2] = points[:, 2] * (roi.side_px / size_px)
    return result
