"""The golden messages of the wire: examples of PROTOCOL.md as bytes, and as JSON that JavaScript reads too.

`python -m tests.shared.golden_wire` writes tests/golden/wire anew: only for a new protocol version, or for new
examples. Invariant: byte strings are opaque here, so that newly trained coder tables change no golden file; coded
runs are empty, which every table decodes.
"""

import json
from pathlib import Path
from typing import Any
from zlib import crc32

from shared.control import (
    AuthCommit,
    AuthReveal,
    Bye,
    ControlMessage,
    Disclosure,
    Hello,
    KeyframeBound,
    MediaConfig,
    Pin,
    pack_control,
)
from shared.frames import Rung, VideoKind, VideoUnit, VoicePacket
from shared.wire import (
    Ack,
    Bundle,
    BundleReport,
    ControlFrame,
    KeyframePart,
    Message,
    MotionSection,
    PartRequest,
    Unknown,
    VideoPart,
)

FOLDER = Path(__file__).resolve().parent.parent / "golden" / "wire"
BLOB = bytes.fromhex("01 0100 0100 000004d2 0000 0000 0000 0004 12003344")
BLOB += crc32(BLOB).to_bytes(4, "big")

ACK = Ack(
    BundleReport(513, 0xFFFFFFFB, age_ms=37, jitter_ms=4, arrival_ticks=65_530, gaps_ticks=(20, 0, 255)),
    newest_motion_ms=41_000,
    keyframes_held=(254, 255, 0),
    request=PartRequest(1, 0b101),
    wants_keyframe=True,
    wants_intra=(VideoKind.THUMBNAIL, VideoKind.VIDEO),
)
VOICE = (VoicePacket(40_960, 80, bytes(range(12))),)
MOTION = (MotionSection(None, 40_980, 40, 2, 600, bytes.fromhex("a1b2c3d4e5")),)
THUMBNAIL = VideoUnit(VideoKind.THUMBNAIL, 255, 40_980, False, 96, bytes.fromhex("0a0b0c"))

MESSAGES: dict[str, Message] = {
    "bundle_voice_motion": Bundle(0x0102, VOICE, MOTION),
    "bundle_voice": Bundle(0, (VoicePacket(0, 60, b"\xf8"),)),
    "bundle_voice_repeat_gap": Bundle(
        65_535,
        (
            VoicePacket(16_777_196, 20, b"\x01\x02"),
            VoicePacket(0, 20, b"\x03"),
            VoicePacket(160, 120, b"\x04\x05\x06"),
        ),
    ),
    "bundle_motion_absolute": Bundle(7, (), (MotionSection(255, 1000, 40, 1, 0, b""),)),
    "bundle_motion_two_sections": Bundle(
        8,
        (),
        (MotionSection(None, 2000, 80, 3, 5100, b"\x11\x22"), MotionSection(2, 2240, 20, 5, 0, b"\x33")),
    ),
    "bundle_motion_before_voice": Bundle(
        9, (VoicePacket(100, 40, b"\x55"),), (MotionSection(None, 16_777_100, 160, 8, 20, b"\x66"),)
    ),
    "bundle_ack": Bundle(10, VOICE, MOTION, ACK),
    "bundle_thumbnail": Bundle(11, VOICE, MOTION, None, (THUMBNAIL,)),
    "bundle_pictures_ack": Bundle(
        12,
        VOICE,
        (),
        ACK,
        (
            VideoUnit(VideoKind.VIDEO, 0, 40_448, True, 256, b"\x01"),
            VideoUnit(VideoKind.THUMBNAIL, 7, 41_471, True, 64, b"\x02\x03"),
        ),
    ),
    "bundle_picture_alone": Bundle(
        13, video=(VideoUnit(VideoKind.THUMBNAIL, 8, 16_777_215, True, 128, b"\x04"),)
    ),
    "video_part": VideoPart(VideoKind.VIDEO, 9, 41_000, True, 256, 1, 2, 1102, b"\xca\xfe"),
    "video_part_last_of_sixteen": VideoPart(VideoKind.THUMBNAIL, 10, 0, False, 64, 15, 16, 16_384, b"\xff"),
    "keyframe_part": KeyframePart(3, 1, 2, 1104, 0x89ABCDEF, b"\xde\xad\xbe\xef"),
    "keyframe_part_whole_blob": KeyframePart(4, 0, 1, len(BLOB), crc32(BLOB), BLOB),
    "ack_full": ACK,
    "ack_bases_lost": Ack(BundleReport(0, 0, 65_535, 255), bases_lost=True),
    "ack_wants_intra": Ack(wants_intra=(VideoKind.VIDEO,)),
    "ack_nothing_yet": Ack(request=PartRequest(0, 0xFFFF)),
    "unknown_type": Unknown(7),
}
CONTROL: dict[str, ControlMessage] = {
    "control_hello": Hello(1, "0123456789abcdef", "fedcba9876543210", ("ack_in_bundle",)),
    "control_disclosure": Disclosure("This picture is rebuilt by a network."),
    "control_media_config": MediaConfig(250, 80, 80, Rung.MOTION),
    "control_pin": Pin(Rung.VOICE),
    "control_unpin": Pin(None),
    "control_auth_commit": AuthCommit("0123456789abcdef" * 4),
    "control_keyframe_bound": KeyframeBound(200, "0123456789abcdef" * 2),
    "control_auth_reveal": AuthReveal("fedcba9876543210" * 4),
    "control_bye": Bye("hung up"),
}
MALFORMED: dict[str, str] = {
    "bad_empty": "",
    "bad_version": "2a 0000 000000 0001f8",
    "bad_bundle_empty": "18 0000 000000",
    "bad_bundle_truncated_header": "19 0000 0000",
    "bad_voice_truncated": "19 0000 000000 0005 aabb",
    "bad_voice_duration_code": "19 0000 000000 6001 aa",
    "bad_voice_empty_packet": "19 0000 000000 0000",
    "bad_voice_packet_too_long": "19 0000 000000 0191" + "00" * 401,
    "bad_voice_first_gap": "19 0000 000000 0201 aa",
    "bad_voice_trailing": "19 0000 000000 0001 aa bb",
    "bad_voice_thirteen_packets": "19 0000 000000" + "8001aa" * 12 + "0001aa",
    "bad_motion_truncated": "1a 0000 000000 00 00 06",
    "bad_motion_nine_frames": "1a 0000 000000 00 00 f600 0001 aa 00 00 0600 aa",
    "bad_motion_section_length": "1a 0000 000000 00 00 8600 0009 aa",
    "bad_motion_offset_without_voice": "1a 0000 000000 00 00 0601 aa",
    "bad_part_index": "11 00 02 02 0008 00000000 aa",
    "bad_part_count_zero": "11 00 00 00 0008 00000000 aa",
    "bad_part_count_17": "11 00 00 11 0100 00000000 aa",
    "bad_part_total": "11 00 00 01 4001 00000000 aa",
    "bad_part_payload": "11 00 00 01 0001 00000000 aabb",
    "bad_part_empty": "11 00 00 01 0001 00000000",
    "bad_ack_five_keyframes": "12 05 0001020304",
    "bad_ack_same_keyframe_twice": "12 02 0101",
    "bad_ack_request_nothing": "12 08 00 0000",
    "bad_ack_trailing": "12 00 00",
    "bad_ack_truncated": "12 80 0001",
    "bad_ack_nine_gaps": "12 80 0001 00000000 0000 00 0000 09" + "00" * 9,
    "bad_ack_without_its_wishes": "12 10",
    "bad_bundle_picture_missing": "14 0000 000000",
    "bad_bundle_picture_empty": "14 0000 000000 00 00 000200",
    "bad_bundle_picture_side": "14 0000 000000 19 00 000600 aa",
    "bad_bundle_picture_truncated": "14 0000 000000 00 00 000a00 aa",
    "bad_bundle_picture_time": "14 0000 000000 00 00 000601 aa",
    "bad_bundle_sections_too_early": "14 0000 000000 80 00 200600 aa 00 00 000600 bb",
    "bad_bundle_nine_pictures": "14 0000 000000" + "80 00 000600 aa" * 8 + "00 00 000600 aa",
    "bad_bundle_picture_without_its_motion": "14 0000 000000 00 00 400600 aa",
    "bad_video_part_index": "15 00 00 10 000000 0002 aa",
    "bad_video_part_side": "15 19 00 00 000000 0002 aa",
    "bad_video_part_total": "15 00 00 00 000000 4001 aa",
    "bad_video_part_less_than_its_parts": "15 00 00 01 000000 0001 aa",
    "bad_video_part_payload": "15 00 00 00 000000 0001 aabb",
    "bad_video_part_empty": "15 00 00 00 000000 0001",
}


def control_frame(message: ControlMessage) -> ControlFrame:
    """The frame that carries a control message."""
    return ControlFrame(pack_control(message))


def describe(value: Any) -> Any:
    """A message as JSON: dataclasses become objects with their type's name, byte strings become hex."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [describe(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        fields = {name: describe(getattr(value, name)) for name in value.__dataclass_fields__}
        return {"type": type(value).__name__, **fields}
    return value


def encoded(message: Message) -> bytes:
    """The bytes of a golden message; of Unknown, which nobody sends, one with three bytes of content."""
    return bytes([1 << 4 | message.type, 1, 2, 3]) if isinstance(message, Unknown) else bytes(message)


def main() -> None:
    """Write the files and their description."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    entries = []
    for name, message in MESSAGES.items():
        (FOLDER / f"{name}.bin").write_bytes(encoded(message))
        entries.append({"file": f"{name}.bin", "message": describe(message)})
    for name, control in CONTROL.items():
        (FOLDER / f"{name}.bin").write_bytes(bytes(control_frame(control)))
        entries.append({"file": f"{name}.bin", "control": describe(control)})
    for name, digits in MALFORMED.items():
        (FOLDER / f"{name}.bin").write_bytes(bytes.fromhex(digits))
        error = "UnsupportedVersion" if name == "bad_version" else "MalformedMessage"
        entries.append({"file": f"{name}.bin", "error": error})
    text = json.dumps({"protocol_version": 1, "messages": entries}, indent=1)
    (FOLDER / "messages.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
