"""Log-mel columns of the decoded voice: what the audio mouth branch hears, at both ends and in training alike.

Must import numpy only. 16 kHz mono, windows of 25 ms every 10 ms (Hann), 512-point FFT, 40 triangular mel bands from
60 to 7,600 Hz (mel scale of O'Shaughnessy 1987: 2595 log10(1 + f/700)), natural logarithm, shifted and scaled to about -1..1.
Invariant: columns computed in pieces equal columns computed at once.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
RATE_HZ: Final = 16_000
HOP: Final = 160
WINDOW: Final = 400
FFT: Final = 512
MELS: Final = 40
LOW_HZ: Final = 60.0
HIGH_HZ: Final = 7600.0
FLOOR: Final = 1e-6
"""Power added before the logarithm: silence is -13.8."""
OFFSET: Final = 7.0
SCALE: Final = 1 / 7.0
SILENCE: Final = float((np.log(FLOOR) + OFFSET) * SCALE)
"""What every band of a silent window holds; stands for sound that is not there (yet)."""


def log_mel(pcm: NDArray[np.float32]) -> Array:
    """Return (T, 40) columns of pcm, float32 -1..1 at 16 kHz; T = 1 + (len - 400) // 160, 0 for less than one window."""
    count = max(0, 1 + (len(pcm) - WINDOW) // HOP)
    if count == 0:
        return np.zeros((0, MELS), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(pcm, WINDOW)[::HOP][:count]
    power = np.abs(np.fft.rfft(windows * _hann(), FFT, axis=1)) ** 2
    return np.asarray((np.log(power @ _filters() + FLOOR) + OFFSET) * SCALE, np.float32)


def down_to_16k(pcm: NDArray[np.int16]) -> Array:
    """Return 48 kHz int16 as 16 kHz float32 -1..1 (mean of three samples: the voice was coded at 8 kHz bandwidth or less)."""
    whole = pcm[: len(pcm) // 3 * 3].astype(np.float32) / 32768
    return np.asarray(whole.reshape(-1, 3).mean(axis=1), np.float32)


@cache
def _hann() -> Array:
    return np.hanning(WINDOW + 1)[:-1].astype(np.float32)


@cache
def _filters() -> Array:
    """Return (257, 40) triangular filters."""
    edges = _hertz(np.linspace(_mel(LOW_HZ), _mel(HIGH_HZ), MELS + 2))
    frequencies = np.arange(FFT // 2 + 1) * RATE_HZ / FFT
    rising = (frequencies[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - frequencies[:, None]) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))
