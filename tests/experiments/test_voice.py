"""experiments.measures.voice at both ends, and where it cannot be measured."""

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.demo.recording import read_voice
from experiments.measures.voice import compare_voice
from experiments.sample import SAMPLE_PATH


@pytest.fixture(scope="module")
def voice() -> tuple[NDArray[np.int16], int]:
    pcm, rate_hz = read_voice(SAMPLE_PATH)
    return pcm[rate_hz // 2 : rate_hz * 4], rate_hz


def test_the_same_voice_is_perfect(voice: tuple[NDArray[np.int16], int]) -> None:
    pytest.importorskip("pystoi")
    quality = compare_voice(voice[0], voice[0], voice[1])
    assert quality.stoi == pytest.approx(1, abs=1e-3)
    assert quality.pesq is None or quality.pesq > 4.5


def test_noise_is_not_that_voice(voice: tuple[NDArray[np.int16], int]) -> None:
    pytest.importorskip("pystoi")
    noise = np.random.default_rng(5).normal(0, 3000, len(voice[0])).astype(np.int16)
    quality = compare_voice(voice[0], noise, voice[1])
    assert quality.stoi is not None and quality.stoi < 0.35
    assert quality.pesq is None or quality.pesq < 1.5


def test_a_known_delay_is_taken_out(voice: tuple[NDArray[np.int16], int]) -> None:
    pytest.importorskip("pystoi")
    late = np.concatenate([np.zeros(800, np.int16), voice[0]])
    quality = compare_voice(voice[0], late, voice[1], delay_samples=800)
    assert quality.stoi == pytest.approx(1, abs=1e-3)


def test_a_voice_that_is_too_short_is_said_to_be(voice: tuple[NDArray[np.int16], int]) -> None:
    quality = compare_voice(voice[0][:1000], voice[0][:1000], voice[1])
    assert (quality.pesq, quality.stoi) == (None, None)
    assert "shorter" in quality.notes[0]


def test_silence_is_not_measured_but_does_not_raise(voice: tuple[NDArray[np.int16], int]) -> None:
    quality = compare_voice(voice[0], np.zeros_like(voice[0]), voice[1])
    assert quality.pesq is None or quality.pesq < 2
