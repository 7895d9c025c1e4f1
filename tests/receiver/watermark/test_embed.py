"""receiver.watermark.embed."""

from pathlib import Path

import numpy as np
import pytest

from receiver.watermark.codes import Code
from receiver.watermark.embed import embed
from tests.receiver.watermark.attacks import Picture, pictures_of


def psnr_db(one: Picture, other: Picture) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


@pytest.mark.parametrize("code", list(Code))
def test_it_cannot_be_seen(repository: Path, code: Code) -> None:
    for picture in pictures_of(repository / "experiments/sample/sample.mp4", 3, step=50):
        assert psnr_db(picture, embed(picture, code)) >= 43.0


def test_no_picture_whatever_is_changed_by_more_than_40_db() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (256, 256, 3), np.uint8)
    stripes = np.repeat(np.arange(256) // 3 % 2 * 128 + 64, 256 * 3).reshape(256, 256, 3).astype(np.uint8)
    for picture in (noise, stripes, np.full((256, 256, 3), 128, np.uint8)):
        assert psnr_db(picture, embed(picture, Code.RECONSTRUCTED)) >= 40.0


def test_black_stays_black_enough_and_white_does_not_wrap_around() -> None:
    for level in (0, 255):
        picture = np.full((256, 256, 3), level, np.uint8)
        assert np.abs(embed(picture, Code.VIDEO).astype(int) - picture).max() <= 8


def test_the_picture_that_was_handed_in_is_not_touched() -> None:
    picture = np.full((256, 256, 3), 90, np.uint8)
    embed(picture, Code.VIDEO)
    assert (picture == 90).all()


@pytest.mark.parametrize("shape", [(64, 64), (512, 512), (240, 200)])
def test_pictures_of_any_size_are_marked(shape: tuple[int, int]) -> None:
    picture = np.full((*shape, 3), 90, np.uint8)
    assert (embed(picture, Code.VIDEO) != picture).mean() > 0.1
