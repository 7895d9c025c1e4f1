"""Bits as video coding standards write them: u(n), ue(v), se(v), st(v) (ITU-T H.266, 7.2 and 9.2; H.274, 5.2).

Must import the standard library and `shared.errors` only. Invariant: what was written is read back bit for bit; a reader raises
only MalformedMessage, whatever the bytes.
"""

from typing import Final

from shared.errors import MalformedMessage

GOLOMB_MAX_ZEROS: Final = 32
"""ue(v) reaches 2**32 - 2 (H.266, 9.2): longer prefixes are no value."""
STRING_MAX_BYTES: Final = 2048
"""Of one st(v)."""


class BitWriter:
    """Collects bits, the highest of each byte first."""

    def __init__(self) -> None:
        self._bits: list[int] = []

    def __len__(self) -> int:
        return len(self._bits)

    def u(self, count: int, value: int) -> None:
        """`count` bits. ValueError for a value that they do not hold."""
        if not 0 <= value < 1 << count:
            raise ValueError(f"{value} does not fit {count} bits")
        self._bits += [value >> place & 1 for place in reversed(range(count))]

    def ue(self, value: int) -> None:
        """Exp-Golomb, 0..2**32 - 2."""
        if not 0 <= value < (1 << GOLOMB_MAX_ZEROS) - 1:
            raise ValueError(f"ue(v) holds 0 to 2**32 - 2, not {value}")
        self.u(2 * (value + 1).bit_length() - 1, value + 1)

    def se(self, value: int) -> None:
        """Signed: 0, 1, -1, 2, -2, ... as ue(v) 0, 1, 2, 3, 4, ..."""
        self.ue(2 * value - 1 if value > 0 else -2 * value)

    def align(self) -> None:
        """Zero bits up to the next byte."""
        self.u(-len(self._bits) % 8, 0)

    def st(self, text: str) -> None:
        """UTF-8 and a zero byte, from a byte's beginning on. ValueError for a text with a zero in it, or a longer one."""
        data = text.encode()
        if 0 in data or len(data) > STRING_MAX_BYTES or len(self._bits) % 8:
            raise ValueError("a string has no zero byte, is not too long, and begins with a byte")
        for byte in (*data, 0):
            self.u(8, byte)

    def trail(self) -> None:
        """A one and zeros up to the next byte: the end of a payload that does not end with a byte (H.274, 5.1)."""
        if len(self._bits) % 8:
            self.u(1, 1)
            self.align()

    def __bytes__(self) -> bytes:
        """What was written, zeros to the end of the last byte."""
        bits = [*self._bits, *[0] * (-len(self._bits) % 8)]
        return bytes(int("".join(map(str, bits[place : place + 8])), 2) for place in range(0, len(bits), 8))


class BitReader:
    """Reads what a BitWriter wrote."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    @property
    def place(self) -> int:
        """Bits that were read."""
        return self._place

    def u(self, count: int) -> int:
        """`count` bits. MalformedMessage past the end."""
        if self._place + count > 8 * len(self._data):
            raise MalformedMessage("the message ends within a number")
        value = 0
        for place in range(self._place, self._place + count):
            value = value << 1 | self._data[place >> 3] >> (7 - (place & 7)) & 1
        self._place += count
        return value

    def ue(self) -> int:
        """Exp-Golomb. MalformedMessage past the end and for more than GOLOMB_MAX_ZEROS - 1 leading zeros."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros >= GOLOMB_MAX_ZEROS:
                raise MalformedMessage("a number is longer than any there is")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """Signed Exp-Golomb."""
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)

    def align(self) -> None:
        """On to the next byte. MalformedMessage unless the bits before it are zero."""
        if self.u(-self._place % 8):
            raise MalformedMessage("the bits before a byte are not zero")

    def st(self) -> str:
        """A string. MalformedMessage for one without an end, too long, or not UTF-8."""
        data = bytearray()
        while byte := self.u(8):
            data.append(byte)
            if len(data) > STRING_MAX_BYTES:
                raise MalformedMessage("a string is too long")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise MalformedMessage("a string is not UTF-8") from error
