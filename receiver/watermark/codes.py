"""The patterns of the invisible mark: one tile per thing it can say, given by its spectrum.

A tile of 64x64 pixels repeats over a picture of 256x256, so that a crop leaves whole tiles and the picture's size can be found
again from their distance (Kutter, "Watermarking resisting to translation, rotation, and scaling", SPIE 3528, 1998; Kalker,
Depovere, Haitsma, Maes, "A video watermarking system for broadcast monitoring", SPIE 3657, 1999). Its energy lies in a band
that video codecs keep, and the phases there are uniform and independent (spread spectrum in the Fourier domain: O'Ruanaidh,
Pun, Signal Processing 66, 1998). That is what makes the detector's false alarms countable, see `receiver.watermark.detect`.

Must import numpy only. Invariant: the patterns are the same on every machine and for ever: films that carry them are about.
"""

import hashlib
from enum import Enum
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

TILE_PX: Final = 64
REPEATS: Final = 4
"""Tiles across a picture and down it: 64 pixels each of a picture of 256."""
BAND_LOW: Final = 3.0
BAND_HIGH: Final = 16.0
"""Least and largest spatial frequency, cycles per tile: below is the picture's own light and shade, above is what H.264 at
300 kbit/s rubs out first."""
MAX_FREQUENCY: Final = 16


class Code(Enum):
    """What the mark says; the value seeds its pattern and is what the detector prints."""

    RECONSTRUCTED = "reconstructed"
    """The picture was made by a network."""
    VIDEO = "video"
    """The picture went through facewire as ordinary video."""


@cache
def band() -> NDArray[np.bool_]:
    """The independent frequencies in use, bool (33, 17): ky -16..16 down, kx 0..16 to the right.

    A real tile's spectrum is given by one half of it: of kx = 0 only positive ky are independent.
    """
    ky = np.arange(-MAX_FREQUENCY, MAX_FREQUENCY + 1)[:, None]
    kx = np.arange(MAX_FREQUENCY + 1)[None]
    radius = np.hypot(ky, kx)
    return (radius >= BAND_LOW) & (radius <= BAND_HIGH) & ((kx > 0) | (ky > 0))


@cache
def phases(code: Code) -> NDArray[np.complex64]:
    """The code's unit phases at the frequencies of `band`, complex64 (33, 17), 0 outside."""
    used = band()
    seed = f"facewire watermark 1: {code.value}".encode()
    numbers = np.frombuffer(hashlib.shake_256(seed).digest(2 * int(used.sum())), ">u2")
    spectrum = np.zeros(used.shape, np.complex64)
    spectrum[used] = np.exp(2j * np.pi * numbers / 65536)
    return spectrum


@cache
def tile(code: Code) -> NDArray[np.float32]:
    """The code's pattern, float32 (64, 64), mean 0 and mean square 1; read-only."""
    raw = to_tile(phases(code))
    pattern: NDArray[np.float32] = (raw / np.sqrt(np.mean(raw**2))).astype(np.float32)
    pattern.setflags(write=False)
    return pattern


def to_tile(spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
    """2 Re sum S(k) exp(2 pi i k x / 64): from spectra (..., 33, 17) to tiles float32 (..., 64, 64)."""
    full = np.zeros((*spectrum.shape[:-2], TILE_PX, TILE_PX // 2 + 1), np.complex64)
    rows = np.arange(-MAX_FREQUENCY, MAX_FREQUENCY + 1) % TILE_PX
    full[..., rows, : MAX_FREQUENCY + 1] = spectrum
    column = full[..., 0]  # kx = 0 stands for both halves, so its mirror image is written out
    full[..., 1:, 0] += np.conj(column[..., :0:-1])
    tiles: NDArray[np.float32] = np.fft.irfft2(full, s=(TILE_PX, TILE_PX), norm="forward").astype(np.float32)
    return tiles
