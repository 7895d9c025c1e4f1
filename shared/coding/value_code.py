"""One signed integer with one rung of the ladder of scales: table symbol, escape, raw low bits.

Must not import numpy. Invariant: every value of -MOTION_DELTA_MAX..MOTION_DELTA_MAX can be coded with every rung, and
decoding takes at most four steps whatever the bytes are. Format: README.md beside this file, section 4.
"""

from dataclasses import dataclass
from typing import Final

from shared.coding.range_coder import RangeDecoder, RangeEncoder
from shared.errors import MalformedMessage, UserError
from shared.limits import MOTION_DELTA_MAX

DIRECT_MAX: Final = 15
"""Largest absolute value (after the raw low bits are taken off) that has a table symbol of its own."""
TABLE_SYMBOLS: Final = 2 * DIRECT_MAX + 2
ESCAPE: Final = TABLE_SYMBOLS - 1
ESCAPE_CLASS_BITS: Final = 3
ESCAPE_FIRST_BITS: Final = 2
"""Escape class c (3 raw bits) is followed by c + 2 raw bits: like Exp-Golomb of order 2, without a loop."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung of the ladder. cdf: TABLE_SYMBOLS + 1 integers. low_bits: bits of each value sent raw (wide rungs)."""

    cdf: tuple[int, ...]
    low_bits: int


def encode_value(encoder: RangeEncoder, value: int, rung: Rung) -> None:
    """Code `value`. Raises UserError beyond MOTION_DELTA_MAX."""
    if not -MOTION_DELTA_MAX <= value <= MOTION_DELTA_MAX:
        raise UserError(
            f"Value {value} cannot be coded: the format ends at {MOTION_DELTA_MAX}. Clamp it first."
        )
    high = value >> rung.low_bits
    if -DIRECT_MAX <= high <= DIRECT_MAX:
        encoder.encode(high + DIRECT_MAX, rung.cdf)
    else:
        encoder.encode(ESCAPE, rung.cdf)
        _encode_escape(encoder, high)
    if rung.low_bits:
        encoder.encode_bits(value & ((1 << rung.low_bits) - 1), rung.low_bits)


def _encode_escape(encoder: RangeEncoder, high: int) -> None:
    rest = abs(high) - (DIRECT_MAX + 1) + (1 << ESCAPE_FIRST_BITS)
    bits = rest.bit_length() - 1
    encoder.encode_bits(int(high < 0), 1)
    encoder.encode_bits(bits - ESCAPE_FIRST_BITS, ESCAPE_CLASS_BITS)
    encoder.encode_bits(rest - (1 << bits), bits)


def decode_value(decoder: RangeDecoder, rung: Rung) -> int:
    """The next value, within MOTION_DELTA_MAX. Raises MalformedMessage on anything else."""
    symbol = decoder.decode(rung.cdf)
    high = _decode_escape(decoder) if symbol == ESCAPE else symbol - DIRECT_MAX
    value = high
    if rung.low_bits:
        value = (high << rung.low_bits) + decoder.decode_bits(rung.low_bits)
    if not -MOTION_DELTA_MAX <= value <= MOTION_DELTA_MAX:
        raise MalformedMessage("value past the end of the format")
    return value


def _decode_escape(decoder: RangeDecoder) -> int:
    negative = decoder.decode_bits(1)
    bits = decoder.decode_bits(ESCAPE_CLASS_BITS) + ESCAPE_FIRST_BITS
    size = decoder.decode_bits(bits) + (1 << bits) - (1 << ESCAPE_FIRST_BITS) + DIRECT_MAX + 1
    return -size if negative else size


def value_bits(value: int, low_bits: int) -> int:
    """Raw bits that `encode_value` adds to the table symbol for this value."""
    high = value >> low_bits
    if -DIRECT_MAX <= high <= DIRECT_MAX:
        return low_bits
    rest = abs(high) - (DIRECT_MAX + 1) + (1 << ESCAPE_FIRST_BITS)
    return low_bits + 1 + ESCAPE_CLASS_BITS + rest.bit_length() - 1
