"""shared.core.bundler and compose: what leaves together, when, and what a bundle can say."""

from shared.core.ack_history import AckHistory
from shared.core.bundler import Bundler, follows, runs
from shared.core.compose import compose, with_repeated_motion, with_repeated_voice
from shared.frames import MotionFrame, VoicePacket
from shared.limits import BUNDLE_MAX_MOTION_FRAMES, BUNDLE_MAX_VOICE_PACKETS, BUNDLE_STALE_MS
from shared.wire import BundleReport
from tests.shared.harness import frame_at, motion_walk

WALK = motion_walk(100)


def packet(media_ms: int, duration_ms: int = 20, size_bytes: int = 10) -> VoicePacket:
    return VoicePacket(media_ms, duration_ms, bytes(size_bytes))


def frames(*times_ms: int, keyframe_id: int = 0) -> tuple[MotionFrame, ...]:
    return tuple(MotionFrame(ms, keyframe_id, WALK[ms // 40 % 100]) for ms in times_ms)


def test_a_bundle_leaves_when_its_voice_is_long_enough() -> None:
    bundler = Bundler(80)
    for index in range(3):
        bundler.push_voice(packet(index * 20))
        assert bundler.due_us(index * 20_000) != index * 20_000
    bundler.push_voice(packet(60))
    assert bundler.due_us(60_000) == 60_000


def test_the_interval_is_rounded_to_whole_packets() -> None:
    for bundle_ms, voice_ms, expected in ((80, 60, 1), (100, 60, 2), (200, 60, 3), (40, 120, 1)):
        bundler = Bundler(bundle_ms)
        count = 0
        while count == 0 or bundler.due_us(0) != 0:
            bundler.push_voice(packet(count * voice_ms, voice_ms))
            count += 1
        assert count == expected


def test_motion_alone_sets_the_pace_when_nobody_speaks() -> None:
    bundler = Bundler(80)
    bundler.push_motion(frame_at(0, WALK, 0))
    assert bundler.due_us(0) == 100_000
    bundler.push_motion(frame_at(1, WALK, 0))
    assert bundler.due_us(40_000) == 40_000


def test_motion_waits_for_the_voice_of_someone_who_speaks() -> None:
    bundler = Bundler(80)
    bundler.push_voice(packet(0, 80))
    assert bundler.due_us(0) == 0
    bundler.take()
    bundler.push_motion(frame_at(0, WALK, 0))
    bundler.push_motion(frame_at(1, WALK, 0))
    assert bundler.due_us(40_000) == 140_000


def test_what_goes_back_in_time_is_dropped() -> None:
    bundler = Bundler(80)
    for media_ms in (40, 40, 20):
        bundler.push_voice(packet(media_ms))
        bundler.push_motion(frames(media_ms)[0])
    assert bundler.dropped == 4
    voice, motion = bundler.take()
    assert len(voice) == len(motion) == 1


def test_stale_media_is_dropped_at_the_limit() -> None:
    bundler = Bundler(80)
    bundler.push_motion(frames(0)[0])
    bundler.push_motion(frames(BUNDLE_STALE_MS)[0])
    assert bundler.dropped == 0
    bundler.push_motion(frames(BUNDLE_STALE_MS + 1)[0])
    assert bundler.dropped == 1


def test_one_bundle_takes_no_more_than_it_can_say() -> None:
    bundler = Bundler(200)
    for index in range(20):
        bundler.push_voice(packet(index * 20))
        bundler.push_motion(frames(index * 20)[0])
    voice, motion = bundler.take()
    assert len(voice) == BUNDLE_MAX_VOICE_PACKETS - 1
    assert len(motion) == BUNDLE_MAX_MOTION_FRAMES


def test_voice_is_cut_at_gaps_that_cannot_be_said() -> None:
    assert follows(packet(0), packet(20)) and follows(packet(0), packet(160))
    assert not follows(packet(0), packet(180)) and not follows(packet(0), packet(25))
    assert not follows(packet(0), packet(10))
    bundler = Bundler(80)
    for media_ms in (0, 20, 300):
        bundler.push_voice(packet(media_ms))
    assert [voice.media_ms for voice in bundler.take()[0]] == [0, 20]


def test_runs_are_cut_at_other_steps_and_other_keyframes() -> None:
    cut = runs([*frames(0, 40, 80, 160, 240), *frames(280, keyframe_id=1), *frames(313, keyframe_id=1)])
    assert [[frame.media_ms for frame in run] for run in cut] == [[0, 40, 80], [160, 240], [280], [313]]


def test_a_later_section_rests_on_the_one_before() -> None:
    bundle, carried = compose((), frames(0, 40, 120), None, AckHistory())
    assert [(section.count, section.base_distance_ms) for section in bundle.motion] == [(2, 0), (1, 80)]
    assert len(carried) == 3


def test_the_first_section_rests_on_an_acknowledged_frame() -> None:
    history = AckHistory()
    history.record(0, frames(0))
    history.acknowledge(BundleReport(0, 0, 0, 0), 1)
    bundle, _ = compose((), frames(600, 640), None, history)
    assert bundle.motion[0].base_distance_ms == 600


def test_motion_too_far_from_its_voice_travels_alone() -> None:
    bundle, carried = compose((packet(1000),), frames(1511), None, AckHistory())
    assert len(bundle.motion) == len(carried) == 1
    bundle, carried = compose((packet(1000),), frames(1512), None, AckHistory())
    assert (bundle.motion, carried) == ((), ())


def test_motion_that_does_not_fit_is_left_for_the_next_bundle() -> None:
    full = tuple(packet(20 * index, size_bytes=375) for index in range(3))
    bundle, carried = compose(full, frames(0, 40), None, AckHistory())
    assert (bundle.motion, carried) == ((), ())


def test_repeats_go_first_where_they_can_be_said() -> None:
    assert with_repeated_voice(packet(0), (packet(20),)) == (packet(0), packet(20))
    assert with_repeated_voice(packet(0), (packet(500),)) == (packet(500),)
    assert with_repeated_voice(packet(0), ()) == ()
    many = tuple(packet(20 + 20 * index) for index in range(BUNDLE_MAX_VOICE_PACKETS))
    assert with_repeated_voice(packet(0), many) == many
    last, fresh = frames(0, 40), frames(80, 120)
    assert [frame.media_ms for frame in with_repeated_motion(last, fresh)] == [0, 40, 80, 120]
    seven = frames(*range(80, 360, 40))
    assert [frame.media_ms for frame in with_repeated_motion(last, seven)][:2] == [40, 80]
    assert with_repeated_motion(frames(0, keyframe_id=1), fresh) == fresh
    assert with_repeated_motion(last, ()) == ()
