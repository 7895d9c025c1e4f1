"""experiments.measures.picture: both ends of every measure, and agreement with other implementations."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.measures import picture as measures

Picture = NDArray[np.uint8]


def blur(picture: Picture, sigma: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


@pytest.fixture
def original(sample_pictures: list[Picture]) -> Picture:
    return sample_pictures[0]


@pytest.fixture
def unrelated() -> Picture:
    return np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)


def test_identical_pictures_reach_the_best_value_of_every_measure(original: Picture) -> None:
    assert measures.psnr_y_db(original, original) == measures.PSNR_CAP_DB
    assert measures.ssim_y(original, original) == pytest.approx(1)
    assert measures.ms_ssim(original, original) == pytest.approx(1)
    assert measures.sharp_ratio(original, original) == 1


def test_unrelated_pictures_are_near_the_worst_value(original: Picture, unrelated: Picture) -> None:
    assert measures.psnr_y_db(original, unrelated) < 12
    assert measures.ssim_y(original, unrelated) < 0.05
    assert measures.ms_ssim(original, unrelated) < 0.15
    assert measures.sharp_ratio(original, unrelated) > 5


def test_luma_weights_are_those_of_bt601() -> None:
    corners = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    assert measures.luma(corners)[0] == pytest.approx([76.245, 149.685, 29.07, 255])


def test_psnr_of_a_known_error() -> None:
    flat = np.full((32, 32, 3), 100, np.uint8)
    assert measures.psnr_y_db(flat, flat + np.uint8(5)) == pytest.approx(20 * np.log10(255 / 5))


@pytest.mark.parametrize("change", ["blur", "shift", "noise", "darker"])
def test_ssim_and_ms_ssim_agree_with_pytorch_msssim(original: Picture, change: str) -> None:
    torch = pytest.importorskip("torch")
    reference = pytest.importorskip("pytorch_msssim")
    rng = np.random.default_rng(2)
    changed: Picture = {
        "blur": blur(original, 2),
        "shift": np.roll(original, 3, axis=1),
        "noise": (original + rng.normal(0, 20, original.shape)).clip(0, 255).astype(np.uint8),
        "darker": (original * 0.6).astype(np.uint8),
    }[change]
    a, b = (torch.from_numpy(measures.luma(p))[None, None] for p in (original, changed))
    assert measures.ssim_y(original, changed) == pytest.approx(
        float(reference.ssim(a, b, data_range=255)), abs=1e-3
    )
    assert measures.ms_ssim(original, changed) == pytest.approx(
        float(reference.ms_ssim(a, b, data_range=255)), abs=1e-3
    )


def test_sharp_ratio_falls_with_blur_and_rises_with_noise(original: Picture) -> None:
    noise = np.random.default_rng(3).integers(-8, 9, original.shape)
    noisy = (original + noise).clip(0, 255).astype(np.uint8)
    assert measures.sharp_ratio(original, blur(original, 2)) < 0.1
    assert measures.sharp_ratio(original, noisy) > 1.1


def test_temporal_measures_of_stillness_and_of_the_same_motion(sample_pictures: list[Picture]) -> None:
    before, after = sample_pictures[60], sample_pictures[64]
    assert measures.temporal_change(before, before) == 0
    assert measures.temporal_error((before, after), (before, after)) == 0
    still = measures.temporal_error((before, after), (before, before))
    assert still == pytest.approx(measures.temporal_change(before, after))
    assert measures.ratio(0, 0) == 1


def test_ms_ssim_wants_176_px_and_refuses_175() -> None:
    fits = np.zeros((176, 176, 3), np.uint8)
    assert measures.ms_ssim(fits, fits) == pytest.approx(1)
    with pytest.raises(ValueError, match="176"):
        measures.ms_ssim(fits[:175], fits[:175])


def test_pictures_of_another_size_or_type_are_refused(original: Picture) -> None:
    with pytest.raises(ValueError, match="different sizes"):
        measures.psnr_y_db(original, original[:128])
    with pytest.raises(ValueError, match="uint8"):
        measures.luma(original.astype(np.float32))
