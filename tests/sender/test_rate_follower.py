"""sender.rate_follower: whole calls in virtual time over links that change; nothing here takes real time."""

import pytest

from sender.rate_follower import FLIGHT_MIN_BYTES, RateFollower
from shared.control import FEATURE_VIDEO, Hello
from shared.core.encoder import Encoder, EncoderConfig
from shared.core.ladder import FEEDBACK_TIMEOUT_MS, LadderConfig
from shared.errors import MalformedMessage
from shared.frames import Rung, VideoKind, VoicePacket
from shared.transport.impairments import Impairment, RandomLoss
from shared.wire import Ack, BundleReport
from tests.sender.rate_call import DELAY_MS, RateCall, stepped

DROP_MS, RETURN_MS, END_MS = 8_000, 20_000, 24_000
FOLLOW_MS = 3000
QUEUE_MS = 400


@pytest.mark.parametrize(("max_kbps", "rung"), [(20.0, Rung.MOTION), (28.0, Rung.THUMBNAIL)])
def test_a_link_that_falls_from_100_to_15_and_returns_is_followed(max_kbps: float, rung: Rung) -> None:
    forward = stepped((0, 100), (DROP_MS, 15), (RETURN_MS, 100))
    call = RateCall(LadderConfig(max_kbps=max_kbps), forward).run(END_MS)
    assert call.plan_at(DROP_MS).rung is rung
    assert call.plan_at(DROP_MS + FOLLOW_MS).wire_kbps() <= 15
    assert call.longest_delay_ms(DROP_MS, END_MS) < QUEUE_MS
    assert call.plan_at(RETURN_MS + FOLLOW_MS).rung is rung
    assert call.longest_voice_gap_ms(1000, END_MS) <= 300
    times = [media_ms for _, media_ms in call.voices]
    assert times == sorted(times) and len(times) == len(set(times))


def test_a_keyframe_on_a_thin_link_takes_what_is_spare() -> None:
    forward = stepped((0, 100), (DROP_MS, 15))
    call = RateCall(LadderConfig(), forward, refreshed_ms=(DROP_MS + 5000,)).run(END_MS)
    assert call.longest_delay_ms(DROP_MS + 5000, END_MS) < 1300, "1.7 s at the fixed pace"
    assert call.encoder.usable_keyframe_ids[-1] == 1


def test_a_good_link_changes_nothing_of_the_default_call() -> None:
    call = RateCall(LadderConfig()).run(10_000)
    assert [plan.bundle_ms for _, plan in call.plans] == [80]
    assert call.plans[0][1].rung is Rung.MOTION


def test_jitter_alone_does_not_lower_the_default_call() -> None:
    call = RateCall(LadderConfig(), Impairment(delay_ms=DELAY_MS, jitter_ms=40)).run(30_000)
    assert {plan.rung for _, plan in call.plans} == {Rung.MOTION}
    assert sum(call.plan_at(now_ms).bundle_ms == 80 for now_ms in range(0, 30_000, 100)) >= 270


@pytest.mark.parametrize("loss", [0.05, 0.2])
def test_loss_alone_does_not_take_the_motion(loss: float) -> None:
    call = RateCall(LadderConfig(), Impairment(RandomLoss(loss), delay_ms=DELAY_MS)).run(20_000)
    assert {plan.rung for _, plan in call.plans} == {Rung.MOTION}
    assert {plan.motion_fps for _, plan in call.plans} == {25.0}


def test_a_fast_link_is_climbed_to_video_when_that_is_allowed() -> None:
    call = RateCall(LadderConfig(max_kbps=70.0), stepped((0, 300))).run(10_000)
    rungs = [plan.rung for _, plan in call.plans]
    assert rungs == sorted(rungs), "up without a step back"
    assert call.plan_at(9_000).rung is Rung.VIDEO
    assert len(call.pictures) > 100
    assert call.longest_delay_ms(1000, 10_000) < 100


def test_a_peer_that_shows_no_pictures_is_sent_none() -> None:
    call = RateCall(LadderConfig(max_kbps=70.0), stepped((0, 300)), can_show_video=False).run(5_000)
    assert call.plan_at(5_000).rung is Rung.MOTION and not call.pictures


def test_a_peer_that_never_acknowledges_gets_less() -> None:
    call = RateCall(LadderConfig(), answering=False).run(FEEDBACK_TIMEOUT_MS + 2000)
    assert [plan.bundle_ms for _, plan in call.plans] == [80, 200]
    assert call.longest_voice_gap_ms(1000, FEEDBACK_TIMEOUT_MS + 2000) <= 210


def test_the_peer_pins_the_voice_and_lets_go() -> None:
    call = RateCall(LadderConfig(), pins={2000: Rung.VOICE, 4000: None}).run(7000)
    assert call.plan_at(2000).rung is Rung.VOICE
    assert call.plan_at(3990).rung is Rung.VOICE
    assert call.plan_at(6000).rung is Rung.MOTION


def test_the_peer_is_told_of_another_rung() -> None:
    encoder = Encoder(EncoderConfig())
    follower = RateFollower(encoder, LadderConfig())
    follower.pin(Rung.VOICE)
    assert follower.update(0) is not None
    assert len(encoder.poll(0)) == 1
    assert follower.media_config.rung is Rung.VOICE and follower.media_config.fps_x10 == 0
    assert encoder.config.bundle_ms == follower.media_config.bundle_ms == 200
    assert follower.update(1) is None and encoder.poll(1) == []


def test_at_half_the_frame_rate_every_second_pose_is_left_out() -> None:
    follower = RateFollower(Encoder(EncoderConfig()), LadderConfig())
    assert all(follower.wants_motion(media_ms) for media_ms in range(0, 400, 40))
    follower.update(0)
    follower.update(FEEDBACK_TIMEOUT_MS * 1000)
    assert follower.plan.motion_fps == 12.5
    taken = [
        media_ms for media_ms in range(400, 1200, 40) if follower.wants_motion(media_ms + media_ms // 40 % 2)
    ]
    assert len(taken) == 10
    follower.pin(Rung.VOICE)
    follower.update(FEEDBACK_TIMEOUT_MS * 1000)
    assert not follower.wants_motion(2000)


def test_no_picture_is_coded_while_too_much_is_under_way() -> None:
    encoder = Encoder(EncoderConfig())
    follower = RateFollower(encoder, LadderConfig(max_kbps=40.0, rung=Rung.THUMBNAIL))
    follower.greet(Hello(1, "", "", (FEATURE_VIDEO,)))
    follower.update(0)
    for index in range(200):
        if encoder.in_flight_bytes > FLIGHT_MIN_BYTES:
            break
        assert follower.has_room(VideoKind.THUMBNAIL) and not follower.has_room(VideoKind.VIDEO)
        encoder.push_voice(VoicePacket(index * 80, 80, bytes(60)))
        encoder.poll(index * 80_000)
    assert not follower.has_room(VideoKind.THUMBNAIL) and follower.picture_order() is None
    encoder.receive_ack(Ack(BundleReport(index - 1, 0, 0, 0)), index * 80_000)
    assert follower.has_room(VideoKind.THUMBNAIL)
    assert follower.picture_order() is not None


def test_a_flood_of_acknowledgements_and_lies_leave_a_plan_within_bounds() -> None:
    encoder = Encoder(EncoderConfig())
    follower = RateFollower(encoder, LadderConfig(max_kbps=40.0))
    for index in range(100):
        encoder.push_voice(VoicePacket(index * 80, 80, bytes(60)))
        encoder.poll(index * 80_000)
        for lie in range(20):
            report = BundleReport(index, 2**32 - 1, 65_535, 255, lie * 3271 % 65_536, (255, 0, lie))
            encoder.receive_ack(Ack(report), index * 80_000 + lie)
            follower.acknowledged(index * 80_000 + lie)
        with pytest.raises(MalformedMessage):
            encoder.receive_ack(Ack(BundleReport(index + 1, 0, 0, 0)), index * 80_000)
        follower.update(index * 80_000)
        assert follower.plan.wire_kbps() <= 40.0
    assert len(encoder.take_arrivals()) <= 64
