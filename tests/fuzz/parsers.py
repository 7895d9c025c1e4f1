"""Parsers of a stranger's bytes: each takes any bytes and raises `RemoteError`s only.

Invariant: what a parser accepts is in its ranges, and what it writes again it accepts again.
"""

from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import numpy as np

from shared.av1_header import check_inter_frame, parse_sequence_header
from shared.coding.mask_code import decode_mask, encode_mask
from shared.coding.motion_code import decode_motion, encode_motion
from shared.coding.shape_code import decode_anchors, decode_shape, encode_anchors, encode_shape
from shared.coding.tables import load_tables
from shared.control import ControlMessage, pack_control, parse_control
from shared.errors import RemoteError
from shared.frames import MotionFrame
from shared.keyframe_blob import BLOB_CRC_BYTES, pack_keyframe, parse_keyframe
from shared.opus import packet_duration_ms
from shared.pool_messages import parse as parse_pool
from shared.signaling_messages import parse as parse_signaling
from shared.transport.sdp import check_remote_sdp
from shared.wire import ControlFrame, Unknown, parse
from tests.shared.harness import keyframe, motion_walk

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
Parser = tuple[list[bytes], Callable[[bytes], None]]
"""Honest examples, and what reads bytes like them: returns, or raises RemoteError."""


def parsers() -> dict[str, Parser]:
    """Every parser by name."""
    wire = [path.read_bytes() for path in sorted((GOLDEN / "wire").glob("*.bin"))]
    key, walk = keyframe(3), motion_walk(8)
    motion = encode_motion([MotionFrame(40 * i, 0, walk[i]) for i in range(4)], MotionFrame(-80, 0, walk[0]))
    parts = [encode_shape(key.shape), encode_anchors(key.anchors), encode_mask(key.mask), motion]
    control = [bytes(message.payload) for data in wire if isinstance(message := _quietly(data), ControlFrame)]
    return {
        "wire": (wire, _wire),
        "control": (control, _control),
        "keyframe": ([pack_keyframe(key)], _keyframe),
        "coder": (parts, _coder),
        "av1": ([b"\x12\x00\x0a\x0a\x00\x00\x00\x03\xb4\xff\xf8\x08\x80\x08\x32\x04\x10\x00\x00\x00"], _av1),
        "opus": ([b"\x08" + bytes(40), b"\x0b\x04" + bytes(60)], _opus),
        "signaling": (_signaling_seeds(), lambda data: _text(data, parse_signaling)),
        "pool": (_pool_seeds(), lambda data: _text(data, parse_pool)),
        "sdp": ([_SDP.encode()], lambda data: _text(data, check_remote_sdp)),
    }


def _quietly(data: bytes) -> object:
    try:
        return parse(data)
    except RemoteError:
        return None


def _wire(data: bytes) -> None:
    message = parse(data)
    if not isinstance(message, Unknown):
        again = bytes(message)
        assert bytes(parse(again)) == again, "what was written is not read as it was written"


def _control(data: bytes) -> None:
    message: ControlMessage | None = parse_control(data)
    if message is not None:
        assert parse_control(pack_control(message)) == message


def _keyframe(data: bytes) -> None:
    """With a checksum that fits, or nothing behind it would ever be reached."""
    body = data[:-BLOB_CRC_BYTES]
    parse_keyframe(1, body + crc32(body).to_bytes(BLOB_CRC_BYTES, "big"))


def _coder(data: bytes) -> None:
    tables = load_tables()
    readers: tuple[Callable[[], object], ...] = (
        lambda: decode_shape(data),
        lambda: decode_anchors(data),
        lambda: decode_mask(data),
        lambda: decode_motion(data, 1 + len(data) % 8, None),
        lambda: decode_motion(
            data, 1 + len(data) % 8, np.asarray(tables.motion.minimum, np.int16), 1 + len(data) % 20
        ),
    )
    failed = 0
    for read in readers:
        try:
            read()
        except RemoteError:
            failed += 1
    if failed == len(readers):
        raise RemoteError("none of them")


def _av1(data: bytes) -> None:
    try:
        header = parse_sequence_header(data)
    except RemoteError:
        check_inter_frame(data)
        return
    assert 1 <= header.width_px <= 65536 and 1 <= header.height_px <= 65536


def _opus(data: bytes) -> None:
    assert 0 < packet_duration_ms(data) <= 120


def _text(data: bytes, read: Callable[[str], object]) -> None:
    read(data.decode("utf-8", "replace"))


def _pool_seeds() -> list[bytes]:
    return [
        b'{"type":"register","token":"a.b.c","name":"one","calls":4,"watch":"https://watch.example.org"}',
        b'{"type":"capacity","calls":4}',
        b'{"type":"released","room":"room-1"}',
        b'{"type":"assign","room":"room-1","token":"a.b.c","watch_key":"' + b"k" * 43 + b'"}',
    ]


def _signaling_seeds() -> list[bytes]:
    return [
        b'{"type":"join","room":"room-1","role":"sender","token":"a.b.c"}',
        b'{"type":"joined","peer_present":true,"polite":false,"ice_servers":[{"urls":["stun:stun.example.org"],'
        b'"username":"u","credential":"c"}]}',
        b'{"type":"offer","sdp":"v=0\\r\\n"}',
        b'{"type":"candidate","candidate":"candidate:1 1 udp 1 10.0.0.1 9 typ host","mid":"0","line_index":0}',
        b'{"type":"error","code":"room-full","message":"no"}',
    ]


_SDP = (
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
    "c=IN IP4 0.0.0.0\r\na=mid:0\r\na=sctp-port:5000\r\na=max-message-size:65536\r\n"
    "a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
    "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\na=setup:actpass\r\n"
)
