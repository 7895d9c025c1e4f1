"""receiver.disclosure."""

import numpy as np
import pytest

from receiver.disclosure import MARK_TEXT, VIDEO_TEXT, label, mark, mark_corner, waiting_picture
from receiver.watermark.codes import Code
from receiver.watermark.detect import Detector
from receiver.watermark.embed import embed


@pytest.mark.parametrize("level", [0, 64, 128, 255])
def test_the_mark_stands_out_on_dark_and_bright_pictures(level: int) -> None:
    picture = np.full((256, 256, 3), level, np.uint8)
    marked = mark(picture)
    top, left = mark_corner(256)
    region = marked[top:, left : left + 100].astype(int)
    assert region.max() - region.min() > 120, "ink and plate differ"
    assert (picture == level).all(), "the picture that was handed in is not touched"


def test_the_mark_is_the_same_in_every_picture_and_leaves_the_rest_to_the_watermark() -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (256, 256, 3), np.uint8) for _ in range(2)]
    touched = [(mark(p) != embed(p, Code.RECONSTRUCTED)).any(axis=2) for p in pictures]
    top, left = mark_corner(256)
    for changed in touched:
        assert changed[top:252, left : left + 100].mean() > 0.9
        assert not changed[:top].any() and changed.mean() < 0.04, "small: under 4 % of the picture"
    ink = [mark(picture).min(axis=2) > 240 for picture in pictures]
    assert (ink[0] & ink[1])[top:, left:].sum() > 150


def test_the_waiting_card_is_neutral_readable_and_marked_like_a_picture() -> None:
    card = waiting_picture(256)
    assert card.shape == (256, 256, 3) and not card.flags.writeable
    assert (card == card[0, 0]).all(axis=2).mean() > 0.9
    assert card[100:160].max() - card[100:160].min() > 100
    assert (mark(card) != card).any()


def test_other_sizes_are_marked_too() -> None:
    for side in (64, 128, 512):
        assert mark(np.zeros((side, side, 3), np.uint8)).max() > 200


def test_what_is_sent_as_video_and_what_is_frozen_says_so() -> None:
    assert label(True, False) == MARK_TEXT and label(False, False) == VIDEO_TEXT
    picture = np.full((256, 256, 3), 90, np.uint8)
    texts = [label(made, frozen) for made in (True, False) for frozen in (False, True)]
    pictures = [mark(picture, text) for text in texts]
    assert len({one.tobytes() for one in pictures}) == 4
    ink = [one.min(axis=2) > 240 for one in pictures]
    top, left = mark_corner(256)
    word = np.s_[top:, left : left + 80]
    assert np.array_equal(ink[0][word], ink[1][word]), "the word stays where it was"


@pytest.mark.parametrize("reconstructed", [True, False])
def test_machines_read_what_people_read(reconstructed: bool) -> None:
    detector = Detector()
    detector.add(mark(waiting_picture(256), label(reconstructed, frozen=True)))
    assert detector.decide().code is (Code.RECONSTRUCTED if reconstructed else Code.VIDEO)
    assert detector.decide().found
