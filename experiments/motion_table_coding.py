"""One clip's motion through quantiser and range coder at one setting, for `experiments.motion_table`.

Must import numpy, `shared` and the clips' module only. Invariant: the bytes that are counted were decoded again, and the
meshes are driven by what came out.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experiments.motion_table_clips import Array, ClipMotion, distance_px
from shared.coding.interpolate import interpolate_motion
from shared.coding.make_ladder import LADDER_RUNGS, SCALE_MAX, SCALE_MIN
from shared.coding.mesh_motion import driving_points
from shared.coding.motion_code import (
    FRAME_MS,
    decode_motion,
    dequantise_motion,
    encode_motion,
    frame_distance,
    quantise_motion,
)
from shared.coding.motion_layout import AFFINE, EXPRESSION, MotionValues
from shared.coding.tables import CodingTables, load_tables
from shared.errors import FacewireError
from shared.frames import MotionFrame
from shared.limits import MOTION_SYMBOL_MAX

BUNDLE_FRAMES: Final = 2
CONFIRMED_AFTER_MS: Final = {1: 160, 2: 240}
"""Age of the base of a bundle's first frame, by the frames of 40 ms between two that are sent: 80 and 160 ms bundles."""
LADDER_RATIO: Final = (SCALE_MAX / SCALE_MIN) ** (1 / (LADDER_RUNGS - 1))
"""How much wider each rung is than the one below it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """components: of the expression, 1..16. step: over the steps that ship. stride: frames of 40 ms from one sent to the
    next (1: 25 fps, 2: 12.5)."""

    components: int
    step: float
    stride: int


@dataclass(frozen=True, slots=True)
class Coded:
    """One clip at one setting. error_px, tracked_px: (T,) distance of the driven mesh to that of the unquantised code, and
    to the tracked one. coder_s: time to code and decode everything."""

    sent_frames: int
    sent_bytes: int
    seconds: float
    coder_s: float
    error_px: NDArray[np.float64]
    tracked_px: NDArray[np.float64]


def tables_for(setting: Setting, shipped: CodingTables | None = None) -> CodingTables:
    """The tables that ship, with other steps and with components that cost nothing.

    A symbol of a coarser step is smaller by the same factor, so its rung moves down the ladder by that; components that are
    left out are always zero and get the narrowest rung whatever the activity (0.003 bits).
    """
    tables = shipped or load_tables()
    by = -round(math.log(setting.step) / math.log(LADDER_RATIO))
    last = len(tables.ladder.rungs) - 1
    absent = slice(AFFINE + setting.components, AFFINE + EXPRESSION)
    absolute, delta = np.clip(tables.motion.absolute + by, 0, last), tables.delta.rungs + by
    absolute[absent], delta[:, absent] = 0, -len(tables.ladder.rungs)
    largest = np.clip(np.floor(tables.motion.maximum / setting.step), 1, MOTION_SYMBOL_MAX).astype(np.int64)
    motion = replace(
        tables.motion,
        step=tables.motion.step * setting.step,
        minimum=-largest,
        maximum=largest,
        absolute=absolute,
    )
    return replace(tables, motion=motion, delta=replace(tables.delta, rungs=delta))


def code_clip(clip: ClipMotion, setting: Setting, tables: CodingTables) -> Coded:
    """Quantise, code, decode and drive one clip."""
    sent = quantised(clip, setting, tables)
    begin_s = time.process_time()
    symbols, size = _through_bundles(sent, CONFIRMED_AFTER_MS[setting.stride], tables)
    coder_s = time.process_time() - begin_s
    values = _at_every_frame(symbols, setting.stride, len(clip.points), tables)
    driven = [driving_points(clip.reference, each) for each in values]
    return Coded(
        sent_frames=len(sent),
        sent_bytes=size,
        seconds=len(clip.points) * FRAME_MS / 1000,
        coder_s=coder_s,
        error_px=distance_px(driven, clip.free),
        tracked_px=distance_px(driven, clip.points),
    )


def quantised(clip: ClipMotion, setting: Setting, tables: CodingTables) -> list[MotionFrame]:
    """The frames that are sent: the expression is fitted to the rounded pose, as a sender does it."""
    frames: list[MotionFrame] = []
    for index in range(0, len(clip.points), setting.stride):
        values = clip.values(index, _rounded(clip.affine[index], tables))
        expression = values.expression.copy()
        expression[setting.components :] = 0
        previous = frames[-1].symbols if frames else None
        symbols = quantise_motion(replace(values, expression=expression), previous, tables)
        frames.append(MotionFrame(index * FRAME_MS, 0, symbols))
    return frames


def _rounded(affine: Array, tables: CodingTables) -> Array:
    still = dequantise_motion(np.zeros(len(tables.motion.step), np.int16))
    return dequantise_motion(quantise_motion(replace(still, affine=affine), None, tables), tables).affine


def _through_bundles(
    frames: Sequence[MotionFrame], confirmed_after_ms: int, tables: CodingTables
) -> tuple[list[NDArray[np.int16]], int]:
    """Symbols as decoded, and bytes of all bundles."""
    decoded: list[NDArray[np.int16]] = []
    size = 0
    for start in range(0, len(frames), BUNDLE_FRAMES):
        bundle = frames[start : start + BUNDLE_FRAMES]
        base = _base(frames[:start], bundle[0].media_ms - confirmed_after_ms)
        data = encode_motion(bundle, base, tables)
        distance = 1 if base is None else frame_distance(base.media_ms, bundle[0].media_ms)
        decoded += decode_motion(data, len(bundle), None if base is None else base.symbols, distance, tables)
        size += len(data)
    if any(
        not np.array_equal(frame.symbols, symbols) for frame, symbols in zip(frames, decoded, strict=True)
    ):
        raise FacewireError(
            "the coder did not give back what it was given: nothing it measures can be trusted"
        )
    return decoded, size


def _base(before: Sequence[MotionFrame], newest_ms: int) -> MotionFrame | None:
    """The newest frame that is at least as old as newest_ms."""
    return next((frame for frame in reversed(before) if frame.media_ms <= newest_ms), None)


def _at_every_frame(
    symbols: Sequence[NDArray[np.int16]], stride: int, count: int, tables: CodingTables
) -> list[MotionValues]:
    """Values at 25 frames a second; the last ones are held when nothing follows."""
    sent = [dequantise_motion(each, tables) for each in symbols]
    values = []
    for index in range(count):
        place, rest = divmod(index, stride)
        after = sent[min(place + 1, len(sent) - 1)]
        values.append(interpolate_motion(sent[place], after, rest / stride) if rest else sent[place])
    return values
