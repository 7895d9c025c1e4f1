"""Real AV1 units of a moving pattern: SVT-AV1, low delay, one intra picture first."""

from fractions import Fraction
from functools import cache

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from shared.av1_header import strip_temporal_delimiter
from shared.frames import VideoKind, VideoUnit
from shared.thread_priority import ordinary_priority

STEP_MS = 40
_SVT = "pred-struct=1:lookahead=0:rc=0:lp=1:enable-tf=0:scd=0:irefresh-type=2"


def scene(index: int, side_px: int = 128) -> NDArray[np.uint8]:
    """Picture number `index`, RGB uint8 (side, side, 3)."""
    noise = np.random.default_rng(3).integers(0, 256, (side_px, side_px, 3)).astype(np.uint8)
    blobs = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 6), None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    return np.ascontiguousarray(np.roll(blobs, 3 * index, 1), dtype=np.uint8)


@cache
def coded(count: int, side_px: int = 128, intra_every: int = 1000) -> tuple[bytes, ...]:
    """One temporal unit a picture, without delimiters."""
    codec = av.CodecContext.create("libsvtav1", "w")
    codec.width = codec.height = side_px
    codec.pix_fmt, codec.time_base, codec.framerate = "yuv420p", Fraction(1, 25), Fraction(25)
    codec.gop_size = intra_every
    codec.options = {"preset": "10", "crf": "35", "svtav1-params": _SVT}
    with ordinary_priority():
        codec.open()
    packets = []
    for index in range(count):
        frame = av.VideoFrame.from_ndarray(scene(index, side_px), format="rgb24").reformat(format="yuv420p")
        frame.pts = index
        packets += codec.encode(frame)
    packets += codec.encode(None)
    return tuple(strip_temporal_delimiter(bytes(packet)) for packet in packets)


def units(
    count: int,
    kind: VideoKind = VideoKind.VIDEO,
    side_px: int = 128,
    start_ms: int = 0,
    intra_every: int = 1000,
) -> list[VideoUnit]:
    """Units of consecutive pictures, numbered from 250 so that the number wraps."""
    return [
        VideoUnit(
            kind,
            (250 + index) % 256,
            start_ms + index * STEP_MS,
            index % intra_every == 0,
            side_px,
            data,
        )
        for index, data in enumerate(coded(count, side_px, intra_every))
    ]
