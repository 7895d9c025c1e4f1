"""What Python makes of generated input, as JSON for `python.test.mjs`: the browser's codec must make the same of it.

`python -m tests.web.python_answers FILE` writes the file. Must not be kept in the repository: it follows the tables, the
mesh basis and the code of the moment. Invariant: fixed seeds, so that a difference can be found again.
"""

import json
import random
import sys
from functools import partial
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from shared.coding.interpolate import interpolate_motion
from shared.coding.mesh_motion import driving_points, points_from_shape
from shared.coding.motion_code import (
    decode_motion,
    dequantise_motion,
    encode_motion,
    motion_vector,
    quantise_motion,
)
from shared.coding.motion_layout import SYMBOLS, MotionValues
from shared.coding.tables import load_tables
from shared.control import Bye, ControlMessage, Hello, MediaConfig, Pin, pack_control, parse_control
from shared.frames import MotionFrame, Rung
from shared.keyframe_blob import pack_keyframe, parse_keyframe
from shared.wire import parse
from tests.shared.golden_wire import CONTROL, MALFORMED, MESSAGES, describe, encoded
from tests.shared.harness import Pattern, keyframe, losing, messy
from tests.web.described import mutated, outcome, plain
from tests.web.taped_call import late, taped_call
from tests.web.wild_tapes import wild_decoder, wild_playout

Json = dict[str, Any]


def wire_answers() -> list[Json]:
    """Random bytes and mutated golden messages, parsed."""
    rng = random.Random(1)
    corpus = [encoded(message) for message in MESSAGES.values()] + [*map(bytes.fromhex, MALFORMED.values())]
    data = [mutated(rng, rng.choice(corpus)) for _ in range(3000)]
    data += [
        rng.choice((0x11, 0x12, 0x14, 0x14, 0x15, 0x18, 0x1B, 0x1F)).to_bytes()
        + rng.randbytes(rng.randrange(40))
        for _ in range(2000)
    ]
    return [{"data": item.hex(), "outcome": outcome(partial(parse, item))} for item in data]


def control_answers() -> list[Json]:
    """Mutated control messages, random bytes, deep nesting, and values of every msgpack type."""
    rng = random.Random(2)
    seeds = [pack_control(message) for message in (*CONTROL.values(), Hello(15, "a" * 40, "ü", ("b",) * 20))]
    data = [mutated(rng, rng.choice(seeds)) for _ in range(3000)] + [
        rng.randbytes(rng.randrange(40)) for _ in range(1000)
    ]
    odd = [
        b"\xc0",
        b"\xcb" + bytes(8),
        b"\xca" + bytes(4),
        b"\xcf" + b"\xff" * 8,
        b"\xd3" + b"\xff" * 8,
        b"\xc7\0\5",
    ]
    odd += [
        b"\xc7\0\xff",
        b"\xc8\0\0\x7f",
        b"\xc9\0\0\0\0\x80",
        b"\xd4\5a",
        b"\xd0\x80",
        b"\xd1\x80\0",
        b"\xd2\x80\0\0\0",
    ]
    odd += [
        b"\xc4\1k",
        b"\xc5\0\1k",
        b"\xd9\1k",
        b"\xda\0\1k",
        b"\xdb\0\0\0\1k",
        b"\xa3\xef\xbb\xbf",
        b"\xa2\xc0\x80",
    ]
    odd += [
        b"\xa3\xed\xa0\x80",
        b"\xc4\xff" + bytes(255),
        b"\xc5\1\1" + bytes(257),
        b"\xdc\0\x20" + bytes(32),
    ]
    bye = msgpack.packb("kind") + msgpack.packb("bye") + msgpack.packb("reason")
    for item in odd:
        data += [
            b"\x83" + bye + b"\xa1x\xa1y" + item,
            b"\x82" + bye + item,
            b"\x83" + bye + b"\xa1x" + item + b"\x00",
        ]
        data += [b"\x81\xa4kind" + item, item]
    data += [
        b"\x83" + bye + b"\xa1x\xa1y" + b"\x91" * depth + b"\x90"
        for depth in (1, 31, 32, 33, 510, 1021, 1022, 1023, 1024)
    ]
    data += [b"\x91" * depth + b"\x00" for depth in (1022, 1023, 1024, 1025, 1026)]
    return [{"data": item.hex(), "outcome": outcome(partial(parse_control, item))} for item in data]


def packed_answers() -> list[Json]:
    """Control messages as bytes."""
    messages = [
        Hello(n % 15 + 1, "m" * n, "t" * (3 * n), ("f" * (n // 3),) * (n % 20)) for n in range(0, 60, 3)
    ]
    others = [MediaConfig(n * 7, 40 + n, 20 + n, Rung(n % 4)) for n in range(0, 86, 5)]
    every: list[ControlMessage] = [
        *messages,
        *others,
        *map(Pin, Rung),
        *(Bye("é" * n) for n in (15, 16, 127, 128)),
    ]
    return [{"message": describe(message), "data": pack_control(message).hex()} for message in every]


def motion_answers() -> list[Json]:
    """Random motion, coded, and the same bytes damaged, decoded."""
    rng, numbers = random.Random(3), np.random.default_rng(3)
    plan, answers = load_tables().motion, []
    for index in range(400):
        steps = np.rint(numbers.laplace(0, (0.05, 0.5, 3, 40)[index % 4], (rng.randint(2, 9), SYMBOLS)))
        rows = np.clip(np.cumsum(steps, axis=0), plan.minimum, plan.maximum).astype(np.int16)
        gap = rng.choice((20, 40, 80, 140, 300, 640, 1000, 5100))
        base = MotionFrame(0, 0, rows[0]) if rng.random() < 0.7 else None
        frames = [MotionFrame(gap + 40 * i, 0, row) for i, row in enumerate(rows[1:])]
        distance = max(1, (gap + 20) // 40) if base else 1
        data = encode_motion(frames, base)
        damaged = mutated(rng, data)
        symbols = None if base is None else base.symbols
        decoded = outcome(partial(decode_motion, damaged, len(frames), symbols, distance))
        head = {"base": plain(symbols), "distance": distance, "frames": rows[1:].tolist(), "data": data.hex()}
        answers.append({**head, "damaged": damaged.hex(), "decoded": decoded})
    return answers


def values_of(vector: NDArray[np.float32]) -> MotionValues:
    """Motion values of 46 numbers."""
    return MotionValues(vector[:6], vector[6:22], vector[22:38].reshape(8, 2), vector[38:])


def number_answers() -> list[Json]:
    """Values quantised, with and without the symbols before them, and interpolated in single precision."""
    numbers, tables = np.random.default_rng(4), load_tables()
    answers = []
    for index in range(40):
        scale = tables.motion.step * (1, 9, 400)[index % 3]
        one, other = (values_of(numbers.normal(0, scale).astype(np.float32)) for _ in range(2))
        previous = quantise_motion(other) if index % 2 else None
        fraction = float(numbers.uniform(-0.1, 1.1))
        answers.append(
            {
                "one": motion_vector(one).tolist(),
                "other": motion_vector(other).tolist(),
                "previous": plain(previous),
                "symbols": quantise_motion(one, previous).tolist(),
                "fraction": fraction,
                "between": motion_vector(interpolate_motion(one, other, fraction)).tolist(),
            }
        )
    return answers


def mesh_answers() -> list[Json]:
    """Reference and driving meshes."""
    numbers, tables = np.random.default_rng(5), load_tables()
    answers = []
    for index in range(8):
        reach = (0, 1, 8, 600)[index % 4]
        shape = np.clip(
            np.rint(numbers.normal(0, reach, 70)), tables.shape.minimum, tables.shape.maximum
        ).astype(np.int16)
        pose = np.clip(
            np.rint(numbers.normal(0, reach, SYMBOLS)), tables.motion.minimum, tables.motion.maximum
        )
        reference = points_from_shape(shape)
        driving = driving_points(reference, dequantise_motion(pose.astype(np.int16)))
        row = {"shape": shape.tolist(), "pose": pose.astype(int).tolist()}
        answers.append({**row, "reference": reference.ravel().tolist(), "driving": driving.ravel().tolist()})
    return answers


def keyframe_answers() -> list[Json]:
    """Keyframes as blobs, and damaged blobs with a checksum that fits."""
    answers = []
    for index in range(12):
        frame = keyframe(index, image_bytes=1 + 50 * index)
        blob = pack_keyframe(frame)
        answers.append({"blob": blob.hex(), "keyframe": plain(parse_keyframe(index, blob))})
    return answers


def call_answers() -> list[Json]:
    """Calls with losses, reordering, drift and damaged messages."""
    plans: list[tuple[Pattern, Json]] = [
        (messy, {}),
        (losing(3, 4, every=9), {"motion_step_ms": 80, "drift_ppm": 200}),
        (messy, {"voice_bytes": 6, "drift_ppm": -300}),
        (losing(0, every=5), {"voice_ms": 0}),
        (late, {"voice_ms": 60}),
    ]
    return [taped_call(index, forward, **settings) for index, (forward, settings) in enumerate(plans)]


def answers() -> Json:
    """Everything, by subject."""
    return {
        "wire": wire_answers(),
        "control": control_answers(),
        "packed": packed_answers(),
        "motion": motion_answers(),
        "numbers": number_answers(),
        "mesh": mesh_answers(),
        "keyframes": keyframe_answers(),
        "calls": call_answers(),
        "wild_decoders": [wild_decoder(seed) for seed in range(40)],
        "wild_playouts": [wild_playout(seed) for seed in range(40)],
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(answers()), encoding="utf-8")
