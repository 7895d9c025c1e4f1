"""The range coder: exact round trips, shortest endings, only documented errors."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.coding.range_coder import (
    BIT_PROBABILITY_MIN,
    CDF_TOTAL,
    RAW_BITS_MAX,
    AdaptiveBit,
    RangeDecoder,
    RangeEncoder,
)
from shared.errors import MalformedMessage, UserError


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, ...]:
    inner = draw(st.sets(st.integers(1, CDF_TOTAL - 1), max_size=40))
    return (0, *sorted(inner), CDF_TOTAL)


@st.composite
def steps(draw: st.DrawFn) -> list[Any]:
    table = tables().flatmap(lambda cdf: st.tuples(st.integers(0, len(cdf) - 2), st.just(cdf)))
    raw = st.integers(0, RAW_BITS_MAX).flatmap(lambda n: st.tuples(st.integers(0, 2**n - 1), st.just(n)))
    adaptive = st.tuples(st.integers(0, 1), st.none())
    return draw(st.lists(st.one_of(table, raw, adaptive), max_size=60))


def encode(all_steps: list[Any]) -> bytes:
    encoder, context = RangeEncoder(), AdaptiveBit()
    for value, how in all_steps:
        if how is None:
            encoder.encode_adaptive(value, context)
        elif isinstance(how, int):
            encoder.encode_bits(value, how)
        else:
            encoder.encode(value, how)
    return encoder.finish()


def decode(data: bytes, all_steps: list[Any]) -> list[int]:
    decoder, context, values = RangeDecoder(data), AdaptiveBit(), []
    for _, how in all_steps:
        if how is None:
            values.append(decoder.decode_adaptive(context))
        elif isinstance(how, int):
            values.append(decoder.decode_bits(how))
        else:
            values.append(decoder.decode(how))
    decoder.finish()
    return values


@given(steps())
def test_any_mix_of_steps_comes_back(all_steps: list[Any]) -> None:
    assert decode(encode(all_steps), all_steps) == [value for value, _ in all_steps]


@given(st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.just((0, 1, 32767, 32768))), max_size=80))
def test_the_rarest_symbols_come_back(all_steps: list[Any]) -> None:
    assert decode(encode(all_steps), all_steps) == [value for value, _ in all_steps]


def test_a_carry_runs_through_bytes_of_255() -> None:
    before = encode([(value, 9) for value in (258, 0, 8, 32, 1, 0)])
    all_steps = [(value, 9) for value in (258, 0, 8, 32, 1, 511)]
    after = encode(all_steps)
    assert before.hex().startswith("80ffffffff") and after.hex().startswith("8100000000")
    assert decode(after, all_steps) == [value for value, _ in all_steps]


@given(steps())
def test_the_length_is_the_information_and_at_most_nine_bits_more(all_steps: list[Any]) -> None:
    fixed = [(value, how) for value, how in all_steps if how is not None]
    bits = 0.0
    for value, how in fixed:
        bits += how if isinstance(how, int) else -math.log2((how[value + 1] - how[value]) / CDF_TOTAL)
    assert 8 * len(encode(fixed)) <= bits + 9 + 0.01 * len(fixed)


def test_nothing_and_certainty_cost_no_byte() -> None:
    assert RangeEncoder().finish() == b""
    assert encode([(0, (0, CDF_TOTAL))] * 100) == b""


@given(steps())
def test_the_last_byte_is_never_zero(all_steps: list[Any]) -> None:
    assert not encode(all_steps).endswith(b"\0")


@given(st.binary(max_size=40), steps())
def test_any_bytes_give_legal_values_or_malformed(data: bytes, all_steps: list[Any]) -> None:
    try:
        values = decode(data, all_steps)
    except MalformedMessage:
        return
    for value, (_, how) in zip(values, all_steps, strict=True):
        limit = 2 if how is None else 2**how if isinstance(how, int) else len(how) - 1
        assert 0 <= value < limit


def test_every_step_refuses_a_value_no_encoder_writes() -> None:
    with pytest.raises(MalformedMessage):
        RangeDecoder(b"\xff" * 4).decode((0, 1, CDF_TOTAL))
    with pytest.raises(MalformedMessage):
        RangeDecoder(b"\xff" * 4).decode_bits(8)
    with pytest.raises(MalformedMessage):
        RangeDecoder(b"\xff" * 4).decode_adaptive(AdaptiveBit())


@given(steps(), st.binary(min_size=1, max_size=4))
def test_bytes_after_the_end_are_refused(all_steps: list[Any], more: bytes) -> None:
    data = encode(all_steps)
    padded = data + b"\0" * 8 + more
    with pytest.raises(MalformedMessage):
        decode(padded, all_steps)


def test_a_trailing_zero_byte_is_refused() -> None:
    all_steps = [(1, 1), *[(0, 12)] * 4]
    with pytest.raises(MalformedMessage, match="trailing zero"):
        decode(encode(all_steps) + b"\0", all_steps)


def test_a_symbol_outside_the_table_is_a_user_error() -> None:
    encoder = RangeEncoder()
    encoder.encode(1, (0, 5, CDF_TOTAL))
    for symbol in (-1, 2):
        with pytest.raises(UserError):
            encoder.encode(symbol, (0, 5, CDF_TOTAL))


def test_raw_bits_end_at_their_limit() -> None:
    RangeEncoder().encode_bits(2**RAW_BITS_MAX - 1, RAW_BITS_MAX)
    for value, bits in ((0, RAW_BITS_MAX + 1), (2, 1), (-1, 4), (0, -1)):
        with pytest.raises(UserError):
            RangeEncoder().encode_bits(value, bits)


def test_an_adaptive_bit_learns_within_its_bounds() -> None:
    context = AdaptiveBit()
    for _ in range(1000):
        context.update(1)
    assert context.probability == CDF_TOTAL - BIT_PROBABILITY_MIN
    for _ in range(1000):
        context.update(0)
    assert context.probability == BIT_PROBABILITY_MIN


def test_an_adaptive_bit_approaches_the_entropy_of_rare_ones() -> None:
    encoder, context = RangeEncoder(), AdaptiveBit()
    for index in range(4000):
        encoder.encode_adaptive(int(index % 20 == 7), context)
    assert len(encoder.finish()) < 1.1 * 4000 * 0.2864 / 8
