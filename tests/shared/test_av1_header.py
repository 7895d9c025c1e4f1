"""shared.av1_header: reads what real encoders write, and refuses everything else without a decoder."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.av1_header import (
    Chroma,
    SequenceHeader,
    check_inter_frame,
    parse_sequence_header,
    strip_temporal_delimiter,
)
from shared.errors import MalformedMessage

FRAME = b"\x32\x03abc"
REDUCED = bytes.fromhex("0a0a181dffffd32021a0b080")
"""Still picture with the reduced header and colour description, 256x256 (SVT-AV1)."""
FULL = bytes.fromhex("0a0b00000003bffff9d5f30080")
"""Ordinary header without colour description, 256x256 (SVT-AV1)."""


class Bits:
    """Writes a sequence header field by field, as section 5.5.1 lists them."""

    def __init__(self) -> None:
        self.text = ""

    def put(self, value: int, count: int) -> "Bits":
        self.text += format(value, f"0{count}b")
        return self

    def obu(self) -> bytes:
        text = self.text + "1"
        payload = int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big")
        return bytes([0x0A, len(payload)]) + payload


def reduced(
    width: int = 256, height: int = 256, profile: int = 0, high: int = 0, mono: int = 0, still: int = 1
) -> bytes:
    bits = Bits().put(profile, 3).put(still, 1).put(1, 1).put(0, 5)
    bits.put(15, 4).put(15, 4).put(width - 1, 16).put(height - 1, 16)
    bits.put(0, 3).put(0, 3).put(high, 1).put(mono, 1).put(0, 1).put(1, 1)
    return bits.put(0, 3 if not mono else 0).put(0, 1).obu()


def test_the_header_of_a_still_picture_is_read() -> None:
    assert parse_sequence_header(REDUCED + FRAME) == SequenceHeader(256, 256, 8, Chroma.YUV420, 5, True)


def test_the_header_of_a_video_stream_is_read() -> None:
    assert parse_sequence_header(FULL + FRAME) == SequenceHeader(256, 256, 8, Chroma.YUV420, 2, False)


@given(
    width=st.integers(1, 65536), height=st.integers(1, 65536), high=st.integers(0, 1), mono=st.integers(0, 1)
)
def test_every_size_and_depth_is_read_back(width: int, height: int, high: int, mono: int) -> None:
    header = parse_sequence_header(reduced(width, height, high=high, mono=mono) + FRAME)
    assert (header.width_px, header.height_px) == (width, height)
    assert header.bit_depth == (10 if high else 8)
    assert header.chroma is (Chroma.MONO if mono else Chroma.YUV420)


def test_a_temporal_delimiter_may_come_first_and_is_stripped() -> None:
    unit = b"\x12\x00" + REDUCED + FRAME
    assert parse_sequence_header(unit).width_px == 256
    assert strip_temporal_delimiter(unit) == REDUCED + FRAME
    assert strip_temporal_delimiter(REDUCED + FRAME) == REDUCED + FRAME


@pytest.mark.parametrize(
    "data",
    [
        b"",
        REDUCED,  # no frame
        FRAME,  # no header
        FRAME + REDUCED,  # wrong order
        REDUCED + REDUCED + FRAME,  # a second header, which could claim another size
        REDUCED + FRAME + FRAME,  # two frames
        REDUCED + b"\x12\x00" + FRAME,  # delimiter in the middle
        REDUCED + b"\x2a\x00" + FRAME,  # metadata
        REDUCED + b"\x1a\x01a" + b"\x22\x01a",  # frame header and tile group apart
        REDUCED + b"\x36\x00\x03abc",  # extension: a spatial layer
        REDUCED + b"\x30abc",  # frame without its size
        REDUCED + b"\xb2\x03abc",  # forbidden bit
        REDUCED + b"\x32\x04abc",  # size past the end
        REDUCED + b"\x32\xff\xff\xff\xff\xff\xff\xff\xff\xff",  # endless size
        b"\x12\x00" * 100 + REDUCED + FRAME,  # flood
        b"\x0a\x00" + FRAME,  # empty header
        b"\x0a\x03" + REDUCED[2:5] + FRAME,  # cut header
        reduced(profile=1) + FRAME,  # 4:4:4
        reduced(profile=7) + FRAME,
        reduced(still=0) + FRAME,  # reduced header without still picture
        Bits().put(0, 5).put(1, 1).obu() + FRAME,  # timing
        Bits().put(0, 5).put(0, 2).put(1, 5).put(0, 64).obu() + FRAME,  # two operating points
    ],
)
def test_anything_else_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_sequence_header(data)


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_malformed(data: bytes) -> None:
    try:
        header = parse_sequence_header(data)
    except MalformedMessage:
        return
    assert 1 <= header.width_px <= 65536


@given(st.data())
def test_a_damaged_header_is_read_or_malformed(data: st.DataObject) -> None:
    unit = bytearray(FULL + FRAME)
    for _ in range(data.draw(st.integers(1, 4))):
        unit[data.draw(st.integers(0, len(unit) - 1))] = data.draw(st.integers(0, 255))
    with suppress(MalformedMessage):
        parse_sequence_header(bytes(unit))


def test_a_picture_between_keyframes_is_one_frame_and_nothing_else() -> None:
    for data in (FRAME, b"\x12\x00" + FRAME):
        check_inter_frame(data)
    for data in (b"", REDUCED + FRAME, FRAME + FRAME, FRAME + REDUCED, FRAME[:-1], b"\x12\x00"):
        with pytest.raises(MalformedMessage):
            check_inter_frame(data)
