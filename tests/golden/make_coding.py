"""Writes the golden vectors of the coder, `coding/*.json`: inputs and the bytes they become, for every
implementation.

Run `python -m tests.golden.make_coding` after the tables or the format changed; a test checks that the files are
current. Invariant: inputs come from an integer generator (`Lcg`), never from numpy's, so the files change only when
the coder does.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.coding.mask_code import decode_mask, encode_mask
from shared.coding.motion_code import (
    decode_motion,
    dequantise_motion,
    encode_motion,
    frame_distance,
    motion_vector,
    quantise_motion,
)
from shared.coding.motion_layout import MASK_SIDE, SYMBOLS, MotionValues
from shared.coding.range_coder import AdaptiveBit, RangeEncoder
from shared.coding.shape_code import decode_anchors, decode_shape, encode_anchors, encode_shape
from shared.coding.tables import SymbolPlan, load_tables
from shared.coding.value_code import encode_value
from shared.errors import MalformedMessage
from shared.frames import MotionFrame
from shared.limits import MOTION_DELTA_MAX

FOLDER: Final = Path(__file__).parent / "coding"
Vector = dict[str, Any]


class Lcg:
    """A 32-bit linear congruential generator (Numerical Recipes' constants): the same numbers in every language."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def below(self, limit: int) -> int:
        """A number 0..limit - 1 from the high bits."""
        self.state = (self.state * 1664525 + 1013904223) % 2**32
        return (self.state >> 8) % limit

    def small(self, limit: int) -> int:
        """A number -limit..limit, small ones likelier."""
        return (self.below(2 * limit + 1) - limit) * self.below(limit + 1) // limit if limit else 0


def range_coder_vectors() -> list[Vector]:
    """Streams of steps: ["table", symbol, cdf], ["bits", value, count] or ["adaptive", bit, context]."""
    tables = [[0, 32768], [0, 1, 32768], [0, 32767, 32768], [0, 100, 20000, 20001, 32768]]
    cases: list[tuple[str, list[list[Any]]]] = [
        ("empty", []),
        ("certain symbols cost nothing", [["table", 0, [0, 32768]]] * 9),
        ("unlikely symbols", [["table", 0, tables[1]], ["table", 1, tables[2]]] * 4),
        # The first five leave 80 ff ff ff ff with the range across 81 00 00 00 00; the last goes above it.
        ("carry through bytes of 255", [["bits", value, 9] for value in (258, 0, 8, 32, 1, 511)]),
        ("trailing zeros are dropped", [["bits", 1, 1], *[["bits", 0, 8]] * 6]),
    ]
    for seed in range(12):
        lcg = Lcg(seed)
        steps: list[list[Any]] = []
        for _ in range(20 + 20 * seed):
            kind = lcg.below(3)
            if kind == 0:
                cdf = tables[lcg.below(len(tables))]
                steps.append(["table", lcg.below(len(cdf) - 1), cdf])
            elif kind == 1:
                bits = lcg.below(13)
                steps.append(["bits", lcg.below(1 << bits), bits])
            else:
                steps.append(["adaptive", int(lcg.below(5) == 0), lcg.below(3)])
        cases.append((f"mixed {seed}", steps))
    return [{"name": name, "steps": steps, "hex": encode_steps(steps)} for name, steps in cases]


def encode_steps(steps: list[list[Any]]) -> str:
    """Hex bytes of range coder steps; contexts start at 1/2 with rate 2."""
    encoder, contexts = RangeEncoder(), [AdaptiveBit() for _ in range(3)]
    for kind, value, how in steps:
        if kind == "table":
            encoder.encode(value, how)
        elif kind == "bits":
            encoder.encode_bits(value, how)
        else:
            encoder.encode_adaptive(value, contexts[how])
    return encoder.finish().hex()


def value_vectors() -> list[Vector]:
    """Every rung with values around its direct symbols, its escapes and the ends of the format."""
    vectors = []
    for index, rung in enumerate(load_tables().ladder.rungs):
        border = 16 << rung.low_bits
        around = [border - 1, border, -border - 1, -border, -border + 1]
        values = [0, 1, -1, *around, 100, -333, MOTION_DELTA_MAX, -MOTION_DELTA_MAX]
        encoder = RangeEncoder()
        for value in values:
            encode_value(encoder, value, rung)
        vectors.append({"rung": index, "values": values, "hex": encoder.finish().hex()})
    return vectors


def motion_vectors() -> list[Vector]:
    """Bundles: still, moving, jumping and at the limits; with and without a base, at every distance class."""
    limits = load_tables().motion.maximum.tolist()
    vectors = []
    for index, (count, gap, reach) in enumerate(
        [(1, None, 0), (1, None, 9), (4, None, 3), (8, None, 511), (1, 1, 0), (2, 2, 1), (3, 4, 2), (4, 7, 3), (5,
        12, 9), (8, 40, 60), (8, 1, 511), (2, 3, 0)]
    ):  # fmt: skip
        lcg = Lcg(100 + index)
        rows = [[clamp(lcg.small(40), limit) for limit in limits]]
        for _ in range(count):
            rows.append(
                [clamp(old + lcg.small(reach), limit) for old, limit in zip(rows[-1], limits, strict=True)]
            )
        times = [1000 + 40 * ((gap or 1) + i) for i in range(count)]
        frames = [frame(at, row) for at, row in zip(times, rows[1:], strict=True)]
        base = None if gap is None else frame(1000, rows[0])
        data = encode_motion(frames, base)
        distance = 1 if base is None else frame_distance(base.media_ms, times[0])
        decoded = decode_motion(data, count, None if base is None else base.symbols, distance)
        assert [row.tolist() for row in decoded] == rows[1:]
        vectors.append(
            {
                "base": None if base is None else rows[0],
                "distance": distance,
                "frames": rows[1:],
                "hex": data.hex(),
            }
        )
    return vectors


def garbage_vectors() -> list[Vector]:
    """Bytes no encoder wrote: what a decoder must make of them, null where it must refuse."""
    vectors = []
    for index in range(24):
        lcg = Lcg(900 + index)
        data = bytes(lcg.below(256) for _ in range(lcg.below(60)))
        data = b"\xff" * 5 if index == 0 else data
        count, base = 1 + lcg.below(4), [0] * SYMBOLS if lcg.below(2) else None
        symbols = np.zeros(SYMBOLS, np.int16) if base else None
        try:
            frames = [row.tolist() for row in decode_motion(data, count, symbols, 3)]
        except MalformedMessage:
            frames = None
        vectors.append({"hex": data.hex(), "count": count, "base": base, "distance": 3, "frames": frames})
    return vectors


def clamp(value: int, limit: int) -> int:
    """Value within -limit..limit."""
    return max(-limit, min(limit, value))


def frame(media_ms: int, row: list[int]) -> MotionFrame:
    """A motion frame of keyframe 0."""
    return MotionFrame(media_ms, 0, np.array(row, np.int16))


def row_vectors(
    plan: SymbolPlan,
    encode: Callable[[NDArray[np.int16]], bytes],
    decode: Callable[[bytes], NDArray[np.int16]],
) -> list[Vector]:
    """Shape or anchor symbols: zeros, small, large, at the limits."""
    maximum, vectors = plan.maximum.tolist(), []
    for index, reach in enumerate((0, 2, 20, 511)):
        lcg = Lcg(300 + index)
        symbols = np.array([clamp(lcg.small(reach), limit) for limit in maximum], np.int16)
        vectors.append({"symbols": symbols.tolist(), "hex": encode(symbols).hex()})
    vectors.append({"symbols": maximum, "hex": encode(np.array(maximum, np.int16)).hex()})
    assert all(decode(bytes.fromhex(vector["hex"])).tolist() == vector["symbols"] for vector in vectors)
    return vectors


def mask_vectors() -> list[Vector]:
    """Nobody, everything, a person, a chess board, noise: rows as strings of 0 and 1."""
    side, lcg = range(MASK_SIDE), Lcg(500)
    masks = {
        "nobody": [[0 for _ in side] for _ in side],
        "full": [[1 for _ in side] for _ in side],
        "person": [
            [int(4 * (x - 16) ** 2 + (y - 12) ** 2 < 144 or y > 20 + abs(x - 16) // 3) for x in side]
            for y in side
        ],
        "chess board": [[(x + y) % 2 for x in side] for y in side],
        "noise": [[lcg.below(2) for _ in side] for _ in side],
    }
    vectors = []
    for name, rows in masks.items():
        data = encode_mask(np.array(rows, np.uint8))
        assert decode_mask(data).tolist() == rows
        vectors.append({"name": name, "rows": ["".join(map(str, row)) for row in rows], "hex": data.hex()})
    return vectors


def quantiser_vectors() -> list[Vector]:
    """Values (exact in float32), the symbols before them or null, their symbols, and the values those stand for."""
    vectors = []
    for index in range(6):
        lcg = Lcg(700 + index)
        numbers = np.array([lcg.small(4096) / 1024 for _ in range(SYMBOLS)], np.float32)
        values = MotionValues(numbers[:6], numbers[6:22], numbers[22:38].reshape(8, 2), numbers[38:])
        plain = quantise_motion(values)
        lower = np.maximum(plain - 1, load_tables().motion.minimum).astype(np.int16)
        previous = None if index < 3 else lower
        symbols = quantise_motion(values, previous)
        vectors.append(
            {
                "values": numbers.tolist(),
                "previous": None if previous is None else previous.tolist(),
                "symbols": symbols.tolist(),
                "dequantised": motion_vector(dequantise_motion(symbols)).tolist(),
            }
        )
    return vectors


def golden_files() -> dict[str, str]:
    """Name and text of every file: one vector a line."""
    tables = load_tables()
    contents = {
        "range_coder": range_coder_vectors(),
        "values": value_vectors(),
        "motion": motion_vectors(),
        "motion_garbage": garbage_vectors(),
        "shape": row_vectors(tables.shape, encode_shape, decode_shape),
        "anchors": row_vectors(tables.anchors, encode_anchors, decode_anchors),
        "mask": mask_vectors(),
        "quantiser": quantiser_vectors(),
    }
    return {f"{name}.json": _text(tables.identity, vectors) for name, vectors in contents.items()}


def _text(identity: str, vectors: list[Vector]) -> str:
    lines = ",\n".join(json.dumps(vector, separators=(",", ":")) for vector in vectors)
    return f'{{"tables":"{identity}","vectors":[\n{lines}\n]}}\n'


def main() -> int:
    """Write all files."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in golden_files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"{name}: {len(text)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
