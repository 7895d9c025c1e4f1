"""Where each number of the motion code, shape code and anchors stands.

Must import numpy only. Invariant: the order and the counts here *are* the bitstream; changing them is a new protocol version.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MESH_POINTS: Final = 468
AFFINE: Final = 6
EXPRESSION: Final = 16
KEYPOINTS: Final = 8
CODES: Final = 8
ANCHOR_SYMBOLS: Final = 2 * KEYPOINTS + CODES
SYMBOLS: Final = AFFINE + EXPRESSION + ANCHOR_SYMBOLS
SHAPE_COEFFICIENTS: Final = 64
SHAPE_SYMBOLS: Final = AFFINE + SHAPE_COEFFICIENTS
MASK_SIDE: Final = 32

AFFINE_SLICE: Final = slice(0, AFFINE)
EXPRESSION_SLICE: Final = slice(AFFINE, AFFINE + EXPRESSION)
KEYPOINT_SLICE: Final = slice(AFFINE + EXPRESSION, AFFINE + EXPRESSION + 2 * KEYPOINTS)
CODE_SLICE: Final = slice(AFFINE + EXPRESSION + 2 * KEYPOINTS, SYMBOLS)


@dataclass(frozen=True, slots=True)
class MotionValues:
    """One frame's motion code in real numbers, relative to its reference.

    affine: float32 (6,), (a, b, tx, c, d, ty) in -1..1 picture coordinates. expression: float32 (16,).
    keypoints: float32 (8, 2), difference to the reference's keypoints. codes: float32 (8,), difference, -2..2.
    """

    affine: NDArray[np.float32]
    expression: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    codes: NDArray[np.float32]
