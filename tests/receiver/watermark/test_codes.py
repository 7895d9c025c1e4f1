"""receiver.watermark.codes."""

import hashlib

import numpy as np
import pytest

from receiver.watermark.codes import BAND_HIGH, BAND_LOW, TILE_PX, Code, band, phases, tile


def test_the_patterns_never_change() -> None:
    """Films that carry them are about: a change makes them unreadable."""
    turns = [np.rint(np.angle(phases(code)[band()]) / (2 * np.pi) * 65536) % 65536 for code in Code]
    digest = hashlib.sha256(np.stack(turns).astype("<u2").tobytes())
    assert digest.hexdigest()[:16] == "e5b3ef4963a5a34f"


def test_a_tile_has_its_energy_in_the_band_alone_and_mean_square_one() -> None:
    spectrum = np.abs(np.fft.fft2(tile(Code.RECONSTRUCTED)))
    frequency = np.fft.fftfreq(TILE_PX, 1 / TILE_PX)
    radius = np.hypot(frequency[:, None], frequency[None])
    inside = (radius >= BAND_LOW) & (radius <= BAND_HIGH)
    assert spectrum[inside].min() > 0.9 * spectrum[inside].max()
    assert spectrum[~inside].max() < 1e-3 * spectrum[inside].min()
    assert np.mean(tile(Code.RECONSTRUCTED) ** 2) == pytest.approx(1.0)
    assert inside.sum() == 2 * band().sum(), "one half of the spectrum is the other's mirror image"


def test_the_codes_share_no_phases() -> None:
    one, other = (phases(code)[band()] for code in Code)
    assert abs(np.mean(one * np.conj(other))) < 4 / np.sqrt(band().sum())
