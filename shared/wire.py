"""Messages of the two data channels as bytes: bundles, keyframe and video parts, acknowledgements, control frames.

`shared/PROTOCOL.md` is the specification; `tests/golden/wire` holds its examples. Must not import coders, state
machines or clocks: here bytes become numbers and nothing more. Invariant: `parse` raises `RemoteError`s only, and
`bytes(parse(data)) == data` for every message this module wrote.

The first byte is `version << 4 | type`. As in QUIC's STREAM frames (RFC 9000, section 19.8) the low bits of a
bundle's type say which of its sections are present, which saves a byte in the hottest message.
"""

from dataclasses import dataclass
from typing import Final

from shared.byte_reader import ByteReader, pack_uints
from shared.errors import MalformedMessage, UnsupportedVersion
from shared.frames import VideoUnit, VoicePacket
from shared.limits import (
    BASE_UNIT_MS,
    BUNDLE_MAX_MOTION_FRAMES,
    BUNDLE_MAX_VOICE_PACKETS,
    KEYFRAME_MAX_BYTES,
    KEYFRAME_MAX_PARTS,
    KEYFRAME_PART_PAYLOAD_BYTES,
    MESSAGE_MAX_BYTES,
    VOICE_PACKET_MAX_BYTES,
)
from shared.media_time import unwrap_ms, wrap_ms
from shared.wire_ack import (
    PROTOCOL_VERSION,
    TYPE_ACK,
    Ack,
    BundleReport,
    PartRequest,
    parse_ack,
)
from shared.wire_video import TYPE_VIDEO_PART, VideoPart, parse_part, parse_units, unit_bytes

__all__ = [
    "PROTOCOL_VERSION",
    "Ack",
    "Bundle",
    "BundleReport",
    "ControlFrame",
    "KeyframePart",
    "Message",
    "MotionSection",
    "PartRequest",
    "Unknown",
    "VideoPart",
    "parse",
]

TYPE_KEYFRAME_PART: Final = 1
TYPE_CONTROL: Final = 3
TYPE_VIDEO_BUNDLE: Final = 4
TYPE_BUNDLE: Final = 8
BUNDLE_VOICE: Final = 1
BUNDLE_MOTION: Final = 2
BUNDLE_ACK: Final = 4

VOICE_DURATIONS_MS: Final = (20, 40, 60, 80, 100, 120)
VOICE_GAP_UNIT_MS: Final = 20
VOICE_GAP_MAX_UNITS: Final = 7
VOICE_HEADER_BYTES: Final = 2
MOTION_STEPS_MS: Final = (20, 40, 80, 160)
MOTION_OFFSET_MIN_MS: Final = -512
MOTION_OFFSET_MAX_MS: Final = 511
MOTION_HEADER_BYTES: Final = 3
"""With a base; without one it names its keyframe in one byte more."""
MOTION_HEADER_MAX_BYTES: Final = MOTION_HEADER_BYTES + 1
BUNDLE_HEADER_BYTES: Final = 6
PART_HEADER_BYTES: Final = 10


@dataclass(frozen=True, slots=True)
class MotionSection:
    """A run of equally spaced motion frames of one keyframe.

    keyframe_id: 0..255 where nothing is predicted; None with a prediction base, whose keyframe it is.
    media_ms: wrapped time of the first frame. step_ms: one of MOTION_STEPS_MS. count: 1..8 frames.
    base_distance_ms: the prediction base's distance before media_ms (multiple of 20, 0 = absolute). coded:
    range-coded symbols.
    """

    keyframe_id: int | None
    media_ms: int
    step_ms: int
    count: int
    base_distance_ms: int
    coded: bytes

    def head(self) -> bytes:
        """Return its base, and the keyframe where no base tells it."""
        if self.keyframe_id is None:
            return pack_uints((self.base_distance_ms // BASE_UNIT_MS, 1))
        return pack_uints((0, 1), (self.keyframe_id, 1))


@dataclass(frozen=True, slots=True)
class Bundle:
    """Voice, motion and small pictures of the last 40 to 200 ms, at least one of them, perhaps with an acknowledgement.

    seq: 0..65535, one more for each bundle sent. Voice packets carry wrapped media times, in order, apart by whole
    gaps of 20 ms (0..7). video: in coding order, media times wrapped.
    """

    seq: int
    voice: tuple[VoicePacket, ...] = ()
    motion: tuple[MotionSection, ...] = ()
    ack: Ack | None = None
    video: tuple[VideoUnit, ...] = ()

    @property
    def media_ms(self) -> int:
        """The bundle's own time: that of its first voice packet, else motion frame, else picture (wrapped)."""
        return (self.voice or self.motion or self.video)[0].media_ms

    def __bytes__(self) -> bytes:
        sections = (
            BUNDLE_VOICE * bool(self.voice)
            | BUNDLE_MOTION * bool(self.motion)
            | BUNDLE_ACK * (self.ack is not None)
        )
        kind = TYPE_VIDEO_BUNDLE if self.video else TYPE_BUNDLE | sections
        head = pack_uints((PROTOCOL_VERSION << 4 | kind, 1), (self.seq, 2), (self.media_ms, 3))
        head += unit_bytes(self.video, self.media_ms, sections)
        ack = b"" if self.ack is None else self.ack.body()
        return head + ack + _voice_bytes(self.voice) + _motion_bytes(self.motion, self.media_ms)


@dataclass(frozen=True, slots=True)
class KeyframePart:
    """Part `index` of `count` (1..16) of one keyframe of `total_bytes` with CRC-32 `crc32` (ISO-HDLC, as zlib's)."""

    keyframe_id: int
    index: int
    count: int
    total_bytes: int
    crc32: int
    payload: bytes

    def __bytes__(self) -> bytes:
        head = (
            (PROTOCOL_VERSION << 4 | TYPE_KEYFRAME_PART, 1),
            (self.keyframe_id, 1),
            (self.index, 1),
            (self.count, 1),
        )
        return pack_uints(*head, (self.total_bytes, 2), (self.crc32, 4)) + self.payload


@dataclass(frozen=True, slots=True)
class ControlFrame:
    """A control message, still packed: see `shared.control`."""

    payload: bytes

    def __bytes__(self) -> bytes:
        return bytes([PROTOCOL_VERSION << 4 | TYPE_CONTROL]) + self.payload


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message of a type that this version does not know. Receivers ignore it."""

    type: int


Message = Bundle | KeyframePart | VideoPart | Ack | ControlFrame | Unknown


def parse(data: bytes) -> Message:
    """One received message. Raises UnsupportedVersion or MalformedMessage, nothing else."""
    if not data:
        raise MalformedMessage("empty message")
    if len(data) > MESSAGE_MAX_BYTES:
        raise MalformedMessage(f"message of {len(data)} bytes, at most {MESSAGE_MAX_BYTES} are allowed")
    reader = ByteReader(data)
    version, kind = divmod(reader.uint(1), 16)
    if version != PROTOCOL_VERSION:
        raise UnsupportedVersion(f"protocol version {version}, this end speaks {PROTOCOL_VERSION}")
    if kind & TYPE_BUNDLE or kind == TYPE_VIDEO_BUNDLE:
        return _parse_bundle(reader, kind)
    if kind == TYPE_KEYFRAME_PART:
        return _parse_part(reader)
    if kind == TYPE_VIDEO_PART:
        return parse_part(reader)
    if kind == TYPE_CONTROL:
        return ControlFrame(reader.rest())
    if kind == TYPE_ACK:
        ack = parse_ack(reader)
        reader.expect_end()
        return ack
    return Unknown(kind)


def _voice_bytes(packets: tuple[VoicePacket, ...]) -> bytes:
    pieces = []
    end_ms = packets[0].media_ms if packets else 0
    for index, packet in enumerate(packets):
        gap = wrap_ms(packet.media_ms - end_ms) // VOICE_GAP_UNIT_MS
        header = VOICE_DURATIONS_MS.index(packet.duration_ms) << 12 | gap << 9 | len(packet.data)
        pieces.append(
            pack_uints((header | (index + 1 < len(packets)) << 15, VOICE_HEADER_BYTES)) + packet.data
        )
        end_ms = packet.media_ms + packet.duration_ms
    return b"".join(pieces)


def _motion_bytes(sections: tuple[MotionSection, ...], bundle_ms: int) -> bytes:
    pieces = []
    for index, section in enumerate(sections):
        more = index + 1 < len(sections)
        offset_ms = unwrap_ms(section.media_ms, bundle_ms) - bundle_ms
        timing = MOTION_STEPS_MS.index(section.step_ms) << 10 | offset_ms - MOTION_OFFSET_MIN_MS
        timing |= more << 15 | (section.count - 1) << 12
        pieces.append(section.head() + pack_uints((timing, 2)))
        pieces.append((pack_uints((len(section.coded), 2)) if more else b"") + section.coded)
    return b"".join(pieces)


def _parse_bundle(reader: ByteReader, kind: int) -> Bundle:
    seq = reader.uint(2)
    media_ms = reader.uint(3)
    video, sections = parse_units(reader, media_ms) if kind == TYPE_VIDEO_BUNDLE else ((), kind)
    if not video and not sections & (BUNDLE_VOICE | BUNDLE_MOTION):
        raise MalformedMessage("bundle without voice, motion and pictures")
    ack = parse_ack(reader) if sections & BUNDLE_ACK else None
    voice = _parse_voice(reader, media_ms) if sections & BUNDLE_VOICE else ()
    motion = _parse_motion(reader, media_ms) if sections & BUNDLE_MOTION else ()
    reader.expect_end()
    bundle = Bundle(seq, voice, motion, ack, video)
    if bundle.media_ms != media_ms:
        raise MalformedMessage("bundle whose time is not that of its first motion frame or picture")
    return bundle


def _parse_voice(reader: ByteReader, media_ms: int) -> tuple[VoicePacket, ...]:
    packets: list[VoicePacket] = []
    more = 1
    while more:
        if len(packets) == BUNDLE_MAX_VOICE_PACKETS:
            raise MalformedMessage(f"more than {BUNDLE_MAX_VOICE_PACKETS} voice packets in one bundle")
        header = reader.uint(VOICE_HEADER_BYTES)
        more, code, gap, size_bytes = (
            header >> 15,
            header >> 12 & 7,
            header >> 9 & 7,
            header & 0x1FF,
        )
        if code >= len(VOICE_DURATIONS_MS) or not 1 <= size_bytes <= VOICE_PACKET_MAX_BYTES:
            raise MalformedMessage("voice packet with a wrong duration code or size")
        if gap and not packets:
            raise MalformedMessage("gap before the first voice packet")
        media_ms = wrap_ms(media_ms + gap * VOICE_GAP_UNIT_MS)
        packets.append(VoicePacket(media_ms, VOICE_DURATIONS_MS[code], reader.take(size_bytes)))
        media_ms += VOICE_DURATIONS_MS[code]
    return tuple(packets)


def _parse_motion(reader: ByteReader, bundle_ms: int) -> tuple[MotionSection, ...]:
    sections: list[MotionSection] = []
    frames, more = 0, 1
    while more:
        base = reader.uint(1)
        keyframe_id, timing = None if base else reader.uint(1), reader.uint(2)
        more, count = timing >> 15, (timing >> 12 & 7) + 1
        frames += count
        if frames > BUNDLE_MAX_MOTION_FRAMES:
            raise MalformedMessage(f"more than {BUNDLE_MAX_MOTION_FRAMES} motion frames in one bundle")
        media_ms = wrap_ms(bundle_ms + (timing & 0x3FF) + MOTION_OFFSET_MIN_MS)
        coded = reader.take(reader.uint(2)) if more else reader.rest()
        sections.append(
            MotionSection(
                keyframe_id,
                media_ms,
                MOTION_STEPS_MS[timing >> 10 & 3],
                count,
                base * BASE_UNIT_MS,
                coded,
            )
        )
    return tuple(sections)


def _parse_part(reader: ByteReader) -> KeyframePart:
    keyframe_id, index, count = reader.uint(1), reader.uint(1), reader.uint(1)
    total_bytes, crc32, payload = reader.uint(2), reader.uint(4), reader.rest()
    if not 1 <= count <= KEYFRAME_MAX_PARTS or index >= count:
        raise MalformedMessage(f"keyframe part {index} of {count}, at most {KEYFRAME_MAX_PARTS} are allowed")
    if not count <= total_bytes <= KEYFRAME_MAX_BYTES:
        raise MalformedMessage(
            f"keyframe of {total_bytes} bytes in {count} parts, at most {KEYFRAME_MAX_BYTES} bytes"
        )
    if not 1 <= len(payload) <= min(KEYFRAME_PART_PAYLOAD_BYTES, total_bytes):
        raise MalformedMessage(f"keyframe part with {len(payload)} bytes of {total_bytes}")
    return KeyframePart(keyframe_id, index, count, total_bytes, crc32, payload)
