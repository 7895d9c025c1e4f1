"""One value on one rung: direct symbols, escapes, low bits, and the ends of the format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.coding.range_coder import RangeDecoder, RangeEncoder
from shared.coding.tables import COST_ONE_BIT, load_tables
from shared.coding.value_code import DIRECT_MAX, ESCAPE, Rung, decode_value, encode_value, value_bits
from shared.errors import MalformedMessage, UserError
from shared.limits import MOTION_DELTA_MAX

RUNGS = load_tables().ladder.rungs


def round_trip(values: list[int], rung: Rung) -> list[int]:
    encoder = RangeEncoder()
    for value in values:
        encode_value(encoder, value, rung)
    decoder = RangeDecoder(encoder.finish())
    decoded = [decode_value(decoder, rung) for _ in values]
    decoder.finish()
    return decoded


@pytest.mark.parametrize("rung", RUNGS)
def test_every_value_comes_back_on_every_rung(rung: Rung) -> None:
    values = list(range(-MOTION_DELTA_MAX, MOTION_DELTA_MAX + 1))
    assert round_trip(values, rung) == values


@given(st.lists(st.integers(-MOTION_DELTA_MAX, MOTION_DELTA_MAX)), st.sampled_from(RUNGS))
def test_any_values_come_back(values: list[int], rung: Rung) -> None:
    assert round_trip(values, rung) == values


@pytest.mark.parametrize("value", [MOTION_DELTA_MAX + 1, -MOTION_DELTA_MAX - 1])
def test_one_past_the_end_cannot_be_coded(value: int) -> None:
    with pytest.raises(UserError):
        encode_value(RangeEncoder(), value, RUNGS[0])


def hand_written(size: int, negative: int) -> bytes:
    """An escape as a careless encoder would write it on the first rung."""
    encoder, rest = RangeEncoder(), size - DIRECT_MAX - 1 + 4
    bits = rest.bit_length() - 1
    encoder.encode(ESCAPE, RUNGS[0].cdf)
    encoder.encode_bits(negative, 1)
    encoder.encode_bits(bits - 2, 3)
    encoder.encode_bits(rest - 2**bits, bits)
    return encoder.finish()


@pytest.mark.parametrize("negative", [0, 1])
def test_an_escape_ends_at_the_limit(negative: int) -> None:
    sign = -1 if negative else 1
    assert (
        decode_value(RangeDecoder(hand_written(MOTION_DELTA_MAX, negative)), RUNGS[0])
        == sign * MOTION_DELTA_MAX
    )
    with pytest.raises(MalformedMessage):
        decode_value(RangeDecoder(hand_written(MOTION_DELTA_MAX + 1, negative)), RUNGS[0])


def test_the_cost_table_is_what_the_coder_spends() -> None:
    costs = load_tables().ladder.costs
    for index, rung in enumerate(RUNGS):
        for value in (0, 3, -3, 17, -40, 500):
            encoder = RangeEncoder()
            for _ in range(64):
                encode_value(encoder, value, rung)
            spent = 8 * len(encoder.finish()) / 64
            assert spent == pytest.approx(costs[index, value + MOTION_DELTA_MAX] / COST_ONE_BIT, abs=0.2)


def test_raw_bits_grow_with_the_escape() -> None:
    assert [value_bits(value, 0) for value in (15, 16, -16, 19, 20, 1022)] == [0, 6, 6, 6, 7, 13]
    assert value_bits(31, 1) == 1 and value_bits(32, 1) == 7
