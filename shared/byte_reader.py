"""Big-endian integers: packed for sending, and read from received bytes by a cursor that cannot run past their end.

Must not import anything of this project but `shared.errors`. Invariant: every failure is a `MalformedMessage`.
"""

from shared.errors import MalformedMessage


class ByteReader:
    """Reads big-endian unsigned integers and byte runs from `data`, front to back."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def remaining(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next `count` bytes; raises MalformedMessage when there are fewer."""
        if count > self.remaining:
            raise MalformedMessage(f"truncated: {count} bytes wanted, {self.remaining} left")
        piece = self._data[self._at : self._at + count]
        self._at += count
        return piece

    def uint(self, size_bytes: int) -> int:
        """The next big-endian unsigned integer of `size_bytes` bytes."""
        return int.from_bytes(self.take(size_bytes), "big")

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(self.remaining)

    def expect_end(self) -> None:
        """Raises MalformedMessage when bytes are left over."""
        if self.remaining:
            raise MalformedMessage(f"{self.remaining} bytes too many")


def pack_uints(*fields: tuple[int, int]) -> bytes:
    """`(value, size_bytes)` pairs as big-endian unsigned integers; OverflowError when one does not fit."""
    return b"".join(value.to_bytes(size_bytes, "big") for value, size_bytes in fields)
