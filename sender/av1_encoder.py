"""What every AV1 encoder of the sender has in common: opening SVT-AV1, and pictures in the colours that it announces.

Must import PyAV, numpy and `shared` only. Invariant: pictures are full-range BT.601 and the header says so, for keyframes
and video alike, so that a receiver shows both in the same colours.
"""

import os
from collections.abc import Mapping
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from numpy.typing import NDArray

from shared.errors import UserError
from shared.thread_priority import ordinary_priority


def open_av1_encoder(
    width_px: int,
    height_px: int,
    fps: Fraction,
    options: Mapping[str, str],
    target_kbps: float | None = None,
    intra_every: int | None = None,
) -> av.VideoCodecContext:
    """An open encoder. target_kbps None: the options say how good; intra_every None: the encoder's own. Raises UserError."""
    # SVT-AV1 writes a banner for every encoder to stderr and offers only this variable against it.
    os.environ.setdefault("SVT_LOG", "1")
    try:
        codec = av.VideoCodecContext.create("libsvtav1", "w")
    except av.FFmpegError as error:
        raise UserError(
            "PyAV here has no AV1 encoder (libsvtav1): install av from its wheel on PyPI."
        ) from error
    codec.width, codec.height, codec.pix_fmt = width_px, height_px, "yuv420p"
    codec.framerate, codec.time_base = fps, 1 / fps
    if target_kbps is not None:
        codec.bit_rate = round(target_kbps * 1000)
    if intra_every is not None:
        codec.gop_size = intra_every
    codec.color_range, codec.colorspace = ColorRange.JPEG, Colorspace.ITU601
    codec.color_primaries, codec.color_trc = ColorPrimaries.BT709, ColorTrc.IEC61966_2_1
    codec.options = dict(options)
    with ordinary_priority():
        codec.open()
    return codec


def to_yuv(rgb: NDArray[np.uint8]) -> av.VideoFrame:
    """RGB uint8 (H, W, 3) as full-range BT.601 4:2:0."""
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24").reformat(
        format="yuv420p",
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.JPEG,
        dst_colorspace=Colorspace.ITU601,
        interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT,
        threads=1,
    )
