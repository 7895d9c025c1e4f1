"""shared.core.concealment: exact at first, damped, bounded, easing to the mean."""

import numpy as np
import pytest

from shared.coding.motion_code import dequantise_motion
from shared.coding.motion_layout import AFFINE_SLICE, CODE_SLICE, EXPRESSION_SLICE, KEYPOINT_SLICE, SYMBOLS
from shared.core.concealment import HEAD, SETTLED, DampedMotion, decay, values_of, vector_of
from shared.frames import MotionFrame
from shared.limits import (
    BASE_UNIT_MS,
    EXPRESSION_EASE_MS,
    EXPRESSION_MEAN_POSES,
    HEAD_CONCEAL_MAX_MS,
    HEAD_DAMPING_MS,
    INTERPOLATE_MAX_GAP_MS,
)
from tests.shared.harness import frame_at, motion_walk

WALK = motion_walk(200)
UNIT = vector_of(dequantise_motion(np.ones(SYMBOLS, np.int16)))
"""What one symbol is in each number."""


def moving(*poses: tuple[int, int], keyframe_id: int = 0) -> DampedMotion:
    """Poses (media ms, symbol everywhere)."""
    motion = DampedMotion()
    for media_ms, symbol in poses:
        motion.received(MotionFrame(media_ms, keyframe_id, np.full(SYMBOLS, symbol, np.int16)))
    return motion


def test_at_age_zero_it_is_the_pose_itself_number_for_number() -> None:
    motion = DampedMotion()
    for index in range(20):
        motion.received(frame_at(index, WALK, 0))
        estimate = motion.at(0)
        expected = dequantise_motion(WALK[index])
        np.testing.assert_array_equal(values_of(estimate.vector).affine, expected.affine)
        np.testing.assert_array_equal(values_of(estimate.vector).codes, expected.codes)
        assert estimate.voice_share == 0.0


def test_the_head_goes_on_ever_more_slowly_and_stands_at_the_limit() -> None:
    motion = moving((0, 0), (40, 1))
    moved = [motion.at(age_ms).vector[AFFINE_SLICE][0] / UNIT[0] - 1 for age_ms in range(0, 601, 40)]
    steps = np.diff(moved)
    assert steps[0] > 0.7 * HEAD_DAMPING_MS / 40 * (1 - np.exp(-40 / HEAD_DAMPING_MS))
    assert (np.diff(steps[:12]) < 0).all()
    at_limit, past = motion.at(HEAD_CONCEAL_MAX_MS).vector, motion.at(HEAD_CONCEAL_MAX_MS + 1).vector
    np.testing.assert_array_equal(at_limit[HEAD > 0], past[HEAD > 0])
    assert (motion.at(HEAD_CONCEAL_MAX_MS - 1).vector[AFFINE_SLICE] != at_limit[AFFINE_SLICE]).any()
    assert moved[-1] == pytest.approx(HEAD_DAMPING_MS / 40, rel=0.02)


def test_the_expression_eases_to_its_mean_and_leaves_the_mouth_to_the_voice() -> None:
    motion = moving((0, 0), (40, 4))
    for part in (EXPRESSION_SLICE, CODE_SLICE):
        start, late = motion.at(0).vector[part] / UNIT[part], motion.at(10_000).vector[part] / UNIT[part]
        np.testing.assert_allclose(start, 4)
        np.testing.assert_allclose(late, 2)
    halfway = motion.at(round(EXPRESSION_EASE_MS * 0.693))
    assert halfway.voice_share == pytest.approx(0.5, abs=0.01)
    assert (halfway.vector[KEYPOINT_SLICE] != motion.at(0).vector[KEYPOINT_SLICE]).any()
    assert motion.at(10_000).voice_share == 1.0


def test_the_mean_is_of_the_newest_poses() -> None:
    poses = [(index * 40, 0) for index in range(EXPRESSION_MEAN_POSES)]
    poses += [(index * 40, 1) for index in range(len(poses), 5 * EXPRESSION_MEAN_POSES)]
    mean = moving(*poses).at(10_000).vector[EXPRESSION_SLICE] / UNIT[EXPRESSION_SLICE]
    assert (mean > 0.95).all()


def test_poses_of_another_keyframe_and_poses_far_apart_give_no_velocity() -> None:
    for gap_ms, moves in ((INTERPOLATE_MAX_GAP_MS, True), (INTERPOLATE_MAX_GAP_MS + 1, False)):
        motion = moving((0, 0), (gap_ms, 3))
        assert (motion.at(200).vector[0] != motion.at(0).vector[0]) == moves
    motion = moving((0, 0))
    motion.received(MotionFrame(40, 1, np.full(SYMBOLS, 3, np.int16)))
    np.testing.assert_array_equal(motion.at(500).vector, motion.at(0).vector)


def test_poses_closer_than_the_protocols_grid_cannot_throw_the_head_away() -> None:
    near, grid = moving((0, 0), (1, 1)), moving((0, 0), (BASE_UNIT_MS, 1))
    np.testing.assert_array_equal(near.at(500).vector, grid.at(500).vector)


def test_decay_is_about_exponential() -> None:
    for constant_ms in (HEAD_DAMPING_MS, EXPRESSION_EASE_MS):
        assert decay(0, constant_ms) == 1.0
        for age_ms in (20, 40, 160, 300):
            assert decay(age_ms, constant_ms) == pytest.approx(np.exp(-age_ms / constant_ms), abs=0.01)
        assert decay(10**12, constant_ms) == 0.0


def test_easing_is_over_when_less_than_a_quantiser_step_is_left() -> None:
    motion = moving((0, 0), (40, 4))
    gone_ms = next(age_ms for age_ms in range(10_000) if decay(age_ms, EXPRESSION_EASE_MS) < SETTLED)
    assert motion.at(gone_ms - 1).voice_share < 1.0 == motion.at(gone_ms).voice_share
    np.testing.assert_array_equal(motion.at(gone_ms).vector, motion.at(gone_ms + 40).vector)
