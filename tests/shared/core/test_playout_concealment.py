"""shared.core.picture_playout: what is shown while motion is missing, late, not sent by design, and when it returns."""

import numpy as np
import pytest

from shared.coding.motion_code import dequantise_motion, motion_vector
from shared.core.concealment import HEAD
from shared.core.playout import PictureDue, PictureState, Playout
from shared.frames import MotionFrame, VoicePacket
from shared.limits import HEAD_CONCEAL_MAX_MS, MOTION_BLEND_MS, PLAYOUT_START_MS
from tests.shared.harness import motion_walk

WALK = motion_walk(500)
STATES = PictureState


def pose(media_ms: int, keyframe_id: int = 0) -> MotionFrame:
    return MotionFrame(media_ms, keyframe_id, WALK[media_ms // 40])


def played(poses: list[MotionFrame], until_ms: int, playout: Playout | None = None) -> list[PictureDue]:
    """Pictures on the 40 ms grid; each pose arrives at its own media time, early enough."""
    playout = playout or Playout()
    playout.add_keyframe(0)
    pictures = []
    waiting = list(poses)
    for now_ms in range(0, until_ms, 5):
        while waiting and waiting[0].media_ms <= now_ms:
            playout.push_motion(waiting.pop(0), now_ms * 1000)
        picture = playout.picture_at(now_ms * 1000)
        pictures += [] if picture is None else [picture]
    return pictures


def vector(picture: PictureDue) -> np.ndarray:
    assert picture.values is not None
    return motion_vector(picture.values)


def sent(media_ms: int) -> np.ndarray:
    return motion_vector(dequantise_motion(WALK[media_ms // 40]))


def test_missing_motion_is_concealed_up_to_the_limit_and_then_held_openly() -> None:
    pictures = played([pose(ms) for ms in range(0, 400, 40)], 2000)
    for picture in pictures:
        age_ms = picture.media_ms - 360
        if age_ms > 0:
            concealed = age_ms <= HEAD_CONCEAL_MAX_MS
            assert picture.state is (STATES.CONCEALED if concealed else STATES.HELD), age_ms
            assert picture.pose_age_ms == age_ms
    held = [vector(p)[HEAD > 0] for p in pictures if p.state is STATES.HELD]
    assert len(held) > 10 and all(np.array_equal(one, held[0]) for one in held), "the head is frozen"


@pytest.mark.parametrize("lost_ms", [80, 200, 480, 1200])
def test_a_gap_neither_begins_nor_ends_with_a_jump_and_leaves_nothing(lost_ms: int) -> None:
    lost = range(800, 800 + lost_ms)
    pictures = played([pose(ms) for ms in range(0, 4000, 40) if ms not in lost], 3900)
    first = next(i for i, p in enumerate(pictures) if p.state is STATES.CONCEALED and p.media_ms >= 800)
    vectors = np.stack([vector(p) for p in pictures])
    steps = np.abs(np.diff(vectors, axis=0)).max(axis=1)
    ordinary = np.abs(np.diff(np.stack([sent(ms) for ms in range(0, 4000, 40)]), axis=0)).max()
    back = next(i for i, p in enumerate(pictures) if p.media_ms > lost[0] and p.pose_age_ms == 0)
    assert steps[first - 1] <= ordinary
    total = np.abs(
        vectors[back] - vectors[back - 1] + vectors[back - 1] - sent(pictures[back].media_ms)
    ).max()
    blend_ms = min(pictures[back - 1].pose_age_ms, MOTION_BLEND_MS)
    assert steps[back - 1] <= ordinary + (total + ordinary) * 40 / blend_ms
    blended = [p for p in pictures if p.state is STATES.BLENDED]
    assert len(blended) == (blend_ms - 1) // 40
    for picture in pictures[back + len(blended) :]:
        assert picture.state is STATES.FRESH and picture.voice_share == 0.0
        np.testing.assert_array_equal(vector(picture), sent(picture.media_ms))


def test_a_late_pose_is_approached_instead_of_jumped_to() -> None:
    playout = Playout()
    playout.add_keyframe(0)
    for media_ms in range(0, 400, 40):
        playout.push_motion(pose(media_ms), media_ms * 1000)
        playout.picture_at((media_ms + PLAYOUT_START_MS) * 1000)
    before = playout.picture_at(620_000)
    playout.push_motion(pose(480), 630_000)
    after = playout.picture_at(665_000)
    assert before is not None and after is not None
    assert (before.state, after.state) == (STATES.CONCEALED, STATES.CONCEALED)
    assert after.media_ms - after.pose_age_ms == 480
    jump = np.abs(sent(480) - vector(before)).max()
    assert np.abs(vector(after) - vector(before)).max() < jump


@pytest.mark.parametrize("told_first", [True, False])
def test_on_the_voice_rung_where_nobody_speaks_the_keyframe_is_shown(told_first: bool) -> None:
    playout = Playout()
    if told_first:
        playout.expect_motion(False)
    playout.push_still(120, 400_000)
    playout.add_keyframe(5)
    if not told_first:
        assert playout.next_due_us() is None, "motion may come, and would set a shorter delay"
        playout.expect_motion(False)
    shown = [playout.picture_at(us) for us in range(400_000, 1_000_000, 20_000)]
    pictures = [picture for picture in shown if picture is not None]
    assert pictures[0].media_ms == 120
    assert {(picture.state, picture.keyframe_id) for picture in pictures} == {(STATES.VOICE, 5)}


def test_a_keyframe_starts_no_clock_while_motion_is_on_its_way() -> None:
    playout = Playout()
    playout.push_still(0, 400_000)
    playout.push_motion(pose(40), 90_000)
    due_us = playout.next_due_us()
    playout.push_still(0, 900_000)
    playout.expect_motion(False)
    assert playout.next_due_us() == due_us


def test_on_the_voice_rung_nothing_is_missed() -> None:
    playout = Playout()
    playout.expect_motion(False)
    pictures = played([pose(ms) for ms in range(0, 400, 40)], 3000, playout)
    quiet = [p for p in pictures if p.media_ms > 360]
    assert {p.state for p in quiet} == {STATES.VOICE}
    shares = [p.voice_share for p in quiet]
    assert shares == sorted(shares) and shares[0] < 0.2 and shares[-1] == 1.0
    playout.expect_motion(True)
    playout.push_motion(pose(3000), 3_000_000)
    assert [p.state for p in pictures[-1:]] == [STATES.VOICE]
    later = [playout.picture_at((3000 + ms) * 1000) for ms in range(0, 140, 5)]
    assert STATES.BLENDED in {p.state for p in later if p is not None}


def test_a_keyframe_alone_has_a_mouth_that_follows_the_voice() -> None:
    for expected, state in ((True, STATES.HELD), (False, STATES.VOICE)):
        playout = Playout()
        playout.expect_motion(expected)
        playout.push_voice(VoicePacket(0, 80, bytes(60)), 0)
        playout.add_keyframe(0)
        picture = playout.picture_at(PLAYOUT_START_MS * 1000)
        assert picture is not None and (picture.state, picture.voice_share) == (state, 1.0)


def test_a_new_keyframe_is_not_mixed_with_the_old_one() -> None:
    playout = Playout()
    playout.add_keyframe(1)
    poses = [pose(ms) for ms in range(0, 400, 40)] + [pose(ms, 1) for ms in range(800, 1200, 40)]
    pictures = played(poses, 1150, playout)
    new = [p for p in pictures if p.keyframe_id == 1]
    assert new and {p.state for p in new} == {STATES.FRESH}
    np.testing.assert_array_equal(vector(new[0]), sent(new[0].media_ms))


def test_interpolation_after_a_guess_is_approached_too() -> None:
    playout = Playout()
    playout.add_keyframe(0)
    for media_ms in range(0, 400, 40):
        playout.push_motion(pose(media_ms), media_ms * 1000)
        playout.picture_at((media_ms + PLAYOUT_START_MS) * 1000)
    guess = playout.picture_at(560_000)
    playout.push_motion(pose(720), 565_000)
    between = playout.picture_at(605_000)
    assert guess is not None and between is not None
    assert (guess.state, between.state) == (STATES.CONCEALED, STATES.BLENDED)


def test_video_starts_the_clock_and_the_grid() -> None:
    playout = Playout()
    playout.push_video(1020, 50_000)
    due_us = playout.next_due_us()
    assert due_us == 50_000 + PLAYOUT_START_MS * 1000
    picture = playout.picture_at(due_us)
    assert picture is not None and (picture.media_ms, picture.state) == (1020, STATES.WAITING)
