"""The motion code: round trips, garbage, size against the entropy, speed."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.coding.motion_code import (
    decode_motion,
    dequantise_motion,
    encode_motion,
    frame_distance,
    motion_vector,
    quantise_motion,
)
from shared.coding.motion_layout import SYMBOLS, MotionValues
from shared.coding.quantiser import HYSTERESIS
from shared.coding.tables import COST_ONE_BIT, CodingTables, load_tables
from shared.errors import MalformedMessage, UserError
from shared.frames import MotionFrame
from shared.limits import BUNDLE_MAX_MOTION_FRAMES, MOTION_DELTA_MAX

MAXIMUM = load_tables().motion.maximum.tolist()
rows = st.one_of(
    st.tuples(*[st.integers(-limit, limit) for limit in MAXIMUM]),
    st.tuples(*[st.integers(-3, 3)] * SYMBOLS),
    st.tuples(*[st.sampled_from((-limit, limit)) for limit in MAXIMUM]),
)


def frame(row: tuple[int, ...] | NDArray[np.int16], media_ms: int = 0) -> MotionFrame:
    return MotionFrame(media_ms, 0, np.array(row, np.int16))


@given(st.lists(rows, min_size=1, max_size=BUNDLE_MAX_MOTION_FRAMES), st.none() | rows, st.integers(0, 3000))
@settings(max_examples=60)
def test_every_bundle_comes_back(
    bundle: list[tuple[int, ...]], base_row: tuple[int, ...] | None, lag_ms: int
) -> None:
    frames = [frame(row, 5000 + 40 * index) for index, row in enumerate(bundle)]
    base = None if base_row is None else frame(base_row, 5000 - lag_ms)
    data = encode_motion(frames, base)
    symbols = None if base is None else base.symbols
    decoded = decode_motion(data, len(frames), symbols, frame_distance(5000 - lag_ms, 5000))
    assert [tuple(row.tolist()) for row in decoded] == bundle
    assert all(row.dtype == np.int16 and not row.flags.writeable for row in decoded)


@given(st.binary(max_size=200), st.integers(-1, 10), st.none() | rows, st.integers(-5, 10**6))
@settings(max_examples=200)
def test_any_bytes_give_symbols_in_range_or_malformed(
    data: bytes, count: int, base_row: tuple[int, ...] | None, distance: int
) -> None:
    base = None if base_row is None else np.array(base_row, np.int16)
    plan = load_tables().motion
    try:
        decoded = decode_motion(data, count, base, distance)
    except MalformedMessage:
        return
    assert len(decoded) == count
    assert all(((row >= plan.minimum) & (row <= plan.maximum)).all() for row in decoded)


def test_every_truncation_decodes_or_is_malformed(clip: list[MotionFrame]) -> None:
    data = encode_motion(clip[5:9], clip[0])
    for length in range(len(data)):
        try:
            decode_motion(data[:length], 4, clip[0].symbols, 5)
        except MalformedMessage:
            continue


@given(st.data())
@settings(max_examples=100)
def test_flipped_bits_give_symbols_in_range_or_malformed(data: st.DataObject) -> None:
    rng, plan = np.random.default_rng(8), load_tables().motion
    frames = [frame(np.clip(rng.integers(-9, 9, SYMBOLS), plan.minimum, plan.maximum)) for _ in range(4)]
    coded = bytearray(encode_motion(frames, None))
    for _ in range(data.draw(st.integers(1, 5))):
        coded[data.draw(st.integers(0, len(coded) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decoded = decode_motion(bytes(coded), 4, None)
    except MalformedMessage:
        return
    assert all(((row >= plan.minimum) & (row <= plan.maximum)).all() for row in decoded)


def test_a_long_tail_is_malformed(clip: list[MotionFrame]) -> None:
    with pytest.raises(MalformedMessage):
        decode_motion(encode_motion(clip[5:9], clip[0]) + b"\1" * 10, 4, clip[0].symbols, 5)


@pytest.mark.parametrize("count", [0, BUNDLE_MAX_MOTION_FRAMES + 1])
def test_a_count_outside_the_limits_is_refused_both_ways(count: int) -> None:
    with pytest.raises(UserError):
        encode_motion([frame((0,) * SYMBOLS)] * count, None)
    with pytest.raises(MalformedMessage):
        decode_motion(b"", count, None)


def test_the_largest_bundle_is_accepted() -> None:
    frames = [frame((0,) * SYMBOLS)] * BUNDLE_MAX_MOTION_FRAMES
    assert len(decode_motion(encode_motion(frames, None), len(frames), None)) == len(frames)


def test_decoding_clamps_what_leaves_the_range() -> None:
    """A delta coded against one base and decoded against another leaves the range and is brought back."""
    high, zero = frame(tuple(MAXIMUM)), frame((0,) * SYMBOLS)
    data = encode_motion([high], zero)
    assert decode_motion(data, 1, high.symbols, 1)[0].tolist() == MAXIMUM


@pytest.mark.parametrize(
    "row",
    [[600] * SYMBOLS, [0] * 45, [[0] * SYMBOLS], [0.0] * SYMBOLS],
    ids=["range", "short", "2-D", "float"],
)
def test_symbols_that_cannot_be_coded_are_a_user_error(row: list[int]) -> None:
    with pytest.raises(UserError):
        encode_motion([MotionFrame(0, 0, np.array(row))], None)


def test_a_still_head_costs_few_bytes() -> None:
    still = frame(tuple(range(10)) + (0,) * 36)
    assert len(encode_motion([still] * 4, still)) <= 8


@pytest.mark.parametrize(
    ("one_ms", "other_ms", "distance"),
    [(0, 0, 1), (0, 40, 1), (0, 59, 1), (0, 60, 2), (100, 20, 2), (0, 2**32 - 1, 107374182)],
)
def test_distances_are_rounded_and_at_least_one(one_ms: int, other_ms: int, distance: int) -> None:
    assert frame_distance(one_ms, other_ms) == distance


def test_real_size_is_within_three_percent_of_the_entropy(
    clip: list[MotionFrame], synthetic: CodingTables
) -> None:
    """Entropy: of each symbol's own differences at each distance (order 0, fitted to the very same frames)."""
    for count, lag in ((2, 4), (4, 6)):
        starts = range(lag, len(clip) - count + 1)
        spent = 0
        for start in starts:
            base, frames = clip[start - lag], clip[start : start + count]
            spent += 8 * len(encode_motion(frames, base, synthetic))
        every = np.stack([one.symbols for one in clip]).astype(int)
        first = sum(entropy(every[lag:, i] - every[:-lag, i]) for i in range(SYMBOLS))
        others = sum(entropy(every[1:, i] - every[:-1, i]) for i in range(SYMBOLS))
        ideal = (first + (count - 1) * others) / count
        real = spent / len(starts) / count
        print(f"{count} frames, base {lag} back: {real:.1f} bits a frame, order-0 entropy {ideal:.1f}")
        assert real < 1.03 * ideal


def entropy(values: NDArray[np.int64]) -> float:
    _, counts = np.unique(values, return_counts=True)
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum())


def test_coder_spends_what_the_tables_say(clip: list[MotionFrame], synthetic: CodingTables) -> None:
    """Bytes against the sum of the tables' own prices with no activity shift: never more than the end byte above it."""
    zero_shift = int(np.flatnonzero(synthetic.delta.activity_shifts == 0)[0])
    for start in range(4, 60, 3):
        previous = np.stack([one.symbols for one in (clip[start - 4], *clip[start : start + 2])]).astype(int)
        rungs = synthetic.delta.rungs[[synthetic.delta.distance_class(4), 0]]
        price = synthetic.ladder.costs[rungs, np.diff(previous, axis=0) + MOTION_DELTA_MAX].sum()
        bits = (price + synthetic.delta.activity_costs[zero_shift]) / COST_ONE_BIT
        data = encode_motion(clip[start : start + 2], clip[start - 4], synthetic)
        assert 8 * len(data) <= 1.001 * bits + 9


def test_encoding_and_decoding_take_under_a_millisecond_a_frame(clip: list[MotionFrame]) -> None:
    started = time.perf_counter()
    for start in range(4, 204, 2):
        base, frames = clip[start - 4], clip[start : start + 2]
        decode_motion(encode_motion(frames, base), 2, base.symbols, 4)
    per_frame_ms = (time.perf_counter() - started) * 1000 / 200
    print(f"encode + decode: {per_frame_ms:.3f} ms a frame")
    assert per_frame_ms < 3  # the target is 1; a busy test machine may need more


def values_of(vector: NDArray[np.float32]) -> MotionValues:
    return MotionValues(vector[:6], vector[6:22], vector[22:38].reshape(8, 2), vector[38:])


def test_quantising_is_off_by_half_a_step_at_most() -> None:
    plan, rng = load_tables().motion, np.random.default_rng(3)
    vector = (rng.uniform(-1, 1, SYMBOLS) * plan.maximum * plan.step).astype(np.float32)
    back = motion_vector(dequantise_motion(quantise_motion(values_of(vector))))
    assert (np.abs(back - vector) <= 0.5001 * plan.step).all()


@given(rows)
@settings(max_examples=30)
def test_quantising_a_dequantised_frame_changes_nothing(row: tuple[int, ...]) -> None:
    assert quantise_motion(dequantise_motion(np.array(row, np.int16))).tolist() == list(row)


def test_values_past_the_range_are_clamped() -> None:
    high = values_of(np.full(SYMBOLS, 1e30, np.float32))
    low = values_of(np.full(SYMBOLS, -1e30, np.float32))
    assert quantise_motion(high).tolist() == MAXIMUM
    assert quantise_motion(low).tolist() == load_tables().motion.minimum.tolist()


def test_symbols_past_the_range_are_clamped_before_a_network_sees_them() -> None:
    plan = load_tables().motion
    vector = motion_vector(dequantise_motion(np.full(SYMBOLS, 32767, np.int16)))
    assert np.array_equal(vector, (plan.maximum * plan.step).astype(np.float32))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("index", [0, 10, 30, 45])
def test_numbers_that_are_not_finite_are_a_user_error(bad: float, index: int) -> None:
    vector = np.zeros(SYMBOLS, np.float32)
    vector[index] = bad
    with pytest.raises(UserError, match="NaN"):
        quantise_motion(values_of(vector))


def test_a_wrong_shape_is_a_user_error() -> None:
    values = values_of(np.zeros(SYMBOLS, np.float32))
    with pytest.raises(UserError, match="46"):
        quantise_motion(replace(values, codes=np.zeros(7, np.float32)))


def test_hysteresis_keeps_a_symbol_until_the_value_is_clearly_elsewhere() -> None:
    step = load_tables().motion.step
    previous = np.full(SYMBOLS, 2, np.int16)
    near = values_of((step * (2.5 + 0.9 * HYSTERESIS)).astype(np.float32))
    far = values_of((step * (2.5 + 1.1 * HYSTERESIS)).astype(np.float32))
    assert (quantise_motion(near) == 3).all()
    assert (quantise_motion(near, previous) == 2).all()
    assert (quantise_motion(far, previous) == 3).all()
