"""Shape and anchors: round trips, clamps, garbage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.coding import shape_code
from shared.coding.motion_layout import ANCHOR_SYMBOLS, SHAPE_SYMBOLS
from shared.coding.tables import load_tables
from shared.errors import MalformedMessage, UserError

SHAPE_MAX = load_tables().shape.maximum.tolist()
ANCHOR_MAX = load_tables().anchors.maximum.tolist()


@given(st.tuples(*[st.integers(-limit, limit) for limit in SHAPE_MAX]))
@settings(max_examples=40)
def test_every_shape_comes_back(row: tuple[int, ...]) -> None:
    assert tuple(shape_code.decode_shape(shape_code.encode_shape(np.array(row, np.int16)))) == row


@given(st.tuples(*[st.integers(-limit, limit) for limit in ANCHOR_MAX]))
@settings(max_examples=40)
def test_all_anchors_come_back(row: tuple[int, ...]) -> None:
    assert tuple(shape_code.decode_anchors(shape_code.encode_anchors(np.array(row, np.int16)))) == row


@given(st.binary(max_size=150))
@settings(max_examples=200)
def test_any_bytes_give_symbols_in_range_or_malformed(data: bytes) -> None:
    tables = load_tables()
    for decode, plan in (
        (shape_code.decode_shape, tables.shape),
        (shape_code.decode_anchors, tables.anchors),
    ):
        try:
            symbols = decode(data)
        except MalformedMessage:
            continue
        assert symbols.shape == (plan.size,) and symbols.dtype == np.int16 and not symbols.flags.writeable
        assert ((symbols >= plan.minimum) & (symbols <= plan.maximum)).all()


def test_one_past_the_range_is_a_user_error() -> None:
    with pytest.raises(UserError):
        shape_code.encode_shape(np.array([SHAPE_MAX[0] + 1, *SHAPE_MAX[1:]], np.int16))
    with pytest.raises(UserError):
        shape_code.encode_anchors(np.array([ANCHOR_MAX[0] + 1, *ANCHOR_MAX[1:]], np.int16))


def test_swapped_codes_are_a_user_error() -> None:
    with pytest.raises(UserError):
        shape_code.encode_shape(np.zeros(ANCHOR_SYMBOLS, np.int16))
    with pytest.raises(UserError):
        shape_code.encode_anchors(np.zeros(SHAPE_SYMBOLS, np.int16))


def test_quantising_is_off_by_half_a_step_and_clamps() -> None:
    plan, rng = load_tables().shape, np.random.default_rng(1)
    values = rng.uniform(-1, 1, SHAPE_SYMBOLS) * plan.maximum * plan.step
    back = shape_code.dequantise_shape(shape_code.quantise_shape(values))
    assert (np.abs(back - values) <= 0.5001 * plan.step).all()
    assert shape_code.quantise_shape(np.full(SHAPE_SYMBOLS, 1e9)).tolist() == SHAPE_MAX
    anchors = shape_code.dequantise_anchors(shape_code.quantise_anchors(np.full(ANCHOR_SYMBOLS, 9.0)))
    assert anchors.tolist() == (load_tables().anchors.maximum * load_tables().anchors.step).tolist()


def test_numbers_that_are_not_finite_are_a_user_error() -> None:
    with pytest.raises(UserError):
        shape_code.quantise_shape(np.full(SHAPE_SYMBOLS, np.nan))
    with pytest.raises(UserError):
        shape_code.quantise_anchors(np.full(ANCHOR_SYMBOLS, np.inf))
