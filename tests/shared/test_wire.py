"""shared.wire: golden bytes, round trips, limits, and no bytes that do anything but parse or raise RemoteError."""

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.byte_reader import ByteReader, pack_uints
from shared.control import parse_control
from shared.errors import MalformedMessage, RemoteError, UnsupportedVersion
from shared.frames import VideoKind, VideoUnit, VoicePacket
from shared.limits import (
    ARRIVAL_GAPS_MAX,
    BASE_MAX_DISTANCE_MS,
    BASE_UNIT_MS,
    BUNDLE_MAX_MOTION_FRAMES,
    BUNDLE_MAX_VIDEO_UNITS,
    BUNDLE_MAX_VOICE_PACKETS,
    GALLERY_SIZE,
    KEYFRAME_MAX_BYTES,
    KEYFRAME_MAX_PARTS,
    KEYFRAME_PART_PAYLOAD_BYTES,
    MEDIA_WRAP_MS,
    MESSAGE_MAX_BYTES,
    VIDEO_MAX_SIDE_PX,
    VIDEO_MIN_SIDE_PX,
    VIDEO_PART_MAX_BYTES,
    VIDEO_SIDE_UNIT_PX,
    VIDEO_UNIT_MAX_BYTES,
    VIDEO_UNIT_MAX_PARTS,
    VOICE_PACKET_MAX_BYTES,
)
from shared.media_time import wrap_ms
from shared.wire import (
    MOTION_STEPS_MS,
    VOICE_DURATIONS_MS,
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
    parse,
)
from tests.shared import golden_wire
from tests.shared.golden_wire import CONTROL, FOLDER, MALFORMED, MESSAGES

FUZZ_ROUNDS = 30_000

acks = st.builds(
    Ack,
    st.none()
    | st.builds(
        BundleReport,
        st.integers(0, 65_535),
        st.integers(0, 2**32 - 1),
        st.integers(0, 65_535),
        st.integers(0, 255),
        st.integers(0, 65_535),
        st.lists(st.integers(0, 255), max_size=ARRIVAL_GAPS_MAX).map(tuple),
    ),
    st.none() | st.integers(0, MEDIA_WRAP_MS - 1),
    st.lists(st.integers(0, 255), max_size=GALLERY_SIZE, unique=True).map(tuple),
    st.none() | st.builds(PartRequest, st.integers(0, 255), st.integers(1, 65_535)),
    st.booleans(),
    st.booleans(),
    st.sampled_from(((), (VideoKind.THUMBNAIL,), (VideoKind.VIDEO,), tuple(VideoKind))),
)
sides = st.integers(0, (VIDEO_MAX_SIDE_PX - VIDEO_MIN_SIDE_PX) // VIDEO_SIDE_UNIT_PX).map(
    lambda steps: VIDEO_MIN_SIDE_PX + steps * VIDEO_SIDE_UNIT_PX
)


@st.composite
def voices(draw: st.DrawFn) -> tuple[VoicePacket, ...]:
    packets = []
    media_ms = draw(st.integers(0, MEDIA_WRAP_MS - 1))
    for index in range(draw(st.integers(0, 4))):
        media_ms += 20 * draw(st.integers(0, 7)) if index else 0
        duration_ms = draw(st.sampled_from(VOICE_DURATIONS_MS))
        packets.append(VoicePacket(wrap_ms(media_ms), duration_ms, draw(st.binary(min_size=1, max_size=60))))
        media_ms += duration_ms
    return tuple(packets)


@st.composite
def motions(draw: st.DrawFn, anchor_ms: int | None) -> tuple[MotionSection, ...]:
    anchor_ms = draw(st.integers(0, MEDIA_WRAP_MS - 1)) if anchor_ms is None else anchor_ms
    sections: list[MotionSection] = []
    for index in range(draw(st.integers(0, 3))):
        offset_ms = draw(st.integers(-512, 511))
        base_ms = 20 * draw(st.integers(0, 255))
        sections.append(
            MotionSection(
                None if base_ms else draw(st.integers(0, 255)),
                wrap_ms(anchor_ms + (offset_ms if index else 0)),
                draw(st.sampled_from(MOTION_STEPS_MS)),
                draw(st.integers(1, 2)),
                base_ms,
                draw(st.binary(max_size=40)),
            )
        )
    return tuple(sections)


@st.composite
def pictures(draw: st.DrawFn, anchor_ms: int | None) -> tuple[VideoUnit, ...]:
    first_ms = draw(st.integers(0, MEDIA_WRAP_MS - 1)) if anchor_ms is None else anchor_ms
    units: list[VideoUnit] = []
    for index in range(draw(st.integers(0, 3))):
        offset_ms = draw(st.integers(-512, 511)) if index or anchor_ms is not None else 0
        kind, unit_id = draw(st.sampled_from(VideoKind)), draw(st.integers(0, 255))
        data = draw(st.binary(min_size=1, max_size=90))
        units.append(
            VideoUnit(kind, unit_id, wrap_ms(first_ms + offset_ms), draw(st.booleans()), draw(sides), data)
        )
    return tuple(units)


@st.composite
def video_parts(draw: st.DrawFn) -> VideoPart:
    count = draw(st.integers(1, VIDEO_UNIT_MAX_PARTS))
    payload = draw(st.binary(min_size=1, max_size=200))
    return VideoPart(
        draw(st.sampled_from(VideoKind)),
        draw(st.integers(0, 255)),
        draw(st.integers(0, MEDIA_WRAP_MS - 1)),
        draw(st.booleans()),
        draw(sides),
        draw(st.integers(0, count - 1)),
        count,
        draw(st.integers(max(count, len(payload)), VIDEO_UNIT_MAX_BYTES)),
        payload,
    )


@st.composite
def bundles(draw: st.DrawFn) -> Bundle:
    voice = draw(voices())
    motion = draw(motions(voice[0].media_ms if voice else None))
    own_ms = (voice or motion)[0].media_ms if voice or motion else None
    video = draw(pictures(own_ms))
    if not voice and not motion and not video:
        voice = (VoicePacket(0, 20, b"\x01"),)
    return Bundle(draw(st.integers(0, 65_535)), voice, motion, draw(st.none() | acks), video)


@st.composite
def parts(draw: st.DrawFn) -> KeyframePart:
    count = draw(st.integers(1, KEYFRAME_MAX_PARTS))
    payload = draw(st.binary(min_size=1, max_size=200))
    total_bytes = draw(st.integers(max(count, len(payload)), KEYFRAME_MAX_BYTES))
    index = draw(st.integers(0, count - 1))
    crc = draw(st.integers(0, 2**32 - 1))
    return KeyframePart(draw(st.integers(0, 255)), index, count, total_bytes, crc, payload)


@given(acks | bundles() | parts() | video_parts() | st.builds(ControlFrame, st.binary(max_size=200)))
def test_what_is_written_is_read_back(message: Message) -> None:
    assert parse(bytes(message)) == message  # type: ignore[arg-type]


@pytest.mark.parametrize("name", MESSAGES)
def test_golden_messages(name: str) -> None:
    data = (FOLDER / f"{name}.bin").read_bytes()
    assert parse(data) == MESSAGES[name]
    assert golden_wire.encoded(MESSAGES[name]) == data


@pytest.mark.parametrize("name", CONTROL)
def test_golden_control_messages(name: str) -> None:
    data = (FOLDER / f"{name}.bin").read_bytes()
    frame = parse(data)
    assert isinstance(frame, ControlFrame)
    assert parse_control(frame.payload) == CONTROL[name]
    assert bytes(golden_wire.control_frame(CONTROL[name])) == data


@pytest.mark.parametrize("name", MALFORMED)
def test_golden_faults_are_refused(name: str) -> None:
    expected = UnsupportedVersion if name == "bad_version" else MalformedMessage
    with pytest.raises(expected):
        parse((FOLDER / f"{name}.bin").read_bytes())


def test_the_description_of_the_golden_files_is_complete() -> None:
    entries: list[dict[str, Any]] = json.loads((FOLDER / "messages.json").read_text())["messages"]
    assert {entry["file"] for entry in entries} == {path.name for path in FOLDER.glob("*.bin")}
    described = {entry["file"]: entry["message"] for entry in entries if "message" in entry}
    for name, message in MESSAGES.items():
        assert described[f"{name}.bin"] == golden_wire.describe(message)


def test_a_bundle_with_voice_and_predicted_motion_costs_eleven_bytes() -> None:
    bundle = MESSAGES["bundle_voice_motion"]
    assert isinstance(bundle, Bundle)
    media_bytes = len(bundle.voice[0].data) + len(bundle.motion[0].coded)
    assert len(bytes(bundle)) - media_bytes == 11


def test_a_plain_acknowledgement_takes_eighteen_bytes_and_one_for_each_arrival_before_the_newest() -> None:
    assert len(bytes(Ack(BundleReport(1, 1, 1, 1), 1, (0,)))) == 18
    assert len(bytes(Ack(BundleReport(1, 1, 1, 1, 9, (20,) * ARRIVAL_GAPS_MAX), 1, (0,)))) == 18 + 8


def test_a_picture_in_a_bundle_costs_five_bytes() -> None:
    bundle = MESSAGES["bundle_thumbnail"]
    assert isinstance(bundle, Bundle)
    without = len(bytes(replace(bundle, video=())))
    assert len(bytes(bundle)) - without - len(bundle.video[0].data) == 5


@pytest.mark.parametrize("side_px", [VIDEO_MIN_SIDE_PX, VIDEO_MAX_SIDE_PX])
def test_pictures_have_a_smallest_and_a_largest_side(side_px: int) -> None:
    unit = VideoUnit(VideoKind.VIDEO, 0, 0, True, side_px, b"x")
    assert parse(bytes(Bundle(0, video=(unit,)))) == Bundle(0, video=(unit,))
    beyond = side_px + (VIDEO_SIDE_UNIT_PX if side_px == VIDEO_MAX_SIDE_PX else -VIDEO_SIDE_UNIT_PX)
    for wrong_px in (beyond, side_px + 1):
        with pytest.raises(ValueError, match="side"):
            bytes(Bundle(0, video=(replace(unit, side_px=wrong_px),)))


def test_pictures_in_a_bundle_are_counted() -> None:
    units = tuple(
        VideoUnit(VideoKind.VIDEO, index, index, False, 64, b"x")
        for index in range(BUNDLE_MAX_VIDEO_UNITS + 1)
    )
    assert parse(bytes(Bundle(0, video=units[:-1]))) == Bundle(0, video=units[:-1])
    with pytest.raises(MalformedMessage, match="units"):
        parse(bytes(Bundle(0, video=units)))


def test_parts_of_pictures_are_limited_in_number_and_size() -> None:
    part = VideoPart(
        VideoKind.VIDEO,
        255,
        MEDIA_WRAP_MS - 1,
        True,
        VIDEO_MAX_SIDE_PX,
        VIDEO_UNIT_MAX_PARTS - 1,
        VIDEO_UNIT_MAX_PARTS,
        VIDEO_UNIT_MAX_BYTES,
        bytes(VIDEO_PART_MAX_BYTES),
    )
    assert parse(bytes(part)) == part
    assert len(bytes(part)) <= MESSAGE_MAX_BYTES
    for beyond in (
        replace(part, index=0, count=VIDEO_UNIT_MAX_PARTS + 1),
        replace(part, total_bytes=VIDEO_UNIT_MAX_BYTES + 1),
        replace(part, payload=bytes(VIDEO_PART_MAX_BYTES + 1)),
    ):
        with pytest.raises((MalformedMessage, OverflowError)):
            parse(bytes(beyond))


def test_arrivals_in_a_report_are_counted() -> None:
    most = Ack(BundleReport(0, 0, 0, 0, 0, (0,) * ARRIVAL_GAPS_MAX))
    assert parse(bytes(most)) == most
    with pytest.raises(MalformedMessage, match="arrivals"):
        parse(bytes(Ack(BundleReport(0, 0, 0, 0, 0, (0,) * (ARRIVAL_GAPS_MAX + 1)))))


def test_unknown_types_are_not_errors() -> None:
    for kind in (0, 6, 7):
        assert parse(bytes([0x10 | kind]) + b"anything") == Unknown(kind)


def test_other_versions_are_named() -> None:
    with pytest.raises(UnsupportedVersion, match="version 2"):
        parse(b"\x21rest")


def test_a_message_may_be_as_large_as_the_limit() -> None:
    frame = ControlFrame(bytes(MESSAGE_MAX_BYTES - 1))
    assert parse(bytes(frame)) == frame
    with pytest.raises(MalformedMessage, match="1151 bytes"):
        parse(bytes(frame) + b"\0")


def test_a_voice_packet_may_be_as_large_as_the_limit() -> None:
    largest = Bundle(0, (VoicePacket(0, 20, bytes(VOICE_PACKET_MAX_BYTES)),))
    assert parse(bytes(largest)) == largest
    with pytest.raises(MalformedMessage):
        parse(bytes(Bundle(0, (VoicePacket(0, 20, bytes(VOICE_PACKET_MAX_BYTES + 1)),))))


def test_voice_packets_are_counted() -> None:
    packets = tuple(VoicePacket(20 * index, 20, b"x") for index in range(BUNDLE_MAX_VOICE_PACKETS + 1))
    most = Bundle(0, packets[:-1])
    assert parse(bytes(most)) == most
    with pytest.raises(MalformedMessage):
        parse(bytes(Bundle(0, packets)))


def test_motion_frames_are_counted_over_all_sections() -> None:
    whole = MotionSection(0, 0, 40, BUNDLE_MAX_MOTION_FRAMES, 0, b"x")
    assert parse(bytes(Bundle(0, (), (whole,)))) == Bundle(0, (), (whole,))
    with pytest.raises(MalformedMessage):
        parse(bytes(Bundle(0, (), (whole, replace(whole, count=1)))))


def test_a_base_may_be_as_old_as_the_limit() -> None:
    section = MotionSection(None, 9000, 40, 1, BASE_MAX_DISTANCE_MS, b"x")
    assert parse(bytes(Bundle(0, (), (section,)))) == Bundle(0, (), (section,))
    with pytest.raises(OverflowError):
        bytes(Bundle(0, (), (replace(section, base_distance_ms=BASE_MAX_DISTANCE_MS + BASE_UNIT_MS),)))


def test_keyframe_parts_are_limited_in_number_and_size() -> None:
    part = KeyframePart(
        0,
        KEYFRAME_MAX_PARTS - 1,
        KEYFRAME_MAX_PARTS,
        KEYFRAME_MAX_BYTES,
        0,
        bytes(KEYFRAME_PART_PAYLOAD_BYTES),
    )
    assert parse(bytes(part)) == part
    for beyond in (
        replace(part, count=KEYFRAME_MAX_PARTS + 1),
        replace(part, total_bytes=KEYFRAME_MAX_BYTES + 1),
        replace(part, payload=bytes(KEYFRAME_PART_PAYLOAD_BYTES + 1)),
    ):
        with pytest.raises(MalformedMessage):
            parse(bytes(beyond))


def test_every_truncation_of_the_golden_files_parses_or_is_refused() -> None:
    for path in sorted(FOLDER.glob("*.bin")):
        data = path.read_bytes()
        for size_bytes in range(len(data)):
            parses_or_refuses(data[:size_bytes])


def test_mutated_golden_files_parse_or_are_refused() -> None:
    rng = random.Random(5)
    seeds = [path.read_bytes() for path in sorted(FOLDER.glob("*.bin"))]
    for _ in range(FUZZ_ROUNDS):
        parses_or_refuses(mutated(rng, rng.choice(seeds)))


@given(st.binary(max_size=MESSAGE_MAX_BYTES + 20))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    parses_or_refuses(data)


def mutated(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randint(0, len(changed))
        match rng.randrange(3):
            case 0:
                changed[place : place + 1] = bytes([rng.randrange(256)])
            case 1:
                del changed[place : place + rng.randint(1, 4)]
            case _:
                changed[place:place] = rng.randbytes(rng.randint(1, 4))
    return bytes(changed)


def parses_or_refuses(data: bytes) -> None:
    try:
        message = parse(data)
    except RemoteError:
        return
    if isinstance(message, Bundle | KeyframePart | VideoPart | ControlFrame):
        assert parse(bytes(message)) == message


def test_the_reader_stops_at_the_end() -> None:
    reader = ByteReader(pack_uints((0x0102, 2), (3, 1)))
    assert (reader.uint(2), reader.remaining) == (0x0102, 1)
    with pytest.raises(MalformedMessage):
        reader.take(2)
    assert reader.rest() == b"\x03"
    reader.expect_end()
