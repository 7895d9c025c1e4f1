"""experiments.gfvc.sei and .interchange: the SEI message and our motion in it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.gfvc.interchange import COORDINATE_BITS, ELEMENT_BITS, from_messages, sei_cost, to_messages
from experiments.gfvc.sei import (
    ELEMENTS_MAX,
    MAGNITUDE_MAX,
    PAYLOAD_TYPE,
    POINTS_MAX,
    Form,
    GfvFrame,
    GfvReader,
    GfvWriter,
    sei_message,
)
from models.evaluation.offline_call import Coded, through_bundles
from shared.errors import MalformedMessage
from tests.shared.harness import frame_at, keyframe, motion_walk


def frame(seed: int, points: int = 8, shape: tuple[int, int] = (2, 5), spread: int = 60) -> GfvFrame:
    rng = np.random.default_rng(seed)
    return GfvFrame(rng.integers(-spread, spread + 1, (points, 2)), rng.integers(-spread, spread + 1, shape))


def same(one: GfvFrame, other: GfvFrame) -> bool:
    return np.array_equal(one.coordinates, other.coordinates) and np.array_equal(one.matrix, other.matrix)


@given(st.integers(1, 20), st.integers(1, 6), st.integers(1, 6), st.integers(1, 12), st.booleans())
def test_frames_are_read_back(points: int, height: int, width: int, fraction: int, named: bool) -> None:
    form = Form(COORDINATE_BITS, fraction, *(("tag", "who") if named else ("", "")))
    frames = [frame(seed, points, (height, width), 1 << fraction + 2) for seed in range(4)]
    writer, reader = GfvWriter(form), GfvReader()
    found = [reader.read(writer.write(each)) for each in frames]
    assert all(map(same, frames, found))
    assert reader.form == form


def test_the_base_message_has_the_bits_of_the_reference_software() -> None:
    small = GfvFrame(np.array([[1, -1]]), np.array([[3]]))
    bits = "".join(f"{byte:08b}" for byte in GfvWriter(Form(1, 1)).write(small))
    head = "111000"  # id, cnt, base, no network, no chroma key, confident
    points = "1011001000101"  # present, not predicted, precision, one point, 2-D, x, y
    matrix = "11100011111101010"  # precision, one type, 7, one, 1 x 1: 1 + 1/2, plus
    assert bits == (head + points + matrix + "1").ljust(len(bits), "0")


def test_a_frame_like_the_one_before_takes_a_bit_a_number_and_two() -> None:
    writer = GfvWriter(Form(COORDINATE_BITS, ELEMENT_BITS))
    writer.write(frame(1))
    # id 1, cnt 3, fusion, confidence, 2 and 2 flags; then 16 coordinates of 1 bit and 10 elements of 2.
    assert len(writer.write(frame(1))) == -(-(10 + 16 + 20) // 8)


def test_a_message_has_its_type_and_size_before_it() -> None:
    assert sei_message(b"ab") == bytes([PAYLOAD_TYPE, 2]) + b"ab"
    assert sei_message(bytes(300))[:3] == bytes([PAYLOAD_TYPE, 255, 45])


def test_frames_past_the_limits_are_refused() -> None:
    form = Form(6, 1)
    most = GfvFrame(np.full((POINTS_MAX, 2), MAGNITUDE_MAX), np.full((1, ELEMENTS_MAX), -MAGNITUDE_MAX))
    assert same(GfvReader().read(GfvWriter(form).write(most)), most)
    one_more = (
        GfvFrame(np.zeros((POINTS_MAX + 1, 2), np.int64), most.matrix),
        GfvFrame(most.coordinates, np.zeros((1, ELEMENTS_MAX + 1), np.int64)),
        GfvFrame(most.coordinates, np.array([[MAGNITUDE_MAX + 1]])),
        GfvFrame(np.zeros((1, 3), np.int64), most.matrix),
    )
    for wrong in one_more:
        with pytest.raises(ValueError, match="a frame has"):
            GfvWriter(form).write(wrong)
    writer = GfvWriter(form)
    writer.write(frame(1))
    with pytest.raises(ValueError, match="one shape"):
        writer.write(frame(1, points=9))


def test_a_message_that_is_missing_is_noticed_and_changes_nothing() -> None:
    writer, reader = GfvWriter(Form(6, 1)), GfvReader()
    first, second, third = (writer.write(frame(seed)) for seed in range(3))
    reader.read(first)
    with pytest.raises(MalformedMessage, match="missing"):
        reader.read(third)
    assert same(reader.read(second), frame(1))
    assert same(reader.read(third), frame(2))


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_a_frame_or_malformed(data: bytes, after_base: bool) -> None:
    reader = GfvReader()
    if after_base:
        reader.read(GfvWriter(Form(6, 1)).write(frame(1)))
    try:
        reader.read(data)
    except MalformedMessage:
        return


@given(st.integers(0, 400), st.integers(0, 7))
def test_a_bit_that_is_wrong_raises_nothing_else(place: int, bit: int) -> None:
    data = bytearray(GfvWriter(Form(6, 1, "tag", "uri")).write(frame(1)))
    data[place % len(data)] ^= 1 << bit
    try:
        GfvReader().read(bytes(data))
    except MalformedMessage:
        return


def test_our_motion_comes_back_symbol_for_symbol() -> None:
    walk, reference = motion_walk(60), keyframe(0)
    found = from_messages(reference, to_messages(reference, list(walk), "facewire-lite"))
    assert np.array_equal(np.stack(found), walk)


def test_the_cost_of_messages_is_stated_beside_our_own() -> None:
    walk, reference = motion_walk(60), keyframe(0)
    motion, size = through_bundles([frame_at(i, walk, 0) for i in range(60)])
    coded = Coded("motion", (reference,), 0, motion, size, (), (), 2.4)
    cost = sei_cost(coded)
    assert cost.frames == 60
    assert cost.our_bits == pytest.approx(8 * size / 60)
    assert cost.framed_bits == pytest.approx(cost.payload_bits + 8 * 8)
    assert cost.payload_bits > cost.our_bits
