"""shared.core.encoder: priorities, holding back, acknowledgements that lie, statistics."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.coding.tables import load_tables
from shared.control import Bye
from shared.core.encoder import EARLY_FRAMES, IDLE_POLL_US, Encoder, EncoderConfig
from shared.core.events import VoiceReceived
from shared.errors import MalformedMessage, RemoteError, UserError
from shared.frames import Channel, MotionFrame, VoicePacket
from shared.limits import (
    BUNDLE_MAX_MS,
    BUNDLE_MIN_MS,
    CONTROL_QUEUE_MESSAGES,
    MESSAGE_MAX_BYTES,
)
from shared.wire import Ack, Bundle, BundleReport, ControlFrame, KeyframePart, PartRequest, parse
from tests.shared.harness import Call, frame_at, keyframe, losing, motion_walk

WALK = motion_walk(200)


def started(config: EncoderConfig | None = None) -> Encoder:
    """An encoder whose first keyframe has been sent."""
    encoder = Encoder(config or EncoderConfig())
    encoder.push_keyframe(keyframe(0, image_bytes=100))
    assert len(encoder.poll(0)) == 1
    return encoder


def bundles(encoder: Encoder, now_us: int) -> list[Bundle]:
    messages = [parse(outgoing.data) for outgoing in encoder.poll(now_us)]
    return [message for message in messages if isinstance(message, Bundle)]


def test_motion_waits_for_the_first_keyframe_but_voice_does_not() -> None:
    encoder = Encoder(EncoderConfig())
    encoder.push_motion(frame_at(0, WALK, 0))
    encoder.push_voice(VoicePacket(0, 80, b"voice"))
    (bundle,) = bundles(encoder, 0)
    assert bundle.motion == () and bundle.voice[0].data == b"voice"
    encoder.push_keyframe(keyframe(0, image_bytes=100))
    assert not bundles(encoder, 10_000)
    (bundle,) = bundles(encoder, encoder.next_poll_us(10_000))
    assert len(bundle.motion) == 1
    assert encoder.stats.motion_held_back == 0


def test_as_many_frames_wait_for_the_first_keyframe_as_fit_one_bundle_and_the_oldest_goes() -> None:
    encoder = Encoder(EncoderConfig())
    for number in range(EARLY_FRAMES):
        encoder.push_motion(frame_at(number, WALK, 0))
    assert encoder.stats.motion_held_back == 0
    encoder.push_motion(frame_at(EARLY_FRAMES, WALK, 0))
    assert encoder.stats.motion_held_back == 1


def test_motion_of_a_keyframe_that_is_not_usable_is_dropped_once_another_is() -> None:
    encoder = started()
    encoder.push_motion(frame_at(0, WALK, 9))
    assert encoder.stats.motion_held_back == 1


def test_voice_and_motion_go_before_control_and_keyframe_parts() -> None:
    encoder = Encoder(EncoderConfig())
    encoder.push_keyframe(keyframe(0))
    encoder.push_control(Bye("x"))
    encoder.push_voice(VoicePacket(0, 80, b"voice"))
    outgoing = encoder.poll(0)
    assert [type(parse(item.data)) for item in outgoing] == [Bundle, ControlFrame, KeyframePart]
    assert [item.channel for item in outgoing] == [Channel.RT, Channel.CTL, Channel.RT]


def test_every_message_fits_whatever_is_pushed() -> None:
    encoder = started(EncoderConfig(bundle_ms=200, redundancy=True))
    rng = np.random.default_rng(1)
    plan = load_tables().motion
    for index in range(40):
        wild = rng.integers(plan.minimum, plan.maximum + 1)
        encoder.push_motion(MotionFrame(index * 40, 0, wild.astype(np.int16)))
        encoder.push_voice(VoicePacket(index * 40, 40, bytes(400)))
        for outgoing in encoder.poll(index * 40_000):
            assert len(outgoing.data) <= MESSAGE_MAX_BYTES
            parse(outgoing.data)


def test_symbols_that_cannot_be_coded_are_refused_at_the_door() -> None:
    encoder = started()
    with pytest.raises(UserError):
        encoder.push_motion(MotionFrame(0, 0, np.full(46, 32_000, np.int16)))
    assert encoder.poll(1_000_000) == []


@pytest.mark.parametrize("bundle_ms", [BUNDLE_MIN_MS - 1, BUNDLE_MAX_MS + 1])
def test_bundle_intervals_outside_the_limits_are_refused(bundle_ms: int) -> None:
    EncoderConfig(bundle_ms=BUNDLE_MIN_MS)
    EncoderConfig(bundle_ms=BUNDLE_MAX_MS)
    with pytest.raises(UserError):
        EncoderConfig(bundle_ms=bundle_ms)


def test_the_pace_of_keyframes_has_limits() -> None:
    with pytest.raises(UserError):
        EncoderConfig(keyframe_kbps=0.5)


def test_only_the_newest_control_messages_wait() -> None:
    encoder = Encoder(EncoderConfig())
    for number in range(CONTROL_QUEUE_MESSAGES + 1):
        encoder.push_control(Bye(str(number)))
    assert len(encoder.poll(0)) == CONTROL_QUEUE_MESSAGES


@pytest.mark.parametrize("seq", [0, 1, 5, 40_000, 65_535])
def test_acknowledging_the_future_is_refused_and_changes_nothing(seq: int) -> None:
    encoder = started()
    lie = Ack(BundleReport(seq, 0xFFFFFFFF, 0, 0), keyframes_held=(0,), bases_lost=True)
    with pytest.raises(MalformedMessage, match="never sent"):
        encoder.receive_ack(lie, 1000)
    assert encoder.rtt_ms is None


def test_acknowledged_keyframes_that_were_never_sent_are_ignored() -> None:
    encoder = started()
    encoder.receive_ack(Ack(keyframes_held=(9, 10), request=PartRequest(11, 0xFFFF)), 1000)
    assert encoder.usable_keyframe_ids == (0,)


@given(st.lists(st.tuples(st.integers(0, 65_535), st.integers(0, 2**32 - 1), st.booleans()), max_size=20))
def test_random_acknowledgements_raise_remote_errors_only(reports: list[tuple[int, int, bool]]) -> None:
    encoder = started()
    for index, (seq, history, lost) in enumerate(reports):
        encoder.push_motion(frame_at(index, WALK, 0))
        encoder.poll(index * 100_000)
        try:
            encoder.receive_ack(
                Ack(BundleReport(seq % 8, history, 9, 9), 5, (seq % 256,), None, lost, lost), index
            )
        except RemoteError:
            continue
    assert encoder.poll(10**8) is not None


def test_acknowledging_what_was_lost_costs_motion_but_never_drifts() -> None:
    made = Call(losing(1, 2, every=4))
    made.encoder.push_keyframe(keyframe(0))
    rng = random.Random(4)
    for until_ms in range(100, 6000, 100):
        made.run(until_ms)
        last = made.encoder.stats.bundles - 1
        if rng.random() < 0.3 and last >= 0 and until_ms < 4000:
            made.encoder.receive_ack(Ack(BundleReport(last, 0xFFFFFFFF, 0, 0), None, (0,)), until_ms * 1000)
    made.run(8000)
    received = made.motion_received()
    for frame in received:
        np.testing.assert_array_equal(frame.symbols, made.sent_frames[frame.media_ms].symbols)
    assert made.decoder.stats.undecodable > 0
    assert sum(frame.media_ms > 6000 for frame in received) >= 20


def test_a_peer_that_never_acknowledges_costs_little() -> None:
    made = Call(backward=lambda number: ())
    made.encoder.push_keyframe(keyframe(0, image_bytes=3500))
    made.run(60_000)
    assert made.encoder.stats.keyframe_bytes * 8 / 60_000 < 5


def test_old_voice_and_motion_are_dropped_unsent() -> None:
    encoder = started()
    for index in range(50):
        encoder.push_motion(frame_at(index, WALK, 0))
        encoder.push_voice(VoicePacket(index * 40, 40, b"x"))
    sent = bundles(encoder, 2_000_000)
    assert min(packet.media_ms for bundle in sent for packet in bundle.voice) >= 49 * 40 - 400
    assert encoder.stats.stale_dropped == 2 * 39


def test_repeats_can_be_pinned_on() -> None:
    encoder = started(EncoderConfig(redundancy=True))
    seen = []
    for index in range(3):
        encoder.push_voice(VoicePacket(index * 80, 80, bytes([index])))
        encoder.push_motion(frame_at(2 * index, WALK, 0))
        encoder.push_motion(frame_at(2 * index + 1, WALK, 0))
        (bundle,) = bundles(encoder, 80_000 * (index + 1))
        seen.append(
            ([packet.media_ms for packet in bundle.voice], bundle.motion[0].media_ms, bundle.motion[0].count)
        )
    assert seen == [([0], 0, 2), ([0, 80], 0, 4), ([80, 160], 80, 4)]


def test_an_acknowledgement_travels_in_the_next_bundle() -> None:
    encoder = started()
    encoder.push_ack(Ack(BundleReport(7, 0, 10, 3), keyframes_held=(2,)), 1_000_000)
    encoder.push_voice(VoicePacket(0, 80, b"x"))
    (bundle,) = bundles(encoder, 1_025_000)
    assert bundle.ack == Ack(BundleReport(7, 0, 35, 3), keyframes_held=(2,))
    encoder.push_voice(VoicePacket(80, 80, b"x"))
    assert bundles(encoder, 1_100_000)[0].ack is None


def test_a_wish_for_a_keyframe_is_passed_on_once() -> None:
    encoder = started()
    encoder.receive_ack(Ack(wants_keyframe=True), 0)
    assert encoder.take_keyframe_wish()
    assert not encoder.take_keyframe_wish()
    encoder.receive_ack(Ack(wants_keyframe=True), 0)
    encoder.push_keyframe(keyframe(1))
    assert not encoder.take_keyframe_wish()


def test_statistics_add_up_to_what_was_handed_out() -> None:
    made = Call()
    made.encoder.push_keyframe(keyframe(0, image_bytes=3000))
    made.encoder.push_control(Bye("x"))
    made.run(3000)
    stats = made.encoder.stats
    total = stats.audio_bytes + stats.motion_bytes + stats.keyframe_bytes + stats.control_bytes
    assert total == sum(size_bytes for _, size_bytes in made.sent)
    on_their_way = stats.bundles - made.decoder.stats.bundles
    assert stats.audio_bytes == 92 * (len(made.received(VoiceReceived)) + on_their_way)
    assert 3000 < stats.keyframe_bytes < 3300


def test_the_next_poll_is_never_in_the_past() -> None:
    encoder = Encoder(EncoderConfig())
    assert encoder.next_poll_us(5) == 5 + IDLE_POLL_US
    encoder.push_control(Bye("x"))
    assert encoder.next_poll_us(5) == 5
    encoder.poll(5)
    encoder.push_voice(VoicePacket(0, 20, b"x"))
    assert encoder.next_poll_us(10) == 10 + 100_000
    encoder.push_voice(VoicePacket(20, 60, b"x"))
    assert encoder.next_poll_us(20) == 20
