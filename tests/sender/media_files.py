"""Small video files for the tests of sources, made with PyAV."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

TIME_BASE = Fraction(1, 1000)


def numbered_picture(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """A grey whose brightness tells the number (0..49), flat, so that any codec keeps it."""
    return np.full((height, width, 3), 5 + 5 * number, np.uint8)


def number_of(picture: NDArray[np.uint8]) -> int:
    return round((float(picture.mean()) - 5) / 5)


def write_video(
    path: Path,
    times_ms: Sequence[int],
    size: tuple[int, int] = (64, 48),
    voice_ms: tuple[int, int] | None = None,
    rate: int = 25,
) -> Path:
    """Numbered pictures at the given times (number = index modulo 50) and, if asked, a tone from..to (ms)."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "12"})
        video.width, video.height = size
        video.pix_fmt = "yuv420p" if size[0] % 2 == 0 and size[1] % 2 == 0 else "yuv444p"
        video.codec_context.time_base = TIME_BASE
        audio = container.add_stream("aac", rate=16_000, layout="mono") if voice_ms else None
        sound = tone_frames(*voice_ms) if voice_ms else []
        for index, time_ms in enumerate(times_ms):
            while audio is not None and sound and sound[0].time <= time_ms / 1000:
                container.mux(audio.encode(sound.pop(0)))
            frame = av.VideoFrame.from_ndarray(numbered_picture(index % 50, *size), format="rgb24")
            frame.pts, frame.time_base = time_ms, TIME_BASE
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None:
            for rest in [*sound, None]:
                container.mux(audio.encode(rest))
    return path


def tone_frames(start_ms: int, end_ms: int) -> list[av.AudioFrame]:
    """440 Hz at half level, 16 kHz mono, in frames of 1024 samples."""
    times_s = np.arange((end_ms - start_ms) * 16) / 16_000
    pcm = np.asarray(16_000 * np.sin(2 * np.pi * 440 * times_s)).astype(np.int16)
    frames = []
    for start in range(0, len(pcm), 1024):
        frame = av.AudioFrame.from_ndarray(pcm[None, start : start + 1024], format="s16", layout="mono")
        frame.sample_rate = 16_000
        frame.pts, frame.time_base = start + start_ms * 16, Fraction(1, 16_000)
        frames.append(frame)
    return frames


def write_sound(path: Path, end_ms: int = 500) -> Path:
    """A file with sound only."""
    with av.open(str(path), "w") as container:
        audio = container.add_stream("aac", rate=16_000, layout="mono")
        for frame in tone_frames(0, end_ms):
            container.mux(audio.encode(frame))
        container.mux(audio.encode())
    return path
