"""Clips for the tests of rate experiments: the project's own sample in other shapes, and files that are wrong."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def write_clip(
    path: Path,
    pictures: Iterable[Picture],
    fps: int = 25,
    pcm: NDArray[np.int16] | None = None,
    codec: str = "libx264",
) -> Path:
    """A film of RGB pictures of one size, odd ones included, with a voice at 48 kHz if there is one."""
    with av.open(str(path), "w") as container:
        first, *rest = pictures
        video = container.add_stream(codec, rate=fps)
        video.height, video.width = first.shape[:2]
        video.pix_fmt = "yuv444p" if codec == "libx264" else "yuvj420p"
        video.options = {"preset": "ultrafast", "crf": "12"} if codec == "libx264" else {}
        audio = None if pcm is None else container.add_stream("aac", rate=48_000, layout="mono")
        for i, picture in enumerate((first, *rest)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None and pcm is not None:
            for start in range(0, len(pcm) - 1023, 1024):
                block = av.AudioFrame.from_ndarray(
                    pcm[None, start : start + 1024], format="s16", layout="mono"
                )
                block.sample_rate, block.pts, block.time_base = 48_000, start, Fraction(1, 48_000)
                container.mux(audio.encode(block))
            container.mux(audio.encode(None))
    return path


def placed(picture: Picture, size_px: tuple[int, int], at_px: tuple[int, int]) -> Picture:
    """The picture on a grey wall of (height, width), its corner at (y, x)."""
    wall = np.full((*size_px, 3), 90, np.uint8)
    y, x = at_px
    wall[y : y + picture.shape[0], x : x + picture.shape[1]] = picture[: size_px[0] - y, : size_px[1] - x]
    return wall
