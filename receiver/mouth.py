"""The mouth from the voice, where motion does not say how it moves: on the voice rung and while motion is missing.

    voice branch --expression (16)--> less what values hold of it --> lips only --> smoothed --> values.expression + mouth
                                      (receiver/voice_anchor.py)

The branch was trained on the lips alone: what its expression does to the rest of a face means nothing. So it is replaced by the
expression that moves the lips like it and everything else as little as possible (least squares on the mesh basis).

Must not import engines. Invariant: the mouth moves continuously.
"""

from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.coding.mesh_basis import default_basis
from shared.coding.motion_layout import EXPRESSION, MESH_POINTS, MotionValues
from shared.limits import PICTURE_STEP_MS

Array = NDArray[np.float32]
SMOOTHING_MS: Final = 40
"""Time constant of the mouth: half of it is over with each picture, so that the end of a packet does not snap."""
ARRIVED: Final = 1e-3
"""So near to where it should be, an expression is there (a thousandth of a face's width is a tenth of a pixel)."""
STILLNESS: Final = 0.02
"""How much a move of the rest of the face counts against the same move of the lips."""
LIPS: Final = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
)  # fmt: skip
"""Outer and inner lips in the 468 points of the face mesh."""


class VoiceMouth:
    """One call's mouth."""

    def __init__(self) -> None:
        self._now: Array = np.zeros(EXPRESSION, np.float32)
        self._media_ms: int | None = None

    def follow(self, expression: Array, media_ms: int) -> None:
        """Move towards how the voice wants the mouth at media_ms on top of motion's values, expression (16,)."""
        target = expression @ lips_only()
        past_ms = PICTURE_STEP_MS if self._media_ms is None else max(0, media_ms - self._media_ms)
        share = np.float32(1 - np.exp(-past_ms / SMOOTHING_MS))
        arrived = float(np.abs(target - self._now).max()) < ARRIVED
        self._now = target if arrived else np.asarray(self._now + share * (target - self._now), np.float32)
        self._media_ms = media_ms

    def move(self, values: MotionValues) -> MotionValues:
        """values with the mouth on top."""
        return replace(values, expression=np.asarray(values.expression + self._now, np.float32))


@cache
def lips_only() -> Array:
    """Return (16, 16): expression @ this moves the lips as the expression does, their common shift left out."""
    rows = default_basis().expression.reshape(EXPRESSION, MESH_POINTS, 2).astype(np.float64)
    lips = rows[:, list(LIPS)]
    shape = (lips - lips.mean(axis=1, keepdims=True)).reshape(EXPRESSION, -1)
    rest = np.delete(rows, LIPS, axis=1).reshape(EXPRESSION, -1)
    wanted = shape @ shape.T
    return np.asarray(np.linalg.solve(wanted + STILLNESS * rest @ rest.T, wanted).T, np.float32)
