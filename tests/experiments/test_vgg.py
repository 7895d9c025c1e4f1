"""experiments.measures.vgg: the calibration that the measure's definition lists, and bad weight files."""

import json
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from experiments.measures.vgg import Vgg, load_vgg
from shared.errors import UserError

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def vgg(vgg_weights: Path) -> Vgg:
    return Vgg(vgg_weights)


@pytest.fixture(scope="module")
def portrait() -> Picture:
    # The calibration's portrait: scikit-image's, cut to 256x256 at its own resolution.
    return np.ascontiguousarray(skimage.data.astronaut()[:256, 90:346])  # type: ignore[no-untyped-call]


def test_identical_pictures_are_nothing_apart(vgg: Vgg, portrait: Picture) -> None:
    assert vgg.distance(portrait, portrait) == 0


def test_calibration_values_on_a_portrait(vgg: Vgg, portrait: Picture) -> None:
    rng = np.random.default_rng(0)

    def noise(sigma: float) -> Picture:
        return (portrait + rng.normal(0, sigma, portrait.shape)).round().clip(0, 255).astype(np.uint8)

    def blur(sigma: float) -> Picture:
        return np.asarray(cv2.GaussianBlur(portrait, (0, 0), sigma), np.uint8)

    assert vgg.distance(portrait, noise(5)) == pytest.approx(0.20, abs=0.03)
    assert vgg.distance(portrait, blur(2)) == pytest.approx(0.75, abs=0.05)
    assert vgg.distance(portrait, np.roll(portrait, 3, axis=1)) == pytest.approx(0.80, abs=0.05)
    assert vgg.distance(portrait, blur(4)) == pytest.approx(1.25, abs=0.1)
    assert vgg.distance(portrait, noise(20)) == pytest.approx(1.27, abs=0.1)


def test_an_unrelated_picture_is_over_three_apart(vgg: Vgg, portrait: Picture) -> None:
    cat = cv2.resize(skimage.data.cat(), (256, 256))  # type: ignore[no-untyped-call]
    assert 3.0 < vgg.distance(portrait, cat.astype(np.uint8)) < 4.0


def test_pictures_of_different_sizes_are_refused(vgg: Vgg, portrait: Picture) -> None:
    with pytest.raises(ValueError, match="different sizes"):
        vgg.distance(portrait, portrait[:128])


def test_without_weights_there_is_no_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.measures.vgg.DEFAULT_WEIGHTS", tmp_path / "absent.safetensors")
    assert load_vgg() is None


def test_a_named_file_that_is_absent_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--vgg-weights"):
        load_vgg(tmp_path / "absent.safetensors")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 7,
        struct.pack("<Q", 1 << 40) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 4) + b"null",
    ],
)
def test_a_damaged_file_is_the_users_mistake(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="does not hold"):
        load_vgg(path)


def test_a_truncated_file_is_the_users_mistake(tmp_path: Path) -> None:
    header = {"conv1_1.weight": {"dtype": "F16", "shape": [64, 3, 3, 3], "data_offsets": [0, 3456]}}
    text = json.dumps(header).encode()
    path = tmp_path / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"\x00" * 100)
    with pytest.raises(UserError, match="does not hold"):
        load_vgg(path)
