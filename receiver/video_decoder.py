"""Thumbnails and video of a peer: AV1 temporal units to RGB, one decoder for each kind.

    VideoUnit -> rate cap -> order (a gap: give up) -> header check -> dav1d -> size and time checked -> DecodedPicture

Must not import asyncio; runs in a thread of `receiver.render_worker`. Invariant: no decoder sees a unit whose header was not
read first, nor one whose predecessor it did not decode, so a picture that comes out is never broken; whatever the bytes
are, the outcome is pictures or a RemoteError, after bounded work.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import av
import numpy as np
from numpy.typing import NDArray

from receiver.clock import monotonic_us
from receiver.unit_order import UnitOrder
from shared.av1_header import Chroma, SequenceHeader, check_inter_frame, parse_sequence_header
from shared.core.token_bucket import TokenBucket
from shared.errors import LimitExceeded, MalformedMessage, UnknownReference
from shared.frames import VideoUnit
from shared.keyframe_image import frame_to_rgb
from shared.limits import (
    VIDEO_DECODE_MAX_MS,
    VIDEO_MAX_SIDE_PX,
    VIDEO_RATE_BURST,
    VIDEO_RATE_PER_S,
    VIDEO_UNIT_MAX_BYTES,
)

if TYPE_CHECKING:
    from av import VideoCodecContext, VideoFrame

_DECODER: Final = "libdav1d"


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """RGB uint8 (side, side, 3), read-only, as captured at media_ms."""

    media_ms: int
    picture: NDArray[np.uint8]


class VideoDecoder:
    """One kind of one call."""

    def __init__(self, now_us: Callable[[], int] = monotonic_us) -> None:
        self._now_us = now_us
        self._order = UnitOrder()
        self._rate = TokenBucket(VIDEO_RATE_PER_S, VIDEO_RATE_BURST)
        self._codec: VideoCodecContext | None = None
        self._header: SequenceHeader | None = None

    def decode(self, unit: VideoUnit) -> list[DecodedPicture]:
        """The pictures that this unit makes possible, in order.

        Raises UnknownReference when a unit before it is missing for good, MalformedMessage for bytes that are no picture of
        the claimed size, and LimitExceeded past the rate or the time for one picture. After each of them nothing comes
        until a unit that stands alone does.
        """
        try:
            if not self._rate.take(self._now_us()):
                raise LimitExceeded(f"more than {VIDEO_RATE_PER_S:g} coded pictures a second")
            pictures = [self._picture(ready) for ready in self._order.take(unit)]
        except Exception:
            self._order.give_up()
            self._codec = None
            raise
        if self._order.broken:
            self._codec = None
            raise UnknownReference("a coded picture before this one is missing")
        return pictures

    def _picture(self, unit: VideoUnit) -> DecodedPicture:
        start_us = self._now_us()
        self._check(unit)
        frame = self._frame(unit)
        if (frame.width, frame.height) != (unit.side_px, unit.side_px) or self._header is None:
            raise MalformedMessage("coded picture decodes to another size than it claims")
        picture = frame_to_rgb(frame, self._header)
        if self._now_us() - start_us > VIDEO_DECODE_MAX_MS * 1000:
            raise LimitExceeded(f"a coded picture took more than {VIDEO_DECODE_MAX_MS} ms")
        picture.setflags(write=False)
        return DecodedPicture(unit.media_ms, picture)

    def _check(self, unit: VideoUnit) -> None:
        """Before any decoder sees the bytes."""
        if len(unit.data) > VIDEO_UNIT_MAX_BYTES or unit.side_px > VIDEO_MAX_SIDE_PX:
            raise MalformedMessage("coded picture is too large")
        if not unit.intra:
            check_inter_frame(unit.data)
            return
        header = parse_sequence_header(unit.data)
        if (header.width_px, header.height_px) != (unit.side_px, unit.side_px):
            raise MalformedMessage(f"coded picture claims {unit.side_px} px, its header another size")
        if header.bit_depth != 8 or header.chroma is not Chroma.YUV420:
            raise MalformedMessage("coded picture must be 8-bit 4:2:0")
        self._header, self._codec = header, _open_codec()

    def _frame(self, unit: VideoUnit) -> "VideoFrame":
        if self._codec is None:
            raise UnknownReference("coded picture without the one it starts from")
        try:
            frames = self._codec.decode(av.Packet(unit.data))
        except (av.FFmpegError, ValueError) as error:
            raise MalformedMessage(f"coded picture cannot be decoded: {type(error).__name__}") from error
        if len(frames) != 1:
            raise MalformedMessage(f"coded picture decodes to {len(frames)} pictures instead of one")
        return frames[0]


def _open_codec() -> "VideoCodecContext":
    codec = cast("VideoCodecContext", av.CodecContext.create(_DECODER, "r"))
    codec.thread_count = 1  # pictures are small, and more threads would add a picture of delay each
    return codec
