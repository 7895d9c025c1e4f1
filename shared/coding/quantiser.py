"""Real numbers to symbols and back: uniform steps, rounded half up, clamped.

Must import numpy and the tables only. Invariant: `quantise` raises on numbers that are not finite, `dequantise`
always returns finite numbers inside the plan's range; both compute in doubles, so JavaScript gets the same symbols.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared.coding.tables import SymbolPlan
from shared.errors import UserError

HYSTERESIS: Final = 0.3
"""How far past the border of its step, in steps, a number may go before its symbol leaves `previous`. Measured on
15 faces: 47 bits a frame instead of 61 without, meshes 0.04 px further off; and a resting head stays at rest."""


def quantise(values: ArrayLike, plan: SymbolPlan, previous: ArrayLike | None = None) -> NDArray[np.int16]:
    """Symbols int16 (..., n) of values (..., n): floor(value / step + 0.5), clamped to the plan's range.

    previous: symbols (..., n) of the frame before, kept where the value is still within 0.5 + HYSTERESIS steps of
    them. Only the sender knows about it. Raises UserError for NaN, infinities and a wrong last dimension.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.shape[-1:] != (plan.size,):
        raise UserError(
            f"Cannot quantise an array of shape {numbers.shape}: the last dimension must be {plan.size}."
        )
    if not np.isfinite(numbers).all():
        raise UserError(
            "Cannot quantise numbers that are NaN or infinite: the face model failed. Skip this frame."
        )
    scaled = numbers / plan.step
    symbols = np.floor(scaled + 0.5)
    if previous is not None:
        symbols = np.where(
            np.abs(scaled - np.asarray(previous, np.float64)) < 0.5 + HYSTERESIS, previous, symbols
        )
    return np.clip(symbols, plan.minimum, plan.maximum).astype(np.int16)


def dequantise(symbols: ArrayLike, plan: SymbolPlan) -> NDArray[np.float32]:
    """Values float32 (..., n) of symbols (..., n), clamped to the plan's range first."""
    return np.asarray(np.clip(symbols, plan.minimum, plan.maximum) * plan.step, dtype=np.float32)


def checked_symbols(symbols: ArrayLike, plan: SymbolPlan) -> NDArray[np.int64]:
    """Symbols (n,) as int64. Raises UserError when they are not n integers inside the plan's range."""
    array = np.asarray(symbols)
    if array.shape != (plan.size,) or array.dtype.kind not in "iu":
        raise UserError(
            f"Expected {plan.size} integer symbols, got {array.dtype} {array.shape}. Use the quantiser."
        )
    if ((array < plan.minimum) | (array > plan.maximum)).any():
        raise UserError("Symbols outside the range of the coding tables cannot be coded. Use the quantiser.")
    return array.astype(np.int64)
