"""Thumbnails and video as bytes: units inside bundles, and parts of larger units as messages of their own.

`shared/PROTOCOL.md`, sections 4 and 5, is the specification. Must not import coders, state machines or clocks. Invariant:
parsing raises `MalformedMessage` only, and every field that it returns is in its documented range.
"""

from dataclasses import dataclass
from typing import Final

from shared.byte_reader import ByteReader, pack_uints
from shared.errors import MalformedMessage
from shared.frames import VideoKind, VideoUnit
from shared.limits import (
    BUNDLE_MAX_VIDEO_UNITS,
    VIDEO_MAX_SIDE_PX,
    VIDEO_MIN_SIDE_PX,
    VIDEO_PART_MAX_BYTES,
    VIDEO_SIDE_UNIT_PX,
    VIDEO_UNIT_MAX_BYTES,
    VIDEO_UNIT_MAX_PARTS,
)
from shared.media_time import unwrap_ms, wrap_ms
from shared.wire_ack import PROTOCOL_VERSION

TYPE_VIDEO_PART: Final = 5

OFFSET_MIN_MS: Final = -512
OFFSET_MAX_MS: Final = 511
UNIT_HEADER_BYTES: Final = 5
PART_HEADER_BYTES: Final = 9
"""With the message's first byte."""

_MORE = 0x80
_VIDEO = 0x40
_INTRA = 0x20
_SIDE = 0x1F


@dataclass(frozen=True, slots=True)
class VideoPart:
    """Part `index` of `count` (1..16) of a unit of `total_bytes`. media_ms: wrapped. Other fields as in `VideoUnit`."""

    kind: VideoKind
    unit_id: int
    media_ms: int
    intra: bool
    side_px: int
    index: int
    count: int
    total_bytes: int
    payload: bytes

    def __bytes__(self) -> bytes:
        first = (PROTOCOL_VERSION << 4 | TYPE_VIDEO_PART, 1)
        picture = (_picture(self.kind, self.intra, self.side_px), 1)
        place = (self.index << 4 | self.count - 1, 1)
        times = ((self.media_ms, 3), (self.total_bytes, 2))
        return pack_uints(first, picture, (self.unit_id, 1), place, *times) + self.payload


def unit_bytes(units: tuple[VideoUnit, ...], bundle_ms: int, sections: int) -> bytes:
    """The units of a bundle whose own (wrapped) time is bundle_ms. sections: flags of what follows them.

    OverflowError or ValueError when a field does not fit.
    """
    pieces = []
    for index, unit in enumerate(units):
        more = index + 1 < len(units)
        offset_ms = unwrap_ms(unit.media_ms, bundle_ms) - bundle_ms
        if not OFFSET_MIN_MS <= offset_ms <= OFFSET_MAX_MS:
            raise ValueError(f"a unit {offset_ms} ms from its bundle cannot be written")
        rest = (0 if more else sections) << 21 | len(unit.data) << 10 | offset_ms - OFFSET_MIN_MS
        first = _MORE * more | _picture(unit.kind, unit.intra, unit.side_px)
        pieces.append(pack_uints((first, 1), (unit.unit_id, 1), (rest, 3)) + unit.data)
    return b"".join(pieces)


def parse_units(reader: ByteReader, bundle_ms: int) -> tuple[tuple[VideoUnit, ...], int]:
    """The units at the reader's place, media times wrapped, and the flags of the sections after them."""
    units: list[VideoUnit] = []
    more, sections = True, 0
    while more:
        if sections or len(units) == BUNDLE_MAX_VIDEO_UNITS:
            raise MalformedMessage(
                f"more than {BUNDLE_MAX_VIDEO_UNITS} units in one bundle, or sections before the last"
            )
        first, unit_id, rest = reader.uint(1), reader.uint(1), reader.uint(3)
        more, sections, size_bytes = bool(first & _MORE), rest >> 21, rest >> 10 & 0x7FF
        if not size_bytes:
            raise MalformedMessage("empty picture in a bundle")
        media_ms = wrap_ms(bundle_ms + (rest & 0x3FF) + OFFSET_MIN_MS)
        kind, intra, side_px = _parse_picture(first)
        units.append(VideoUnit(kind, unit_id, media_ms, intra, side_px, reader.take(size_bytes)))
    return tuple(units), sections


def parse_part(reader: ByteReader) -> VideoPart:
    """A part after the message's first byte. Raises MalformedMessage."""
    kind, intra, side_px = _parse_picture(reader.uint(1))
    unit_id, place, media_ms, total_bytes = reader.uint(1), reader.uint(1), reader.uint(3), reader.uint(2)
    index, count, payload = place >> 4, (place & 15) + 1, reader.rest()
    if index >= count or count > VIDEO_UNIT_MAX_PARTS:
        raise MalformedMessage(f"part {index} of {count} of a picture")
    if not count <= total_bytes <= VIDEO_UNIT_MAX_BYTES:
        raise MalformedMessage(f"picture of {total_bytes} bytes in {count} parts")
    if not 1 <= len(payload) <= min(VIDEO_PART_MAX_BYTES, total_bytes):
        raise MalformedMessage(f"part with {len(payload)} bytes of a picture of {total_bytes}")
    return VideoPart(kind, unit_id, media_ms, intra, side_px, index, count, total_bytes, payload)


def _picture(kind: VideoKind, intra: bool, side_px: int) -> int:
    side, odd = divmod(side_px - VIDEO_MIN_SIDE_PX, VIDEO_SIDE_UNIT_PX)
    if odd or not VIDEO_MIN_SIDE_PX <= side_px <= VIDEO_MAX_SIDE_PX:
        raise ValueError(f"a picture with a side of {side_px} px cannot be written")
    return _VIDEO * (kind is VideoKind.VIDEO) | _INTRA * intra | side


def _parse_picture(first: int) -> tuple[VideoKind, bool, int]:
    side_px = VIDEO_MIN_SIDE_PX + (first & _SIDE) * VIDEO_SIDE_UNIT_PX
    if side_px > VIDEO_MAX_SIDE_PX:
        raise MalformedMessage(f"picture with a side of {side_px} px, at most {VIDEO_MAX_SIDE_PX}")
    kind = VideoKind.VIDEO if first & _VIDEO else VideoKind.THUMBNAIL
    return kind, bool(first & _INTRA), side_px
