"""shared.core.playout with its voice and pictures: order, lateness, concealment, keyframes, seams, bounds."""

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.coding.motion_code import dequantise_motion
from shared.core.media_clock import SLEW_US
from shared.core.playout import PictureDue, PictureState, Playout, VoiceDue
from shared.core.voice_playout import STRETCH_MAX_MS
from shared.frames import MotionFrame, VoicePacket
from shared.limits import (
    GALLERY_SIZE,
    INTERPOLATE_MAX_GAP_MS,
    PLAYOUT_MAX_QUEUE,
    PLAYOUT_START_MS,
    VOICE_IDLE_MS,
    VOICE_QUIET_BYTES,
    VOICE_SNAP_MS,
)
from tests.shared.harness import Call, frame_at, keyframe, losing, messy, motion_walk

WALK = motion_walk(500)
SPEECH = bytes(60)
SILENCE = bytes(VOICE_QUIET_BYTES)


def frame(media_ms: int, keyframe_id: int = 0) -> MotionFrame:
    return MotionFrame(media_ms, keyframe_id, WALK[media_ms // 40 % 500])


def voice(media_ms: int, duration_ms: int = 20, data: bytes = SPEECH) -> VoicePacket:
    return VoicePacket(media_ms, duration_ms, data)


def shown(playout: Playout, now_ms: int) -> PictureDue:
    picture = playout.picture_at(now_ms * 1000)
    assert picture is not None
    return picture


def played(playout: Playout, until_ms: int, start_ms: int = 0) -> list[VoiceDue]:
    """Everything due up to `until_ms`, polled every millisecond."""
    pieces = []
    for now_ms in range(start_ms, until_ms + 1):
        while (piece := playout.voice_at(now_ms * 1000)) is not None:
            pieces.append(piece)
    return pieces


def speaking(until_ms: int, lost: tuple[int, ...] = (), data: bytes = SPEECH) -> Playout:
    """Voice that arrived at once with transit 0, playing up to `until_ms`."""
    playout = Playout()
    for media_ms in range(0, until_ms, 20):
        if media_ms not in lost:
            playout.push_voice(voice(media_ms, data=data), media_ms * 1000)
    return playout


def test_nothing_is_due_before_media_arrives() -> None:
    playout = Playout()
    playout.add_keyframe(0)
    assert playout.next_due_us() is None
    assert playout.picture_at(10**9) is None and playout.voice_at(10**9) is None


def test_pictures_wait_for_the_first_keyframe() -> None:
    playout = Playout()
    playout.push_voice(voice(0), 0)
    first = shown(playout, PLAYOUT_START_MS)
    assert (first.state, first.keyframe_id, first.values) == (PictureState.WAITING, None, None)
    playout.push_motion(frame(40), 80_000)
    assert shown(playout, 120).state is PictureState.WAITING


def test_a_keyframe_without_motion_is_shown_as_it_is() -> None:
    playout = Playout()
    playout.push_voice(voice(0), 0)
    playout.add_keyframe(3)
    picture = shown(playout, 50)
    assert (picture.state, picture.keyframe_id) == (PictureState.HELD, 3)
    assert picture.values is not None and not picture.values.affine.any() and not picture.values.codes.any()


def test_poses_are_shown_at_their_time() -> None:
    playout = Playout()
    playout.add_keyframe(0)
    for media_ms in (0, 40, 80):
        playout.push_motion(frame(media_ms), 0)
    due_us = playout.next_due_us()
    assert due_us is not None and playout.picture_at(due_us - 1) is None
    for media_ms in (0, 40, 80):
        due_us = playout.next_due_us()
        assert due_us is not None
        picture = playout.picture_at(due_us)
        assert picture is not None and picture.values is not None
        assert (picture.media_ms, picture.state) == (media_ms, PictureState.FRESH)
        assert due_us - SLEW_US <= picture.due_us <= due_us
        np.testing.assert_array_equal(
            picture.values.affine, dequantise_motion(frame(media_ms).symbols).affine
        )


def test_a_missing_pose_is_interpolated_up_to_the_limit() -> None:
    for gap_ms, expected in (
        (INTERPOLATE_MAX_GAP_MS, PictureState.INTERPOLATED),
        (INTERPOLATE_MAX_GAP_MS + 40, PictureState.CONCEALED),
    ):
        playout = Playout()
        playout.add_keyframe(0)
        playout.push_motion(frame(0), 0)
        playout.push_motion(frame(gap_ms), 0)
        assert shown(playout, PLAYOUT_START_MS).state is PictureState.FRESH
        assert shown(playout, PLAYOUT_START_MS + 60).state is expected


def test_interpolation_is_linear_in_time() -> None:
    playout = Playout()
    playout.add_keyframe(0)
    playout.push_motion(frame(0), 0)
    playout.push_motion(frame(160), 0)
    shown(playout, PLAYOUT_START_MS)
    picture = shown(playout, PLAYOUT_START_MS + 42)
    early, late = dequantise_motion(frame(0).symbols), dequantise_motion(frame(160).symbols)
    assert picture.values is not None and picture.pose_age_ms == 40
    np.testing.assert_allclose(
        picture.values.expression, 0.75 * early.expression + 0.25 * late.expression, atol=1e-5
    )


def test_the_last_pose_is_held() -> None:
    playout = Playout()
    playout.add_keyframe(0)
    playout.push_motion(frame(0), 0)
    shown(playout, PLAYOUT_START_MS)
    late = shown(playout, 5000)
    assert late.state is PictureState.HELD and late.pose_age_ms == late.media_ms
    assert late.media_ms > 4900


def test_a_late_pose_still_renews_the_one_that_is_held() -> None:
    playout = Playout()
    playout.add_keyframe(0)
    playout.push_motion(frame(0), 0)
    shown(playout, 500)
    playout.push_motion(frame(200), 510_000)
    picture = shown(playout, 560)
    assert picture.state is PictureState.CONCEALED and picture.media_ms - picture.pose_age_ms == 200
    playout.push_motion(frame(160), 520_000)
    assert playout.late == 1


def test_a_new_keyframe_is_shown_only_when_it_is_here() -> None:
    playout = Playout()
    playout.add_keyframe(0)
    for media_ms in range(0, 200, 40):
        playout.push_motion(frame(media_ms, keyframe_id=media_ms >= 80), 0)
    pictures = [shown(playout, PLAYOUT_START_MS + media_ms + 1) for media_ms in (0, 40, 80, 120)]
    assert [picture.keyframe_id for picture in pictures] == [0, 0, 0, 0]
    assert [picture.state for picture in pictures[2:]] == [PictureState.CONCEALED] * 2
    playout.add_keyframe(1)
    last = shown(playout, PLAYOUT_START_MS + 161)
    assert (last.keyframe_id, last.state) == (1, PictureState.FRESH)


def test_as_many_keyframes_are_kept_as_the_gallery_holds() -> None:
    playout = Playout()
    for keyframe_id in range(GALLERY_SIZE + 1):
        playout.add_keyframe(keyframe_id)
    playout.push_motion(frame(0, keyframe_id=0), 0)
    playout.push_motion(frame(40, keyframe_id=1), 0)
    assert shown(playout, PLAYOUT_START_MS).keyframe_id == GALLERY_SIZE
    assert shown(playout, PLAYOUT_START_MS + 41).keyframe_id == 1


def test_a_slow_caller_gets_the_newest_picture() -> None:
    playout = Playout()
    playout.add_keyframe(0)
    for media_ms in range(0, 400, 40):
        playout.push_motion(frame(media_ms), 0)
    shown(playout, PLAYOUT_START_MS)
    assert shown(playout, PLAYOUT_START_MS + 205).media_ms == 200
    assert playout.skipped_pictures == 4
    assert playout.picture_at((PLAYOUT_START_MS + 205) * 1000) is None


def test_voice_plays_without_gaps() -> None:
    pieces = played(speaking(1000), 900)
    assert [piece.media_ms for piece in pieces] == list(range(0, 860 + 1, 20))
    assert all(piece.packet is not None for piece in pieces)
    assert all(
        after.due_us == before.due_us + before.duration_ms * 1000 for before, after in pairwise(pieces)
    )


def test_lost_voice_is_concealed_for_exactly_its_time() -> None:
    pieces = played(speaking(1000, lost=(200, 220, 240)), 500)
    concealed = [piece.media_ms for piece in pieces if piece.packet is None]
    assert concealed == [200, 220, 240]
    assert all(
        after.due_us == before.due_us + before.duration_ms * 1000 for before, after in pairwise(pieces)
    )


def test_voice_slightly_off_its_place_is_played_there() -> None:
    for shift_ms, concealed in ((VOICE_SNAP_MS, 0), (VOICE_SNAP_MS + 1, 1)):
        playout = Playout()
        playout.push_voice(voice(0), 0)
        playout.push_voice(voice(20 + shift_ms), 0)
        pieces = played(playout, 75)
        assert sum(piece.packet is None for piece in pieces[:2]) == concealed
        assert all(
            after.due_us == before.due_us + before.duration_ms * 1000 for before, after in pairwise(pieces)
        )


def test_after_a_second_of_nothing_no_more_concealment_is_asked_for() -> None:
    playout = speaking(100)
    pieces = played(playout, 5000)
    assert sum(piece.duration_ms for piece in pieces if piece.packet is None) == VOICE_IDLE_MS
    playout.push_voice(voice(5000), 5_000_000)
    assert played(playout, 5100, 5000)[0].media_ms == 5000


def test_a_hole_longer_than_that_is_not_concealed_to_its_end() -> None:
    playout = Playout()
    playout.push_voice(voice(0), 0)
    playout.push_voice(voice(1900), 10_000)
    pieces = played(playout, 3000)
    assert [piece.media_ms for piece in pieces if piece.packet is not None] == [0, 1900]
    hole_ms = sum(piece.duration_ms for piece in pieces if piece.packet is None and piece.media_ms < 1900)
    assert hole_ms == VOICE_IDLE_MS


def test_voice_that_comes_too_late_lengthens_the_delay_at_once() -> None:
    playout = speaking(200)
    played(playout, 300)
    late_ms = 330
    playout.push_voice(voice(200), late_ms * 1000)
    for media_ms in range(220, 1000, 20):
        playout.push_voice(voice(media_ms), (media_ms + 130) * 1000)
    pieces = played(playout, 900, late_ms)
    assert playout.late >= 1
    stretched = sum(piece.duration_ms for piece in pieces if piece.stretch)
    assert 60 <= stretched <= 110
    assert all(piece.duration_ms <= STRETCH_MAX_MS for piece in pieces if piece.stretch)
    assert all(piece.packet is not None for piece in pieces[-10:])


def test_the_delay_shrinks_only_in_silence() -> None:
    for data, shrinks in ((SPEECH, False), (SILENCE, True)):
        playout = Playout()
        first = voice(0, data=data)
        playout.push_voice(first, 400_000)
        last_due = 0
        for media_ms in range(20, 15_000, 20):
            playout.push_voice(voice(media_ms, data=data), media_ms * 1000)
            for piece in played(playout, media_ms, media_ms):
                last_due = piece.due_us - piece.media_ms * 1000
        assert (last_due < 100_000) == shrinks


def test_the_queue_is_bounded() -> None:
    playout = Playout()
    playout.add_keyframe(0)
    for index in range(PLAYOUT_MAX_QUEUE + 1):
        playout.push_voice(voice(index * 20), 0)
        playout.push_motion(frame(index * 40), 0)
    assert played(playout, PLAYOUT_START_MS + 60)[0].media_ms == 20
    assert shown(playout, PLAYOUT_START_MS + 60).media_ms - 40 <= 40


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 3000), st.integers(-20, 400), st.booleans(), st.integers(0, 2)), max_size=80
    ),
    st.integers(1, 60),
)
def test_media_time_never_goes_back(arrivals: list[tuple[int, int, bool, int]], poll_ms: int) -> None:
    playout = Playout()
    playout.add_keyframe(0)
    waiting = sorted(arrivals, key=lambda arrival: arrival[0] + arrival[1])
    pictures: list[PictureDue] = []
    pieces: list[VoiceDue] = []
    for now_ms in range(0, 4500, poll_ms):
        while waiting and waiting[0][0] + waiting[0][1] <= now_ms:
            media_ms, _, is_voice, keyframe_id = waiting.pop(0)
            if is_voice:
                playout.push_voice(voice(media_ms, 60), now_ms * 1000)
            else:
                playout.push_motion(frame(media_ms, keyframe_id), now_ms * 1000)
        picture = playout.picture_at(now_ms * 1000)
        pictures += [] if picture is None else [picture]
        while (piece := playout.voice_at(now_ms * 1000)) is not None:
            pieces.append(piece)
    assert all(after.media_ms > before.media_ms for before, after in pairwise(pictures))
    assert all(after.media_ms >= before.media_ms for before, after in pairwise(pieces))
    assert all(after.due_us >= before.due_us for before, after in pairwise(pieces))
    assert all(picture.keyframe_id in (0, None) for picture in pictures)


@pytest.mark.parametrize("forward", [losing(3, every=10), messy, lambda number: (20 + number * 37 % 60,)])
def test_voice_and_picture_stay_together(forward: object) -> None:
    made = Call(forward=forward)  # type: ignore[arg-type]
    made.encoder.push_keyframe(keyframe(0))
    made.run(20_000)
    skews = []
    for now_ms, picture in made.pictures[20:]:
        before = [piece for when, piece in made.voices if when <= now_ms and not piece.stretch]
        at_ms = (
            before[-1].media_ms
            + (made.receiver_us - made.now_ms * 1000 + now_ms * 1000 - before[-1].due_us) / 1000
        )
        skews.append(abs(picture.media_ms - at_ms))
    assert sorted(skews)[int(0.95 * len(skews))] <= 45


def test_jittery_polling_loses_no_picture() -> None:
    rng = random.Random(2)
    playout = Playout()
    playout.add_keyframe(0)
    times = []
    for now_ms in range(0, 8000):
        if now_ms % 40 == 0:
            playout.push_motion(frame_at(now_ms // 40, WALK, 0), now_ms * 1000)
        if rng.random() < 0.1 and (picture := playout.picture_at(now_ms * 1000)) is not None:
            times.append(picture.media_ms)
    assert len(times) >= 180 and playout.skipped_pictures <= 20
