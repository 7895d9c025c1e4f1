"""shared.core.pose_blend: a guess fades, and nothing of it is left."""

import numpy as np
import pytest

from shared.core.concealment import Estimate
from shared.core.pose_blend import PoseBlend
from shared.limits import MOTION_BLEND_MS

GUESSED, RECEIVED = Estimate(np.full(46, 3.0), 0.5), Estimate(np.full(46, 1.0), 0.0)


def test_the_difference_fades_linearly_and_then_nothing_is_left() -> None:
    blend = PoseBlend()
    blend.start(GUESSED, RECEIVED, 1000, 400)
    shares = [blend.left(1000 + ms) for ms in (0, 40, 80, MOTION_BLEND_MS - 1, MOTION_BLEND_MS)]
    assert shares == pytest.approx([1, 2 / 3, 1 / 3, 1 / MOTION_BLEND_MS, 0])
    mixed = blend.apply(RECEIVED, 1040)
    assert mixed.vector[0] == pytest.approx(1 + 2 * 2 / 3) and mixed.voice_share == pytest.approx(1 / 3)
    assert blend.apply(RECEIVED, 1000 + MOTION_BLEND_MS) is RECEIVED


def test_a_short_gap_is_left_as_quickly_as_it_came() -> None:
    blend = PoseBlend()
    blend.start(GUESSED, RECEIVED, 1000, 40)
    assert blend.left(1039) > 0 and blend.apply(RECEIVED, 1040) is RECEIVED


def test_another_keyframe_ends_it_at_once() -> None:
    blend = PoseBlend()
    blend.start(GUESSED, RECEIVED, 1000, 400)
    blend.clear()
    assert blend.apply(RECEIVED, 1000) is RECEIVED


def test_the_share_of_the_voice_stays_a_share() -> None:
    blend = PoseBlend()
    blend.start(Estimate(GUESSED.vector, 1.0), RECEIVED, 1000, 400)
    assert blend.apply(Estimate(RECEIVED.vector, 0.9), 1010).voice_share == 1.0
