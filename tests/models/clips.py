"""Clips for the tests of models: parts of the project's own sample, and clips that must be refused."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from experiments.sample import SAMPLE_PATH

FRAMES = 24
RATE_HZ = 16_000


def sample_frames(count: int) -> list[np.ndarray]:
    """The sample's first frames, RGB uint8 (256, 256, 3)."""
    with av.open(str(SAMPLE_PATH)) as container:
        frames = container.decode(video=0)
        return [next(frames).to_ndarray(format="rgb24") for _ in range(count)]


def part_of_sample(path: Path, count: int, *, sound: bool = True, rate: int = 25) -> Path:
    """The sample's first `count` frames, shown at `rate` a second, with its sound or with silence."""
    pcm = _pcm(count * RATE_HZ // rate)
    return write_clip(path, sample_frames(count), pcm if sound else np.zeros_like(pcm), rate)


def grey_clip(path: Path, count: int = 6) -> Path:
    """A clip without anybody."""
    return write_clip(path, [np.full((256, 256, 3), 128, np.uint8)] * count, None, 25)


def write_clip(path: Path, frames: list[np.ndarray], pcm: np.ndarray | None, rate: int) -> Path:
    """Frames, RGB uint8, and sound, int16 mono 16 kHz or None, as a file."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "10"})
        video.height, video.width = frames[0].shape[:2]
        audio = container.add_stream("aac", rate=RATE_HZ, layout="mono") if pcm is not None else None
        for frame in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(video.encode())
        if audio is not None and pcm is not None:
            for start in range(0, len(pcm), 1024):
                piece = av.AudioFrame.from_ndarray(
                    pcm[None, start : start + 1024], format="s16", layout="mono"
                )
                piece.sample_rate, piece.pts, piece.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
                container.mux(audio.encode(piece))
            container.mux(audio.encode())
    return path


def _pcm(count: int) -> np.ndarray:
    with av.open(str(SAMPLE_PATH)) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        pieces = [
            part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)
        ]
    return np.concatenate(pieces)[:count]
