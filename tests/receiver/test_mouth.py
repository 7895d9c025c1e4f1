"""receiver.mouth: lips only, smoothly, by the share that motion leaves to the voice."""

import numpy as np
import pytest

from receiver.mouth import LIPS, VoiceMouth, lips_only
from receiver.voice_features import VoiceFeatures
from shared.coding.mesh_basis import default_basis
from shared.coding.motion_layout import EXPRESSION, MESH_POINTS
from tests.models.runtime.faces import motion

ROWS = default_basis().expression.reshape(EXPRESSION, MESH_POINTS, 2)
EYES = (33, 133, 159, 145, 263, 362, 386, 374)
UPPER_LIP, LOWER_LIP = 13, 14
EXPRESSIONS = np.random.default_rng(0).normal(0, 0.1, (50, EXPRESSION)).astype(np.float32)


def moved(expression: np.ndarray, points: tuple[int, ...], centred: bool) -> np.ndarray:
    offset = np.tensordot(expression, ROWS[:, list(points)], 1)
    return offset - offset.mean(axis=-2, keepdims=True) if centred else offset


def length(offsets: np.ndarray) -> float:
    return float(np.linalg.norm(offsets, axis=-1).mean())


def test_the_lips_move_as_wanted_and_the_eyes_far_less() -> None:
    mapped = EXPRESSIONS @ lips_only()
    wanted = moved(EXPRESSIONS, LIPS, centred=True)
    assert length(moved(mapped, LIPS, centred=True) - wanted) < 0.25 * length(wanted)
    assert length(moved(mapped, EYES, centred=False)) < 0.5 * length(moved(EXPRESSIONS, EYES, centred=False))


def test_the_mouth_comes_on_top_of_the_motion() -> None:
    mouth, values = VoiceMouth(), motion()
    for index in range(20):
        mouth.follow(EXPRESSIONS[0], index * 40)
    moved = mouth.move(values)
    np.testing.assert_allclose(moved.expression - values.expression, EXPRESSIONS[0] @ lips_only(), atol=1e-3)
    np.testing.assert_array_equal(moved.affine, values.affine)


def test_the_mouth_moves_smoothly_whatever_the_voice_does() -> None:
    mouth, places = VoiceMouth(), []
    for index in range(40):
        mouth.follow(EXPRESSIONS[index // 20], index * 40)
        places.append(mouth.move(motion()).expression)
    change = np.abs((EXPRESSIONS[1] - EXPRESSIONS[0]) @ lips_only()).max()
    steps = np.abs(np.diff(places, axis=0)).max(axis=1)
    assert steps[18] < 1e-3 and 0.3 * change < steps[19] < 0.7 * change
    assert (np.diff(steps[19:]) <= 1e-3).all()


@pytest.mark.model
def test_in_silence_the_lips_close() -> None:
    ears = VoiceFeatures()
    mouth = VoiceMouth()
    for index in range(20):
        mouth.follow(ears.silence.expression, index * 40)
    ears.close()
    expression = mouth.move(motion()).expression
    upper, lower = moved(expression, (UPPER_LIP, LOWER_LIP), centred=False)
    assert lower[1] < upper[1], "y points down: the lower lip is higher than in the speaker's mean"
