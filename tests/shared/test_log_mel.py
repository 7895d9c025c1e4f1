import numpy as np
import pytest

from shared.log_mel import FLOOR, HOP, MELS, OFFSET, RATE_HZ, SCALE, WINDOW, down_to_16k, log_mel

SECOND = np.random.default_rng(0).normal(0, 0.1, RATE_HZ).astype(np.float32)


def test_a_second_has_a_column_every_ten_milliseconds() -> None:
    columns = log_mel(SECOND)
    assert columns.shape == (1 + (RATE_HZ - WINDOW) // HOP, MELS)
    assert columns.dtype == np.float32


@pytest.mark.parametrize(
    ("length", "count"), [(0, 0), (WINDOW - 1, 0), (WINDOW, 1), (WINDOW + HOP - 1, 1), (WINDOW + HOP, 2)]
)
def test_a_column_needs_a_whole_window(length: int, count: int) -> None:
    assert len(log_mel(SECOND[:length])) == count


@pytest.mark.parametrize("columns", [1, 4, 32])
def test_columns_computed_in_pieces_equal_columns_computed_at_once(columns: int) -> None:
    whole = log_mel(SECOND)
    starts = range(0, len(whole) - columns + 1, columns)
    pieces = [log_mel(SECOND[start * HOP : (start + columns - 1) * HOP + WINDOW]) for start in starts]
    joined = np.concatenate(pieces)
    assert np.allclose(joined, whole[: len(joined)], atol=1e-6)


def test_silence_is_the_lowest_there_is() -> None:
    silence = log_mel(np.zeros(WINDOW, np.float32))
    assert np.allclose(silence, (np.log(FLOOR) + OFFSET) * SCALE)
    assert log_mel(SECOND).min() > silence.max()


@pytest.mark.parametrize("hertz", [200, 1000, 4000])
def test_a_tone_is_loudest_in_a_band_that_rises_with_its_pitch(hertz: int) -> None:
    tone = np.sin(2 * np.pi * hertz * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32) * 0.5
    loudest = log_mel(tone).argmax(axis=1)
    mel = 2595 * np.log10(1 + np.array([60, hertz, 7600]) / 700)
    expected = (mel[1] - mel[0]) / (mel[2] - mel[0]) * (MELS + 1) - 1
    assert np.abs(loudest - expected).max() <= 1


def test_speech_loudness_lies_about_minus_one_to_one() -> None:
    for level in (0.003, 0.03, 0.3):
        assert np.abs(log_mel(SECOND * level / 0.1)).max() < 2


def test_three_samples_of_48_khz_become_one() -> None:
    pcm = np.array([0, 3, 6, 32767, 32767, 32767, 5], np.int16)
    assert down_to_16k(pcm).tolist() == pytest.approx([3 / 32768, 32767 / 32768])
    assert len(down_to_16k(np.zeros(2, np.int16))) == 0
