"""Media for sinks, and what stands in a file."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE_HZ = 48_000


def flat(level: int) -> NDArray[np.uint8]:
    return np.full((256, 256, 3), level, np.uint8)


def beep(duration_ms: int, level: int = 20_000) -> NDArray[np.int16]:
    t = np.arange(duration_ms * 48) / RATE_HZ
    return (np.sin(2 * np.pi * 1000 * t) * level).astype(np.int16)


def quiet(duration_ms: int) -> NDArray[np.int16]:
    return np.zeros(duration_ms * 48, np.int16)


def pictures_of(path: Path) -> list[tuple[float, NDArray[np.uint8]]]:
    with av.open(str(path)) as file:
        return [
            (float(frame.pts * frame.time_base), frame.to_ndarray(format="rgb24"))
            for frame in file.decode(video=0)
        ]


def voice_of(path: Path) -> NDArray[np.float32]:
    """Samples in -1..1 from file time 0 on."""
    with av.open(str(path)) as file:
        frames = list(file.decode(audio=0))
    samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.float32)
    samples = samples / (32768 if frames[0].format.name.startswith("s16") else 1)
    return np.pad(samples, (round(float(frames[0].pts * frames[0].time_base) * RATE_HZ), 0))


def onset_s(samples: NDArray[np.float32]) -> float:
    return float(np.flatnonzero(np.abs(samples) > 0.2)[0]) / RATE_HZ
