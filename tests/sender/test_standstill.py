"""sender.standstill, and what its users do when an encoder stands still."""

from threading import Event
from typing import Any

import numpy as np
import pytest

from sender import keyframe_image, video_encoder
from sender.keyframe_image import encode_keyframe_image
from sender.picture_rungs import PictureOrder, PictureRungs
from sender.standstill import StoodStill, within
from shared.errors import UserError
from shared.frames import VideoKind

PICTURE = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)


@pytest.fixture
def for_ever() -> Any:
    """Waits until the test is over."""
    event = Event()
    yield event.wait
    event.set()


def test_results_and_errors_come_through() -> None:
    assert within(lambda: 7, 5) == 7
    with pytest.raises(ValueError, match="mine"):
        within(lambda: int("mine"), 5)


def test_the_caller_goes_on_after_the_limit(for_ever: Any) -> None:
    with pytest.raises(StoodStill):
        within(for_ever, 0.05)


def test_a_call_loses_one_picture_to_an_encoder_that_stands_still_and_begins_anew(
    for_ever: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rungs, order = PictureRungs(), PictureOrder(VideoKind.THUMBNAIL, 5.0, intra=False)
    assert rungs.code(order, PICTURE, 0) is not None
    monkeypatch.setattr(video_encoder, "STANDSTILL_S", 0.05)
    monkeypatch.setattr(
        rungs._encoder, "_codec", type("Codec", (), {"encode": lambda self, frame: for_ever()})()
    )
    assert rungs.code(order, PICTURE, 80) is None
    monkeypatch.undo()
    again = rungs.code(order, PICTURE, 160)
    assert again is not None and again.intra
    rungs.close()


def test_a_keyframe_is_begun_anew_once_and_then_given_up_in_words(
    for_ever: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyframe_image, "STANDSTILL_S", 0.05)
    tries = []

    def opened(*_: Any) -> Any:
        tries.append(1)
        return type("Codec", (), {"encode": lambda self, frame: for_ever()})()

    monkeypatch.setattr(keyframe_image, "open_av1_encoder", opened)
    with pytest.raises(UserError, match="stood still"):
        encode_keyframe_image(PICTURE)
    assert len(tries) == keyframe_image.STANDSTILL_TRIES
