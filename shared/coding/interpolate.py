"""Motion between two frames, for playout that shows more frames than were sent.

Must import numpy and the layout only. Invariant: at 0 and 1 the result is exactly the earlier and the later frame.
"""

import math

import numpy as np
from numpy.typing import NDArray

from shared.coding.motion_layout import MotionValues
from shared.errors import UserError


def interpolate_motion(earlier: MotionValues, later: MotionValues, fraction: float) -> MotionValues:
    """Values at `fraction` (0: earlier, 1: later; clamped) of the way, linear in every number.

    Both must be relative to the same keyframe. Linear is enough for the affine part too: between neighbouring
    frames the head turns a few degrees, where the mean of two rotations is a rotation to better than a quantiser
    step. Raises UserError when fraction is NaN.
    """
    if math.isnan(fraction):
        raise UserError("Cannot interpolate motion at a fraction that is NaN: the playout clock is broken.")
    weight = min(max(fraction, 0.0), 1.0)

    def between(start: NDArray[np.float32], end: NDArray[np.float32]) -> NDArray[np.float32]:
        mixed = np.asarray((1.0 - weight) * start + weight * end, dtype=np.float32)
        mixed.setflags(write=False)
        return mixed

    return MotionValues(
        affine=between(earlier.affine, later.affine),
        expression=between(earlier.expression, later.expression),
        keypoints=between(earlier.keypoints, later.keypoints),
        codes=between(earlier.codes, later.codes),
    )
