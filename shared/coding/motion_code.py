"""The motion code of one bundle: 1 to 8 frames of 46 symbols, predicted from an acknowledged frame or absolute.

Must import numpy and the coding modules below it only. Invariant: decode(encode(x)) == x for symbols inside the
tables' ranges; decoding garbage does bounded work, raises MalformedMessage only, and returns symbols inside the
ranges.

    base (acknowledged) --delta--> frame 0 --delta--> frame 1 ...   rung = table[distance class] + shift
    nothing ------------value----> frame 0 --delta--> frame 1 ...   rung = absolute table; then as above
    activity (one per bundle that has deltas, about 2 bits) -> shift: still head ... moving head

Format: README.md beside this file, section 5. What was tried and did not pay (linear prediction, interpolation
between the ends of a bundle, activities per group of symbols, contexts from symbols already coded) stands there
too, with numbers.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.coding.motion_layout import (
    AFFINE_SLICE,
    CODE_SLICE,
    EXPRESSION_SLICE,
    KEYPOINT_SLICE,
    KEYPOINTS,
    SYMBOLS,
    MotionValues,
)
from shared.coding.quantiser import checked_symbols, dequantise, quantise
from shared.coding.range_coder import RangeDecoder, RangeEncoder
from shared.coding.tables import CodingTables, load_tables
from shared.coding.value_code import Rung, decode_value, encode_value
from shared.errors import MalformedMessage, UserError
from shared.frames import MotionFrame
from shared.limits import BUNDLE_MAX_MOTION_FRAMES, MOTION_DELTA_MAX

FRAME_MS: Final = 40
"""Unit of distance between frames."""


def motion_vector(values: MotionValues) -> NDArray[np.float32]:
    """The 46 numbers in the order of the bitstream, float32 (46,)."""
    parts = (values.affine, values.expression, values.keypoints, values.codes)
    return np.concatenate([np.asarray(part, dtype=np.float32).ravel() for part in parts])


def quantise_motion(
    values: MotionValues, previous: NDArray[np.int16] | None = None, tables: CodingTables | None = None
) -> NDArray[np.int16]:
    """Symbols int16 (46,). Values past a range are clamped. Raises UserError for NaN, infinities and wrong shapes.

    previous: symbols (46,) of the frame before, relative to the same keyframe: with it, symbols do not flicker
    between neighbours (`quantiser.HYSTERESIS`), which saves bits.
    """
    return quantise(motion_vector(values), (tables or load_tables()).motion, previous)


def dequantise_motion(symbols: NDArray[np.int16], tables: CodingTables | None = None) -> MotionValues:
    """Values of symbols (46,), which are clamped to their ranges first. The arrays are read-only."""
    vector = dequantise(symbols, (tables or load_tables()).motion)
    vector.setflags(write=False)
    return MotionValues(
        affine=vector[AFFINE_SLICE],
        expression=vector[EXPRESSION_SLICE],
        keypoints=vector[KEYPOINT_SLICE].reshape(KEYPOINTS, 2),
        codes=vector[CODE_SLICE],
    )


def frame_distance(one_ms: int, other_ms: int) -> int:
    """How far two frames are apart on the media clock, in units of 40 ms: rounded half up, at least 1."""
    return max(1, (abs(other_ms - one_ms) + FRAME_MS // 2) // FRAME_MS)


def encode_motion(
    frames: Sequence[MotionFrame], base: MotionFrame | None, tables: CodingTables | None = None
) -> bytes:
    """Code 1..BUNDLE_MAX_MOTION_FRAMES frames, predicted from `base` (a frame the receiver is known to have) or
    from nothing.

    The bytes do not say how many frames they hold nor what they were predicted from: the bundle's header does.
    Raises UserError for no or too many frames and for symbols outside their ranges.
    """
    tables = tables or load_tables()
    if not 1 <= len(frames) <= BUNDLE_MAX_MOTION_FRAMES:
        raise UserError(f"A bundle holds 1 to {BUNDLE_MAX_MOTION_FRAMES} motion frames, not {len(frames)}.")
    symbols = [checked_symbols(frame.symbols, tables.motion) for frame in frames]
    encoder = RangeEncoder()
    if base is None:
        _encode_row(encoder, symbols[0], tables.motion.absolute, tables)
        previous, distance = symbols, 1
    else:
        previous = [checked_symbols(base.symbols, tables.motion), *symbols]
        distance = frame_distance(base.media_ms, frames[0].media_ms)
    if len(previous) > 1:
        deltas = np.stack([after - before for before, after in pairwise(previous)])
        _encode_deltas(encoder, deltas, _delta_rungs(len(deltas), base is not None, distance, tables), tables)
    return encoder.finish()


def decode_motion(
    data: bytes,
    count: int,
    base_symbols: NDArray[np.int16] | None,
    distance: int = 1,
    tables: CodingTables | None = None,
) -> list[NDArray[np.int16]]:
    """The `count` frames in `data`, each int16 (46,), read-only, inside the tables' ranges.

    base_symbols: int16 (46,) of the frame the bundle was predicted from, None for an absolute bundle. distance:
    `frame_distance` between that frame and the bundle's first. Raises MalformedMessage for bytes that
    `encode_motion` could not have written; bytes altered on the way may still decode, to other symbols (DTLS is
    what protects them).
    """
    tables = tables or load_tables()
    if not 1 <= count <= BUNDLE_MAX_MOTION_FRAMES:
        raise MalformedMessage(f"motion: {count} frames in one bundle")
    decoder = RangeDecoder(data)
    frames: list[NDArray[np.int64]] = []
    if base_symbols is None:
        frames.append(_decode_row(decoder, np.zeros(SYMBOLS, np.int64), tables.motion.absolute, tables))
        previous = frames[0]
    else:
        previous = np.asarray(base_symbols, dtype=np.int64)
    deltas = count - len(frames)
    if deltas:
        shift = tables.delta.activity_shifts[decoder.decode(tables.delta.activity_cdf)]
        for rungs in _shifted(
            _delta_rungs(deltas, base_symbols is not None, distance, tables), shift, tables
        ):
            previous = _decode_row(decoder, previous, rungs, tables)
            frames.append(previous)
    decoder.finish()
    return [_finished(frame) for frame in frames]


def _delta_rungs(deltas: int, has_base: bool, distance: int, tables: CodingTables) -> NDArray[np.int64]:
    """Rungs (deltas, 46) before the activity's shift: the first by its distance class, the others by that of 1."""
    classes = [0] * deltas
    if has_base:
        classes[0] = tables.delta.distance_class(distance)
    return np.asarray(tables.delta.rungs[classes])


def _shifted(rungs: NDArray[np.int64], shift: NDArray[np.int64], tables: CodingTables) -> NDArray[np.int64]:
    return np.asarray(np.clip(rungs + shift, 0, len(tables.ladder.rungs) - 1))


def choose_activity(deltas: NDArray[np.int64], rungs: NDArray[np.int64], tables: CodingTables) -> int:
    """The activity with the lowest price for deltas (n, 46) on rungs (n, 46); the lowest index among equals."""
    shifted = _shifted(rungs[None], tables.delta.activity_shifts[:, None, None], tables)
    prices = tables.ladder.costs[shifted, deltas + MOTION_DELTA_MAX].sum(axis=(1, 2))
    return int(np.argmin(prices + tables.delta.activity_costs))


def _encode_deltas(
    encoder: RangeEncoder, deltas: NDArray[np.int64], rungs: NDArray[np.int64], tables: CodingTables
) -> None:
    activity = choose_activity(deltas, rungs, tables)
    encoder.encode(activity, tables.delta.activity_cdf)
    shifted = _shifted(rungs, tables.delta.activity_shifts[activity], tables)
    for row, row_rungs in zip(deltas, shifted, strict=True):
        _encode_row(encoder, row, row_rungs, tables)


def _rungs_of(indices: NDArray[np.int64], tables: CodingTables) -> list[Rung]:
    return [tables.ladder.rungs[index] for index in indices.tolist()]


def _encode_row(
    encoder: RangeEncoder, row: NDArray[np.int64], indices: NDArray[np.int64], tables: CodingTables
) -> None:
    for value, rung in zip(row.tolist(), _rungs_of(indices, tables), strict=True):
        encode_value(encoder, value, rung)


def _decode_row(
    decoder: RangeDecoder, previous: NDArray[np.int64], indices: NDArray[np.int64], tables: CodingTables
) -> NDArray[np.int64]:
    deltas = [decode_value(decoder, rung) for rung in _rungs_of(indices, tables)]
    return np.asarray(np.clip(previous + np.array(deltas), tables.motion.minimum, tables.motion.maximum))


def _finished(frame: NDArray[np.int64]) -> NDArray[np.int16]:
    symbols = frame.astype(np.int16)
    symbols.setflags(write=False)
    return symbols
