"""Clips with something wrong, or just unusual, about them: made from the project's own sample."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tests.sender.media_files import tone_frames

Picture = NDArray[np.uint8]
SAMPLE = Path(__file__).resolve().parents[2] / "experiments" / "sample" / "sample.mp4"
STEP_MS = 40
_MS = Fraction(1, 1000)


@cache
def faces(count: int) -> tuple[Picture, ...]:
    """The first pictures of the sample, RGB uint8 (256, 256, 3)."""
    with av.open(str(SAMPLE)) as film:
        frames = film.decode(video=0)
        return tuple(np.asarray(next(frames).to_ndarray(format="rgb24"), np.uint8) for _ in range(count))


def nobody(side_px: int = 256) -> Picture:
    return np.full((side_px, side_px, 3), 120, np.uint8)


def left_and_returned(count: int, away: range) -> list[Picture]:
    return [nobody() if index in away else face for index, face in enumerate(faces(count))]


def side_by_side(count: int) -> list[Picture]:
    """The same person twice, the second one smaller and mirrored."""
    result = []
    for face in faces(count):
        canvas = np.full((256, 512, 3), 120, np.uint8)
        canvas[:, :256] = face
        canvas[48:224, 300:476] = cv2.resize(face, (176, 176), interpolation=cv2.INTER_AREA)[:, ::-1]
        result.append(canvas)
    return result


def write_clip(
    path: Path,
    pictures: Sequence[Picture],
    times_ms: Sequence[int],
    voice: bool = True,
    change: Callable[[Picture], Picture] = lambda picture: picture,
) -> Path:
    """A file with these pictures at these times and, if asked, a tone as long. change: done while writing."""
    height, width = change(pictures[0]).shape[:2]
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "20"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.time_base = _MS
        sound = container.add_stream("aac", rate=16_000, layout="mono") if voice else None
        for picture, time_ms in zip(pictures, times_ms, strict=True):
            frame = av.VideoFrame.from_ndarray(change(picture), format="rgb24")
            frame.pts, frame.time_base = time_ms, _MS
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if sound is not None:
            for tone in [*tone_frames(0, times_ms[-1] + STEP_MS), None]:
                container.mux(sound.encode(tone))
    return path


def steadily(count: int, fps: float = 25) -> list[int]:
    return [round(index * 1000 / fps) for index in range(count)]
