"""experiments.gfvc.bits: numbers as bits and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.gfvc.bits import GOLOMB_MAX_ZEROS, STRING_MAX_BYTES, BitReader, BitWriter
from shared.errors import MalformedMessage

LARGEST = (1 << GOLOMB_MAX_ZEROS) - 2


def written(*values: tuple[str, int]) -> str:
    """Bits of ue or se values, as text."""
    writer = BitWriter()
    for kind, value in values:
        getattr(writer, kind)(value)
    return "".join(f"{byte:08b}" for byte in bytes(writer))[: len(writer)]


@pytest.mark.parametrize(
    ("value", "bits"), [(0, "1"), (1, "010"), (2, "011"), (3, "00100"), (6, "00111"), (7, "0001000")]
)
def test_unsigned_numbers_have_the_bits_of_the_standard(value: int, bits: str) -> None:
    assert written(("ue", value)) == bits


@pytest.mark.parametrize(("value", "bits"), [(0, "1"), (1, "010"), (-1, "011"), (2, "00100"), (-2, "00101")])
def test_signed_numbers_have_the_bits_of_the_standard(value: int, bits: str) -> None:
    assert written(("se", value)) == bits


@given(st.lists(st.tuples(st.integers(0, LARGEST), st.integers(-(2**30), 2**30), st.integers(0, 1023))))
def test_what_was_written_is_read_back(rows: list[tuple[int, int, int]]) -> None:
    writer = BitWriter()
    for unsigned, signed, ten in rows:
        writer.ue(unsigned)
        writer.se(signed)
        writer.u(10, ten)
    reader = BitReader(bytes(writer))
    assert [(reader.ue(), reader.se(), reader.u(10)) for _ in rows] == rows
    assert reader.place == len(writer)


def test_numbers_reach_their_limit_and_no_further() -> None:
    assert BitReader(_ue(LARGEST)).ue() == LARGEST
    for value in (LARGEST + 1, -1):
        with pytest.raises(ValueError, match="ue"):
            BitWriter().ue(value)
    with pytest.raises(ValueError, match="fit"):
        BitWriter().u(3, 8)
    with pytest.raises(MalformedMessage, match="longer than any"):
        BitReader(bytes(8) + b"\xff" * 8).ue()


def _ue(value: int) -> bytes:
    writer = BitWriter()
    writer.ue(value)
    return bytes(writer)


def test_strings_are_read_back_and_limited() -> None:
    writer = BitWriter()
    writer.u(3, 5)
    writer.align()
    writer.st("naïve")
    writer.st("x" * STRING_MAX_BYTES)
    reader = BitReader(bytes(writer))
    assert reader.u(3) == 5
    reader.align()
    assert (reader.st(), len(reader.st())) == ("naïve", STRING_MAX_BYTES)
    for text in ("a\0b", "x" * (STRING_MAX_BYTES + 1)):
        with pytest.raises(ValueError, match="string"):
            BitWriter().st(text)
    with pytest.raises(MalformedMessage, match="too long"):
        BitReader(b"x" * (STRING_MAX_BYTES + 1) + b"\0").st()


def test_a_payload_ends_with_a_byte() -> None:
    writer = BitWriter()
    writer.u(3, 0)
    writer.trail()
    assert bytes(writer) == b"\x10"
    writer.trail()
    assert bytes(writer) == b"\x10"


@given(st.binary(max_size=40), st.lists(st.sampled_from(["ue", "se", "st", "align", "u"]), max_size=12))
def test_any_bytes_give_numbers_or_a_remote_error(data: bytes, kinds: list[str]) -> None:
    reader = BitReader(data)
    try:
        for kind in kinds:
            reader.u(7) if kind == "u" else getattr(reader, kind)()
    except MalformedMessage:
        pass
    assert reader.place <= 8 * len(data)
