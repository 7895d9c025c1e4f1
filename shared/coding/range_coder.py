"""Range coder: integers in, bytes out, the same bytes in every language.

Must not import numpy, nor any other codec module. Invariant: only integers, every intermediate value below 2**41,
so that a language whose numbers are doubles (JavaScript: exact below 2**53) computes the same ones; `low` and
`code` exceed 32 bits only inside one step. The coder is that of G. N. N. Martin (1979) with carry propagation into
the bytes already written, 32-bit state, byte-wise renormalisation, static tables of total 2**15. Format: README.md
beside this file, section 2.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from shared.errors import MalformedMessage, UserError

CDF_BITS: Final = 15
CDF_TOTAL: Final = 1 << CDF_BITS
RAW_BITS_MAX: Final = 12
"""Most raw bits in one step: the range is at least 2**24, so a step of 12 wastes under 2**-12 bit."""
_TOP: Final = 1 << 32
_MASK: Final = _TOP - 1
_BOTTOM: Final = 1 << 24
_TAIL: Final = 1 << 24

BIT_PROBABILITY_BITS: Final = 15
BIT_PROBABILITY_MIN: Final = 128
"""An adaptive probability stays this far from 0 and from 2**15, so that no bit ever costs more than 8 bits."""
BIT_RATE_MAX: Final = 5
"""Slowest adaptation of an adaptive bit: it moves 1/32 of the way."""


class AdaptiveBit:
    """One binary context: the probability of a 1 in 1/2**15, learned while coding.

    It moves by `(target - probability) >> rate`, rate from 2 at the first bit to BIT_RATE_MAX: fast first, calm
    later.
    """

    __slots__ = ("probability", "rate")

    def __init__(self, probability: int = 1 << (BIT_PROBABILITY_BITS - 1), rate: int = 2) -> None:
        """probability: of a 1, BIT_PROBABILITY_MIN to 2**15 - BIT_PROBABILITY_MIN. rate: 2 (new) to BIT_RATE_MAX
        (sure)."""
        self.probability = probability
        self.rate = rate

    def update(self, bit: int) -> None:
        """Learn one bit."""
        if bit:
            self.probability += (CDF_TOTAL - self.probability) >> self.rate
        else:
            self.probability -= self.probability >> self.rate
        self.probability = min(max(self.probability, BIT_PROBABILITY_MIN), CDF_TOTAL - BIT_PROBABILITY_MIN)
        if self.rate < BIT_RATE_MAX:
            self.rate += 1


class RangeEncoder:
    """Turns symbols into bytes; `finish` ends it."""

    __slots__ = ("_low", "_output", "_range")

    def __init__(self) -> None:
        """Start an empty stream."""
        self._low = 0
        self._range = _MASK
        self._output = bytearray()

    def encode(self, symbol: int, cdf: Sequence[int]) -> None:
        """Code `symbol` with `cdf`: n + 1 rising integers from 0 to 2**15 for symbols 0..n-1, no two equal.

        Raises UserError when the table has no such symbol.
        """
        if not 0 <= symbol < len(cdf) - 1:
            raise UserError(f"Symbol {symbol} cannot be coded: the table has symbols 0 to {len(cdf) - 2}.")
        start = cdf[symbol]
        self._narrow(start, cdf[symbol + 1] - start, CDF_BITS)

    def encode_bits(self, value: int, bits: int) -> None:
        """Code `value` (0..2**bits - 1) as `bits` equally likely bits (0..RAW_BITS_MAX)."""
        if not (0 <= bits <= RAW_BITS_MAX and 0 <= value < 1 << bits):
            raise UserError(
                f"{value} cannot be coded in {bits} raw bits (at most {RAW_BITS_MAX} bits in one step)."
            )
        self._narrow(value, 1, bits)

    def encode_adaptive(self, bit: int, context: AdaptiveBit) -> None:
        """Code one bit with an adaptive context, which learns it. A 1 takes the lower part of the range."""
        if bit:
            self._narrow(0, context.probability, CDF_BITS)
        else:
            self._narrow(context.probability, CDF_TOTAL - context.probability, CDF_BITS)
        context.update(bit)

    def _narrow(self, start: int, size: int, bits: int) -> None:
        unit = self._range >> bits
        low = self._low + unit * start
        width = unit * size
        if low > _MASK:
            self._carry()
            low -= _TOP
        while width < _BOTTOM:
            self._output.append(low >> 24)
            low = (low << 8) & _MASK
            width <<= 8
        self._low = low
        self._range = width

    def _carry(self) -> None:
        output = self._output
        position = len(output) - 1
        while output[position] == 255:
            output[position] = 0
            position -= 1
        output[position] += 1

    def finish(self) -> bytes:
        """The shortest stream: at most one byte after those already settled, trailing zero bytes dropped.

        The range is at least 2**24, so some number in it has 24 zero bits at its end; the decoder reads zeros past
        the end.
        """
        tail = -(-self._low // _TAIL) * _TAIL
        if tail > _MASK:
            self._carry()
            tail -= _TOP
        self._output.append(tail >> 24)
        return bytes(self._output).rstrip(b"\0")


class RangeDecoder:
    """Turns bytes into symbols. Reads zeros past the end; does bounded work for any bytes."""

    __slots__ = ("_code", "_data", "_position", "_range")

    def __init__(self, data: bytes) -> None:
        """data: what `RangeEncoder.finish` returned, or anything else."""
        self._data = data
        self._position = 4
        self._code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self._range = _MASK

    def decode(self, cdf: Sequence[int]) -> int:
        """The next symbol. Raises MalformedMessage when no encoder could have written these bytes."""
        unit = self._range >> CDF_BITS
        target = self._code // unit
        if target >= CDF_TOTAL:
            raise MalformedMessage("range coder: value outside the table")
        symbol = bisect_right(cdf, target) - 1
        start = cdf[symbol]
        self._take(unit * start, unit * (cdf[symbol + 1] - start))
        return symbol

    def decode_bits(self, bits: int) -> int:
        """The next `bits` raw bits (0..RAW_BITS_MAX). Raises MalformedMessage as `decode` does."""
        unit = self._range >> bits
        value = self._code // unit
        if value >> bits:
            raise MalformedMessage("range coder: value outside the raw bits")
        self._take(unit * value, unit)
        return value

    def decode_adaptive(self, context: AdaptiveBit) -> int:
        """The next bit of an adaptive context, which learns it. Raises MalformedMessage as `decode` does."""
        unit = self._range >> CDF_BITS
        target = self._code // unit
        if target >= CDF_TOTAL:
            raise MalformedMessage("range coder: value outside the adaptive bit")
        bit = int(target < context.probability)
        if bit:
            self._take(0, unit * context.probability)
        else:
            self._take(unit * context.probability, unit * (CDF_TOTAL - context.probability))
        context.update(bit)
        return bit

    def _take(self, offset: int, width: int) -> None:
        code = self._code - offset
        while width < _BOTTOM:
            data = self._data
            code = (code << 8) | (data[self._position] if self._position < len(data) else 0)
            self._position += 1
            width <<= 8
        self._code = code
        self._range = width

    def finish(self) -> None:
        """Check the end. Raises MalformedMessage when bytes are left over or the last byte is a zero (never
        written)."""
        if len(self._data) > self._position - 3:
            raise MalformedMessage("range coder: bytes after the end")
        if self._data.endswith(b"\0"):
            raise MalformedMessage("range coder: trailing zero byte")
