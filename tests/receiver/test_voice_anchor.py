"""receiver.voice_anchor: what is taken away of what the voice says, because the picture holds it already."""

import numpy as np
import pytest

from receiver.voice_anchor import VoiceAnchor
from shared.coding.motion_layout import EXPRESSION
from shared.core.due import PictureDue, PictureState
from tests.models.runtime.faces import motion


def said(media_ms: int) -> np.ndarray:
    """A voice that says its time."""
    return np.full(EXPRESSION, media_ms, np.float32)


def held(anchor: VoiceAnchor, due: PictureDue, keyframe_ms: int | None = 0) -> float:
    found = anchor.held(due, keyframe_ms, said(due.media_ms), said)
    assert found.shape == (EXPRESSION,) and found.dtype == np.float32
    return float(found[0])


def due(
    media_ms: int, state: PictureState, age_ms: int = 0, share: float = 0.0, keyframe_id: int = 0
) -> PictureDue:
    return PictureDue(media_ms, 0, state, keyframe_id, motion(), age_ms, share)


@pytest.mark.parametrize("state", [PictureState.FRESH, PictureState.INTERPOLATED])
def test_a_received_pose_holds_all_that_is_said(state: PictureState) -> None:
    assert held(VoiceAnchor(), due(400, state, 40 * (state is PictureState.INTERPOLATED))) == 400


def test_without_motion_the_picture_holds_what_was_said_at_its_last_pose_easing_to_the_mean_over_all() -> (
    None
):
    anchor = VoiceAnchor()
    for media_ms in (0, 100, 200, 300):
        held(anchor, due(media_ms, PictureState.FRESH))
    assert held(anchor, due(340, PictureState.CONCEALED, 40, 0.0)) == 300
    assert held(anchor, due(700, PictureState.CONCEALED, 400, 0.5)) == 225
    assert held(anchor, due(3000, PictureState.HELD, 2700, 1.0)) == 150


def test_one_pose_holds_what_was_said_with_it_for_as_long_as_it_stands() -> None:
    anchor = VoiceAnchor()
    assert [held(anchor, due(ms, PictureState.VOICE, ms - 40, 1.0)) for ms in (80, 4000)] == [40, 40]


def test_another_keyframes_poses_say_nothing_of_these() -> None:
    anchor = VoiceAnchor()
    held(anchor, due(0, PictureState.FRESH, keyframe_id=1))
    held(anchor, due(400, PictureState.FRESH, keyframe_id=2))
    assert held(anchor, due(3000, PictureState.HELD, 2600, 1.0, keyframe_id=2)) == 400


def test_without_any_pose_the_keyframe_holds_what_was_said_when_it_was_taken() -> None:
    assert held(VoiceAnchor(), due(2000, PictureState.VOICE, 0, 1.0), keyframe_ms=120) == 120


def test_a_keyframe_of_an_unknown_time_is_taken_to_hold_what_is_said_now() -> None:
    assert held(VoiceAnchor(), due(2000, PictureState.VOICE, 0, 1.0), keyframe_ms=None) == 2000


def test_while_motion_comes_back_the_voice_has_its_share_of_what_it_says_now() -> None:
    assert held(VoiceAnchor(), due(500, PictureState.BLENDED, 40, 0.5)) == 250


def test_the_past_is_asked_once_for_each_pose_and_never_for_one_that_was_shown() -> None:
    anchor, asked = VoiceAnchor(), []

    def listening(media_ms: int) -> np.ndarray:
        asked.append(media_ms)
        return said(media_ms)

    pictures = [due(400, PictureState.FRESH)]
    pictures += [due(400 + age, PictureState.CONCEALED, age, 0.1) for age in (40, 80, 120)]
    assert [float(anchor.held(p, 0, said(p.media_ms), listening)[0]) for p in pictures] == [400] * 4
    assert asked == []
    for age in (0, 40):
        anchor.held(due(720 + age, PictureState.CONCEALED, 40 + age, 0.1), 0, said(720 + age), listening)
    assert asked == [680], "a pose that no picture was shown of"
