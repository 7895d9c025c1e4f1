"""What happens to films on their way: compression, crops and other sizes; and pictures to try them on."""

import io
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def pictures_of(path: Path, count: int, step: int = 1) -> list[Picture]:
    """Every step-th picture of a clip, 256x256."""
    with av.open(str(path)) as file:
        frames = islice(file.decode(video=0), 0, count * step, step)
        return [resize(frame.to_ndarray(format="rgb24"), 256) for frame in frames]


def h264(pictures: Sequence[Picture], kbps: int) -> tuple[list[Picture], float]:
    """The pictures as libx264 gives them back at 25 fps, and the kbit/s that it really used."""
    film = io.BytesIO()
    with av.open(film, "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=25, options={"threads": "1", "preset": "veryfast"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", kbps * 1000
        for picture in pictures:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        file.mux(stream.encode(None))
    size_bits = len(film.getvalue()) * 8
    film.seek(0)
    with av.open(film) as file:
        decoded = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    return decoded, size_bits / (len(pictures) / 25) / 1000


def crop(picture: Picture) -> Picture:
    """10 % less of each side, off the middle: 230x230 of 256x256."""
    return picture[10:240, 17:247]


def resize(picture: Picture, side_px: int) -> Picture:
    if picture.shape[:2] == (side_px, side_px):
        return picture
    return cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
