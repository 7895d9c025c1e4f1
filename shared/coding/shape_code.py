"""What a keyframe carries beside its picture: the shape code (70 symbols) and the anchors (24), coded as they are.

Must import numpy and the coding modules below it only. Invariant: as for the motion code; each decodes alone, with no
state from before. Format: README.md beside this file, section 6.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared.coding.quantiser import checked_symbols, dequantise, quantise
from shared.coding.range_coder import RangeDecoder, RangeEncoder
from shared.coding.tables import CodingTables, SymbolPlan, load_tables
from shared.coding.value_code import decode_value, encode_value


def quantise_shape(values: ArrayLike, tables: CodingTables | None = None) -> NDArray[np.int16]:
    """Symbols int16 (70,) of affine 6 | coefficients 64. Raises UserError for NaN, infinities and wrong shapes."""
    return quantise(values, (tables or load_tables()).shape)


def dequantise_shape(symbols: ArrayLike, tables: CodingTables | None = None) -> NDArray[np.float32]:
    """Values float32 (70,) of shape symbols, clamped to their ranges first."""
    return dequantise(symbols, (tables or load_tables()).shape)


def quantise_anchors(values: ArrayLike, tables: CodingTables | None = None) -> NDArray[np.int16]:
    """Symbols int16 (24,) of keypoints 8x2 | codes 8. Raises UserError for NaN, infinities and wrong shapes."""
    return quantise(values, (tables or load_tables()).anchors)


def dequantise_anchors(symbols: ArrayLike, tables: CodingTables | None = None) -> NDArray[np.float32]:
    """Values float32 (24,) of anchor symbols, clamped to their ranges first."""
    return dequantise(symbols, (tables or load_tables()).anchors)


def encode_shape(symbols: NDArray[np.int16], tables: CodingTables | None = None) -> bytes:
    """Code shape symbols (70,). Raises UserError for symbols outside their ranges."""
    tables = tables or load_tables()
    return _encode(symbols, tables.shape, tables)


def decode_shape(data: bytes, tables: CodingTables | None = None) -> NDArray[np.int16]:
    """Shape symbols int16 (70,), read-only. Raises MalformedMessage."""
    tables = tables or load_tables()
    return _decode(data, tables.shape, tables)


def encode_anchors(symbols: NDArray[np.int16], tables: CodingTables | None = None) -> bytes:
    """Code anchor symbols (24,). Raises UserError for symbols outside their ranges."""
    tables = tables or load_tables()
    return _encode(symbols, tables.anchors, tables)


def decode_anchors(data: bytes, tables: CodingTables | None = None) -> NDArray[np.int16]:
    """Anchor symbols int16 (24,), read-only. Raises MalformedMessage."""
    tables = tables or load_tables()
    return _decode(data, tables.anchors, tables)


def _encode(symbols: NDArray[np.int16], plan: SymbolPlan, tables: CodingTables) -> bytes:
    encoder = RangeEncoder()
    for value, rung in zip(checked_symbols(symbols, plan).tolist(), plan.absolute.tolist(), strict=True):
        encode_value(encoder, value, tables.ladder.rungs[rung])
    return encoder.finish()


def _decode(data: bytes, plan: SymbolPlan, tables: CodingTables) -> NDArray[np.int16]:
    decoder = RangeDecoder(data)
    values = [decode_value(decoder, tables.ladder.rungs[rung]) for rung in plan.absolute.tolist()]
    decoder.finish()
    symbols = np.clip(values, plan.minimum, plan.maximum).astype(np.int16)
    symbols.setflags(write=False)
    return symbols
