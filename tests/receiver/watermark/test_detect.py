"""receiver.watermark.detect: what it must find, and how often it finds what is not there."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from receiver.watermark.codes import Code, band, phases, to_tile
from receiver.watermark.detect import FALSE_ALARM_MAX, PLACES, Detection, Detector, false_alarm
from receiver.watermark.embed import embed
from tests.receiver.watermark.attacks import Picture, crop, h264, pictures_of, resize


def detect(pictures: Iterable[Picture]) -> Detection:
    detector = Detector()
    for picture in pictures:
        detector.add(picture)
    return detector.decide()


@pytest.fixture(scope="module")
def plain(repository: Path) -> list[Picture]:
    return pictures_of(repository / "experiments/sample/sample.mp4", 12, step=2)


@pytest.fixture(scope="module")
def marked(plain: list[Picture]) -> list[Picture]:
    return [embed(picture, Code.RECONSTRUCTED) for picture in plain]


@pytest.fixture(scope="module")
def compressed(marked: list[Picture]) -> list[Picture]:
    film, kbps = h264(marked * 2, 300)
    assert kbps < 330, "the attack is what it says"
    return film[:: len(film) // 6]


def test_it_finds_what_the_mark_says_and_how_much_of_the_picture_is_there(marked: list[Picture]) -> None:
    detection = detect(marked[:2])
    assert detection.found and detection.code is Code.RECONSTRUCTED and detection.pictures == 2
    assert detection.visible_px == (256, 256) and detection.false_alarm < 1e-60


def test_it_finds_the_mark_after_h264_at_300_kbps(compressed: list[Picture]) -> None:
    assert detect(compressed).found


def test_it_finds_the_mark_after_a_crop_of_10_percent(marked: list[Picture]) -> None:
    assert detect(crop(picture) for picture in marked[:2]).visible_px == (230, 230)


def test_it_finds_the_mark_after_h264_and_then_a_crop_and_another_size(compressed: list[Picture]) -> None:
    detection = detect(resize(crop(picture), 256) for picture in compressed)
    assert detection.found and detection.visible_px == (230, 230)


def test_it_finds_the_mark_after_a_crop_and_then_h264_at_300_kbps(marked: list[Picture]) -> None:
    film, kbps = h264([resize(crop(picture), 256) for picture in marked] * 2, 300)
    assert detect(film[::4]).found and kbps < 330


def test_it_finds_the_mark_after_a_crop_to_a_size_between_two_steps(marked: list[Picture]) -> None:
    detection = detect(resize(picture[9:242, 12:245], 256) for picture in marked[:2])
    assert detection.found and detection.visible_px in ((232, 232), (234, 234), (232, 234), (234, 232))


@pytest.mark.parametrize("side_px", [180, 720])
def test_it_finds_the_mark_at_another_size(marked: list[Picture], side_px: int) -> None:
    assert detect(resize(picture, side_px) for picture in marked[:2]).visible_px == (256, 256)


def test_it_finds_nothing_in_the_same_film_without_the_mark(plain: list[Picture]) -> None:
    detection = detect(plain)
    assert not detection.found and detection.false_alarm == 1.0


def test_it_finds_nothing_in_surfaces_noise_and_patterns() -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (256, 256, 3), np.uint8)
    grid = np.tile(np.kron([[0, 1], [1, 0]], np.ones((8, 8))), (16, 16))[..., None].repeat(3, 2) * 200
    for picture in (np.zeros_like(noise), noise, grid.astype(np.uint8), noise[:1, :1]):
        assert not detect([picture]).found


def test_the_false_alarm_probability_is_an_upper_bound() -> None:
    """Correlations of random phases, 2 million places: never more of them above x than exp(-x^2 / 2) allows."""
    rng = np.random.default_rng(2)
    deviation = 2 * np.sqrt(band().sum() / 2)
    spectra = np.where(band(), np.exp(2j * np.pi * rng.random((500, *band().shape))), 0).astype(np.complex64)
    statistics = to_tile(spectra * np.conj(phases(Code.RECONSTRUCTED))) / deviation
    for x in (1.0, 2.0, 3.0, 4.0):
        assert 0 < np.mean(statistics >= x) <= np.exp(-(x**2) / 2)


def test_found_begins_at_the_stated_false_alarm_rate() -> None:
    threshold = np.sqrt(2 * np.log(PLACES / FALSE_ALARM_MAX))
    assert false_alarm(threshold + 0.001) < FALSE_ALARM_MAX < false_alarm(threshold - 0.001)
    assert false_alarm(0.0) == false_alarm(-5.0) == 1.0


def test_it_must_have_seen_something() -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        Detector().decide()


def test_real_people_are_found_after_compression_and_crop_and_not_without_the_mark(
    validation_clips: list[Path],
) -> None:
    plain = pictures_of(validation_clips[0], 12)
    film, _ = h264([resize(crop(embed(picture, Code.RECONSTRUCTED)), 256) for picture in plain], 300)
    assert detect(film[::3]).found and not detect(plain[::3]).found
