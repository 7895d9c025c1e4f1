"""shared.core.decoder: events, repeats, lost bases, acknowledgements, and any bytes whatever."""

import pickle
import random
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.control import Bye, pack_control
from shared.core.decoder import IDLE_POLL_US, Decoder, DecoderConfig
from shared.core.encoder import Encoder, EncoderConfig
from shared.core.events import AckReceived, ControlReceived, KeyframeReceived, MotionReceived, VoiceReceived
from shared.core.keyframe_sender import split
from shared.errors import MalformedMessage, RemoteError, UserError
from shared.frames import VoicePacket
from shared.keyframe_blob import pack_keyframe
from shared.limits import (
    ACK_URGENT_INTERVAL_MS,
    KEYFRAME_IDLE_MS,
    MEDIA_WRAP_MS,
    REQUEST_INTERVAL_MS,
    VOICE_SEEN,
)
from shared.media_time import wrap_ms
from shared.wire import Ack, Bundle, ControlFrame, KeyframePart, MotionSection, PartRequest
from tests.shared.golden_wire import FOLDER
from tests.shared.harness import frame_at, keyframe, motion_walk
from tests.shared.test_wire import mutated

WALK = motion_walk(200)
FUZZ_ROUNDS = 4000
MEMORY_BYTES = 160_000


def voice_bundle(seq: int, media_ms: int) -> bytes:
    return bytes(Bundle(seq % 65_536, (VoicePacket(wrap_ms(media_ms), 20, b"x"),)))


def call_messages(frames: int = 60) -> list[bytes]:
    """The messages of an encoder whose acknowledgements all arrive at once."""
    encoder, decoder = Encoder(EncoderConfig()), Decoder(DecoderConfig(ack_interval_ms=100))
    encoder.push_keyframe(keyframe(0))
    messages = []
    for index in range(frames):
        now_us = index * 40_000
        encoder.push_motion(frame_at(index, WALK, 0))
        encoder.push_voice(VoicePacket(index * 40, 40, bytes([index]) * 20))
        for outgoing in encoder.poll(now_us):
            messages.append(outgoing.data)
            decoder.receive(outgoing.data, now_us)
        ack = decoder.take_ack(now_us)
        if ack is not None:
            encoder.receive_ack(ack, now_us)
    return messages


def test_messages_become_events() -> None:
    decoder = Decoder()
    events = [event for data in call_messages() for event in decoder.receive(data, 0)]
    kinds = {type(event) for event in events}
    assert kinds == {MotionReceived, VoiceReceived, KeyframeReceived}
    assert decoder.receive(bytes(ControlFrame(pack_control(Bye("x")))), 0) == [ControlReceived(Bye("x"))]
    assert decoder.receive(bytes(Ack()), 0) == [AckReceived(Ack())]
    with_ack = bytes(Bundle(40_000, (VoicePacket(0, 20, b"x"),), (), Ack(wants_keyframe=True)))
    assert Decoder().receive(with_ack, 0)[0] == AckReceived(Ack(wants_keyframe=True))
    assert decoder.receive(b"\x17later", 0) == []


def test_a_bundle_counts_once() -> None:
    decoder = Decoder()
    assert len(decoder.receive(voice_bundle(5, 100), 0)) == 1
    assert decoder.receive(voice_bundle(5, 100), 0) == []
    assert decoder.stats.repeated == 1


def test_repeated_voice_counts_once() -> None:
    decoder = Decoder()
    decoder.receive(voice_bundle(0, 0), 0)
    repeat = Bundle(1, (VoicePacket(0, 20, b"x"), VoicePacket(20, 20, b"y")))
    assert [event.packet.media_ms for event in decoder.receive(bytes(repeat), 0)] == [20]  # type: ignore[union-attr]


def test_voice_is_remembered_up_to_the_limit() -> None:
    decoder = Decoder()
    for index in range(VOICE_SEEN):
        decoder.receive(voice_bundle(index, index * 20), 0)
    assert decoder.receive(voice_bundle(VOICE_SEEN, 0), 0) == []
    decoder.receive(voice_bundle(VOICE_SEEN + 1, VOICE_SEEN * 20), 0)
    assert len(decoder.receive(voice_bundle(VOICE_SEEN + 2, 0), 0)) == 1


def test_media_time_runs_on_over_its_24_bits() -> None:
    decoder = Decoder()
    start_ms = MEDIA_WRAP_MS - 50
    times = []
    for index in range(10):
        events = decoder.receive(voice_bundle(index, start_ms + index * 20), 0)
        times += [event.packet.media_ms for event in events if isinstance(event, VoiceReceived)]
    assert times == [start_ms + index * 20 for index in range(10)]


def test_media_before_the_start_is_refused() -> None:
    decoder = Decoder()
    decoder.receive(voice_bundle(0, 0), 0)
    with pytest.raises(MalformedMessage, match="start"):
        decoder.receive(voice_bundle(1, MEDIA_WRAP_MS - 20), 0)
    section = MotionSection(0, MEDIA_WRAP_MS - 20, 40, 1, 0, b"")
    with pytest.raises(MalformedMessage, match="start"):
        decoder.receive(bytes(Bundle(1, (VoicePacket(0, 20, b"x"),), (section,))), 0)


def test_motion_with_an_unknown_base_is_skipped_and_said_so() -> None:
    decoder = Decoder()
    section = MotionSection(None, 1000, 40, 1, 200, b"")
    events = decoder.receive(bytes(Bundle(0, (VoicePacket(1000, 20, b"x"),), (section,))), 0)
    assert [type(event) for event in events] == [VoiceReceived]
    ack = decoder.take_ack(0)
    assert ack is not None and ack.bases_lost and ack.report is None
    absolute = MotionSection(0, 1040, 40, 1, 0, b"")
    assert len(decoder.receive(bytes(Bundle(1, (), (absolute,))), 500_000)) == 1
    ack = decoder.take_ack(500_000)
    assert ack is not None and not ack.bases_lost and ack.report is not None


def test_predicted_motion_is_of_the_keyframe_of_its_base() -> None:
    decoder = Decoder()
    decoder.receive(bytes(Bundle(0, (), (MotionSection(9, 1000, 40, 1, 0, b""),))), 0)
    (event,) = decoder.receive(bytes(Bundle(1, (), (MotionSection(None, 1040, 40, 1, 40, b""),))), 0)
    assert isinstance(event, MotionReceived) and event.frame.keyframe_id == 9


def test_motion_that_no_encoder_wrote_is_refused_and_changes_nothing() -> None:
    decoder = Decoder()
    broken = Bundle(3, (VoicePacket(0, 20, b"x"),), (MotionSection(0, 0, 40, 1, 0, b"\x01" * 400),))
    before = pickle.dumps(decoder)
    with pytest.raises(MalformedMessage):
        decoder.receive(bytes(broken), 0)
    assert pickle.dumps(decoder) == before


def test_acknowledgements_keep_their_distance() -> None:
    decoder = Decoder(DecoderConfig(ack_interval_ms=500))
    times = []
    for now_ms in range(0, 3000, 20):
        decoder.receive(voice_bundle(now_ms // 20, now_ms), now_ms * 1000)
        times += [now_ms for _ in decoder.poll(now_ms * 1000)]
    assert times == [0, 500, 1000, 1500, 2000, 2500]


def test_nothing_is_acknowledged_while_nothing_arrives() -> None:
    decoder = Decoder()
    assert decoder.poll(10**9) == []
    assert decoder.next_poll_us(5) == 5 + IDLE_POLL_US


def test_a_complete_keyframe_is_acknowledged_at_once() -> None:
    decoder = Decoder()
    decoder.receive(voice_bundle(0, 0), 0)
    decoder.poll(0)
    for part in split(3, pack_keyframe(keyframe(3))):
        decoder.receive(bytes(part), 150_000)
    ack = decoder.take_ack(150_000)
    assert ack is not None and ack.keyframes_held == (3,)


def test_missing_parts_are_asked_for_when_it_goes_quiet() -> None:
    decoder = Decoder()
    parts = split(3, pack_keyframe(keyframe(3, image_bytes=4000)))
    for part in (parts[0], parts[2]):
        decoder.receive(bytes(part), 0)
    first = decoder.take_ack(0)
    assert first is not None and first.request is None
    quiet_us = KEYFRAME_IDLE_MS * 1000
    assert decoder.next_poll_us(0) == quiet_us
    assert decoder.take_ack(quiet_us - 1) is None
    ack = decoder.take_ack(quiet_us)
    assert ack is not None and ack.request == PartRequest(3, 0b1010)
    assert decoder.take_ack(quiet_us + REQUEST_INTERVAL_MS * 1000 - 1) is None
    again = decoder.take_ack(quiet_us + REQUEST_INTERVAL_MS * 1000)
    assert again is not None and again.request == PartRequest(3, 0b1010)


def test_a_keyframe_that_motion_names_is_asked_for() -> None:
    decoder = Decoder()
    decoder.receive(bytes(Bundle(0, (), (MotionSection(9, 0, 40, 1, 0, b""),))), 0)
    ack = decoder.take_ack(0)
    assert ack is not None and ack.request == PartRequest(9, 0xFFFF)


def test_a_wish_for_a_new_reference_lasts_until_it_comes() -> None:
    decoder = Decoder()
    decoder.want_keyframe()
    for now_us in (0, ACK_URGENT_INTERVAL_MS * 1000):
        ack = decoder.take_ack(now_us)
        assert ack is not None and ack.wants_keyframe
        decoder.want_keyframe()
    for part in split(1, pack_keyframe(keyframe(1))):
        decoder.receive(bytes(part), 10**6)
    ack = decoder.take_ack(10**6)
    assert ack is not None and not ack.wants_keyframe


def test_a_keyframe_whose_picture_is_broken_is_not_held() -> None:
    decoder = Decoder()
    for part in split(1, pack_keyframe(keyframe(1))):
        decoder.receive(bytes(part), 0)
    decoder.refuse_keyframe(1)
    ack = decoder.take_ack(0)
    assert ack is not None and ack.keyframes_held == () and ack.wants_keyframe


def test_urgent_acknowledgements_keep_a_distance_too() -> None:
    decoder = Decoder()
    sent = 0
    for now_ms in range(1000):
        decoder.want_keyframe()
        sent += len(decoder.poll(now_ms * 1000))
    assert sent == 1000 // ACK_URGENT_INTERVAL_MS


def test_jitter_and_age_are_reported() -> None:
    decoder = Decoder(DecoderConfig(ack_interval_ms=5000))
    for index in range(200):
        decoder.receive(voice_bundle(index, index * 20), index * 20_000 + (index % 2) * 8000)
    decoder.take_ack(0)
    decoder.receive(voice_bundle(200, 4000), 4_000_000)
    decoder.want_keyframe()
    ack = decoder.take_ack(4_300_000)
    assert ack is not None and ack.report is not None
    assert ack.report.age_ms == 300 and ack.report.jitter_ms == pytest.approx(8, abs=1)


@pytest.mark.parametrize("interval_ms", [ACK_URGENT_INTERVAL_MS - 1, 5001])
def test_ack_intervals_outside_the_limits_are_refused(interval_ms: int) -> None:
    with pytest.raises(UserError):
        DecoderConfig(ack_interval_ms=interval_ms)


def test_mutated_calls_raise_remote_errors_only_and_memory_is_bounded() -> None:
    rng = random.Random(11)
    seeds = call_messages() + [path.read_bytes() for path in sorted(FOLDER.glob("*.bin"))]
    decoder = Decoder()
    for index in range(FUZZ_ROUNDS):
        survives(decoder, mutated(rng, rng.choice(seeds)), index * 10_000)
    assert len(pickle.dumps(decoder)) < MEMORY_BYTES


def test_a_flood_of_everything_leaves_memory_bounded() -> None:
    rng = random.Random(12)
    decoder = Decoder()
    for seq in range(3000):
        section = MotionSection(seq % 256, seq * 320 % MEDIA_WRAP_MS, 40, 8, 0, b"")
        decoder.receive(bytes(Bundle(seq, (), (section,))), seq)
        part = KeyframePart(seq % 256, seq % 16, 16, 16_384, seq, rng.randbytes(1100))
        decoder.receive(bytes(part), seq)
    assert decoder.stats.motion_frames == 24_000
    assert len(pickle.dumps(decoder)) < MEMORY_BYTES


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=60), max_size=12), st.lists(st.integers(0, 15), min_size=12, max_size=12))
def test_any_bytes_raise_remote_errors_only(contents: list[bytes], kinds: list[int]) -> None:
    decoder = Decoder()
    for content, kind in zip(contents, kinds, strict=False):
        survives(decoder, bytes([0x10 | kind]) + content, 0)


def test_decoded_symbols_equal_the_encoded_ones() -> None:
    decoder = Decoder()
    events = [event for data in call_messages() for event in decoder.receive(data, 0)]
    motion = [event.frame for event in events if isinstance(event, MotionReceived)]
    assert len(motion) >= 50
    for frame in motion:
        np.testing.assert_array_equal(frame.symbols, WALK[frame.media_ms // 40])


def survives(decoder: Decoder, data: bytes, now_us: int) -> None:
    with suppress(RemoteError):
        decoder.receive(data, now_us)
    decoder.poll(now_us)
