"""A whole keyframe as bytes: what the parts of `shared.wire` carry.

Must not import image decoders: everything here happens before one sees the bytes. Invariant: `parse_keyframe` raises
`RemoteError`s only, and never returns a keyframe whose claims passed a limit.
"""

from typing import Final
from zlib import crc32

from shared.byte_reader import ByteReader, pack_uints
from shared.coding.mask_code import decode_mask, encode_mask
from shared.coding.shape_code import (
    decode_anchors,
    decode_shape,
    encode_anchors,
    encode_shape,
)
from shared.errors import MalformedMessage
from shared.frames import Keyframe, KeyframeFormat
from shared.limits import KEYFRAME_MAX_BYTES, KEYFRAME_MAX_SIDE_PX

BLOB_HEADER_BYTES: Final = 17
BLOB_CRC_BYTES: Final = 4


def pack_keyframe(keyframe: Keyframe) -> bytes:
    """The keyframe's blob (PROTOCOL.md, section 6); its id travels in the parts. Raises ValueError past a limit."""
    pieces = (
        encode_shape(keyframe.shape),
        encode_anchors(keyframe.anchors),
        encode_mask(keyframe.mask),
        keyframe.image,
    )
    head = pack_uints(
        (int(keyframe.format), 1),
        (keyframe.width_px, 2),
        (keyframe.height_px, 2),
        (keyframe.media_ms, 4),
        *((len(piece), 2) for piece in pieces),
    )
    body = b"".join((head, *pieces))
    if len(body) + BLOB_CRC_BYTES > KEYFRAME_MAX_BYTES:
        raise ValueError(
            f"keyframe of {len(body)} bytes, at most {KEYFRAME_MAX_BYTES - BLOB_CRC_BYTES} can be sent"
        )
    return body + pack_uints((crc32(body), BLOB_CRC_BYTES))


def parse_keyframe(keyframe_id: int, blob: bytes) -> Keyframe:
    """The keyframe in `blob`. Raises MalformedMessage; sizes are checked before anything is decoded."""
    if len(blob) > KEYFRAME_MAX_BYTES:
        raise MalformedMessage(f"keyframe of {len(blob)} bytes, at most {KEYFRAME_MAX_BYTES} are allowed")
    reader = ByteReader(blob)
    picture_format = _format(reader.uint(1))
    width_px, height_px, media_ms = reader.uint(2), reader.uint(2), reader.uint(4)
    if not (1 <= width_px <= KEYFRAME_MAX_SIDE_PX and 1 <= height_px <= KEYFRAME_MAX_SIDE_PX):
        raise MalformedMessage(
            f"keyframe claims {width_px}x{height_px} px, at most {KEYFRAME_MAX_SIDE_PX} a side"
        )
    sizes = [reader.uint(2) for _ in range(4)]
    shape, anchors, mask, image = (reader.take(size_bytes) for size_bytes in sizes)
    crc = reader.uint(BLOB_CRC_BYTES)
    reader.expect_end()
    if crc != crc32(blob[:-BLOB_CRC_BYTES]):
        raise MalformedMessage("keyframe blob fails its checksum")
    if not image:
        raise MalformedMessage("keyframe without a picture")
    return Keyframe(
        keyframe_id,
        media_ms,
        picture_format,
        width_px,
        height_px,
        image,
        decode_shape(shape),
        decode_anchors(anchors),
        decode_mask(mask),
    )


def _format(code: int) -> KeyframeFormat:
    try:
        return KeyframeFormat(code)
    except ValueError:
        raise MalformedMessage(f"unknown keyframe format {code}") from None
