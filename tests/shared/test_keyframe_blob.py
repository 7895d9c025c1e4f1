"""shared.keyframe_blob: round trip, lying sizes, limits, checksum."""

from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import MalformedMessage, RemoteError
from shared.keyframe_blob import pack_keyframe, parse_keyframe
from shared.limits import KEYFRAME_MAX_BYTES, KEYFRAME_MAX_SIDE_PX
from tests.shared.golden_wire import BLOB
from tests.shared.harness import keyframe


def with_crc(body: bytes) -> bytes:
    return body + crc32(body).to_bytes(4, "big")


def test_what_is_packed_is_read_back() -> None:
    sent = keyframe(7, media_ms=2**32 - 1)
    received = parse_keyframe(7, pack_keyframe(sent))
    for name in ("keyframe_id", "media_ms", "format", "width_px", "height_px", "image"):
        assert getattr(received, name) == getattr(sent, name)
    for name in ("shape", "anchors", "mask"):
        np.testing.assert_array_equal(getattr(received, name), getattr(sent, name))
        assert not getattr(received, name).flags.writeable


def test_the_golden_blob_is_read() -> None:
    received = parse_keyframe(4, BLOB)
    assert (received.media_ms, received.width_px, received.image) == (1234, 256, bytes.fromhex("12003344"))


def test_pictures_may_be_as_large_as_the_limit() -> None:
    side = KEYFRAME_MAX_SIDE_PX
    assert (
        parse_keyframe(0, pack_keyframe(replace(keyframe(), width_px=side, height_px=side))).width_px == side
    )
    for width_px, height_px in ((side + 1, side), (side, side + 1), (0, 256), (1, 65_535)):
        with pytest.raises(MalformedMessage, match="px"):
            parse_keyframe(0, pack_keyframe(replace(keyframe(), width_px=width_px, height_px=height_px)))


def test_blobs_may_be_as_large_as_the_limit() -> None:
    bare_bytes = len(pack_keyframe(keyframe(image_bytes=1))) - 1
    largest = pack_keyframe(keyframe(image_bytes=KEYFRAME_MAX_BYTES - bare_bytes))
    assert len(largest) == KEYFRAME_MAX_BYTES
    assert len(parse_keyframe(0, largest).image) == KEYFRAME_MAX_BYTES - bare_bytes
    with pytest.raises(ValueError, match="at most"):
        pack_keyframe(keyframe(image_bytes=KEYFRAME_MAX_BYTES - bare_bytes + 1))
    with pytest.raises(MalformedMessage, match="at most"):
        parse_keyframe(0, largest + b"\0")


def test_a_changed_byte_fails_the_checksum() -> None:
    blob = bytearray(pack_keyframe(keyframe()))
    blob[-100] ^= 1
    with pytest.raises(MalformedMessage, match="checksum"):
        parse_keyframe(0, bytes(blob))


@pytest.mark.parametrize(
    "head",
    [
        "02 0100 0100 00000000 0000 0000 0000 0001 aa",
        "01 0100 0100 00000000 0000 0000 0000 0000",
        "01 0100 0100 00000000 0000 0000 0000 00ff aa",
        "01 0100 0100 00000000 ffff 0000 0000 0001 aa",
        "01 0100 0100 00000000 0000 0000 0000 0001 aa bb",
        "01 0100 0100 00000000 0002 0000 0000 0001 0000 aa",
        "01",
        "",
    ],
)
def test_lying_headers_are_refused(head: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_keyframe(0, with_crc(bytes.fromhex(head)))


@given(st.binary(max_size=400))
def test_any_content_is_read_or_refused(content: bytes) -> None:
    head = bytes.fromhex("01 0100 0100 00000000") + b"".join(
        (len(content) // 4).to_bytes(2, "big") for _ in range(4)
    )
    for blob in (content, with_crc(head + content[: len(content) // 4 * 4])):
        try:
            parse_keyframe(0, blob)
        except RemoteError:
            continue
