"""Encodes of one clip by one rival, each made once, and the pictures that they show.

    frames --Shape--> small pictures --Codec, quality--> Stream --decode, enlarge, hold--> pictures

Must import PyAV, numpy, OpenCV and this package. Invariant: a stream's rate is what its bytes weigh, intra picture, start codes
and parameter sets included.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from typing import Final, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from experiments.rates import ffmpeg
from experiments.rates.codecs import Codec, Shape
from experiments.rivals.av1 import ENCODE_PICTURE_S, ENCODE_START_S, ENCODE_TRIES
from sender.standstill import StoodStill, within
from shared.errors import UserError
from shared.thread_priority import ordinary_priority

FPS: Final = 25
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Stream:
    """One encode, not decoded. kbps: of its bytes over the clip. packets: one for each picture, or all in one."""

    shape: Shape
    quality: float
    kbps: float
    packets: tuple[bytes, ...]


class Encodings:
    """All encodes of one clip by one codec. frames: RGB uint8 squares at 25 fps."""

    def __init__(self, codec: Codec, frames: Sequence[Picture]) -> None:
        # Printed by the encoder's library; the wish must be there before it is first opened.
        os.environ.setdefault("SVT_LOG", "1")
        self.codec, self._frames = codec, frames
        self._small: dict[Shape, list[Picture]] = {}
        self._streams: dict[tuple[Shape, float], Stream] = {}

    def at(self, shape: Shape, quality: float) -> Stream:
        """The encode of this shape and quality. UserError when the encoder fails."""
        key = shape, quality
        if key not in self._streams:
            packets = self._compress(shape, quality)
            kbps = sum(map(len, packets)) * 8 / 1000 / (len(self._frames) / FPS)
            self._streams[key] = Stream(shape, quality, kbps, packets)
        return self._streams[key]

    def shown(self, stream: Stream) -> list[Picture]:
        """What somebody would see: as many pictures and as large as the clip's."""
        side_px = self._frames[0].shape[0]
        pictures = [resized(picture, side_px) for picture in self._decompress(stream.packets)]
        if not pictures:
            raise UserError(f"{self.codec.encoder} made nothing that can be decoded.")
        return [pictures[min(i // stream.shape.step, len(pictures) - 1)] for i in range(len(self._frames))]

    def _pictures(self, shape: Shape) -> list[Picture]:
        if shape not in self._small:
            self._small[shape] = [resized(frame, shape.size_px) for frame in self._frames[:: shape.step]]
        return self._small[shape]

    def _compress(self, shape: Shape, quality: float) -> tuple[bytes, ...]:
        pictures, codec = self._pictures(shape), self.codec
        if codec.program == "ffmpeg":
            data = ffmpeg.planes(pictures)
            return (ffmpeg.encode(data, shape.size_px, shape.fps, codec.pixels, codec.encoder,
                                  codec.options(quality), codec.container),)  # fmt: skip
        if not codec.may_stand_still:
            return _encode(codec, shape, pictures, quality)
        return _patiently(lambda: _encode(codec, shape, pictures, quality), len(pictures))

    def _decompress(self, packets: Sequence[bytes]) -> list[Picture]:
        if self.codec.program == "ffmpeg":
            with av.open(BytesIO(packets[0]), "r", format=self.codec.container) as container:
                return [_rgb(frame) for frame in container.decode(video=0)]
        decoder = cast(av.VideoCodecContext, av.CodecContext.create(self.codec.decoder, "r"))
        decoder.thread_count = 1
        frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet))]
        return [_rgb(frame) for frame in (*frames, *decoder.decode(None))]


def resized(picture: Picture, size_px: int) -> Picture:
    """A square picture of another size: area mean when smaller, bicubic when larger."""
    if picture.shape[0] == size_px:
        return picture
    how = cv2.INTER_AREA if picture.shape[0] > size_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (size_px, size_px), interpolation=how), np.uint8)


def _rgb(frame: av.VideoFrame) -> Picture:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _patiently(make: Callable[[], tuple[bytes, ...]], pictures: int) -> tuple[bytes, ...]:
    """As `experiments.rivals.av1` does it: begun anew when the encoder stands still."""
    limit_s = ENCODE_START_S + ENCODE_PICTURE_S * pictures
    for _ in range(ENCODE_TRIES):
        with suppress(StoodStill):
            return within(make, limit_s)
    raise UserError(
        f"The encoder stood still {ENCODE_TRIES} times in {limit_s:.0f} s. Run it again, with fewer other programs."
    )


def _encode(codec: Codec, shape: Shape, pictures: Sequence[Picture], quality: float) -> tuple[bytes, ...]:
    """Packets in coding order, one intra picture at the start."""
    rate = Fraction(FPS, shape.step)
    encoder = cast(av.VideoCodecContext, av.CodecContext.create(codec.encoder, "w"))
    encoder.width = encoder.height = shape.size_px
    encoder.pix_fmt, encoder.thread_count = codec.pixels, 1
    encoder.framerate, encoder.time_base = rate, 1 / rate
    encoder.gop_size = len(pictures) + 1
    encoder.options = dict(codec.options(quality))
    with ordinary_priority():
        encoder.open()
    packets: list[bytes] = []
    for i, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=codec.pixels)
        frame.pts, frame.time_base = i, encoder.time_base
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return (*packets, *(bytes(packet) for packet in encoder.encode(None)))
