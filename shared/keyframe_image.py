"""Decodes a keyframe's picture: AV1 bytes of a peer to RGB.

Both ends use it: the receiver shows the picture, the sender must see what the receiver sees. PyAV is imported at the
first use, so that `shared` stays light; otherwise numpy and `shared` only. Invariant: no decoder sees bytes whose own
header was not read first; the outcome is one picture of the claimed size or MalformedMessage, whatever the bytes are.
"""

from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from shared.av1_header import Chroma, SequenceHeader, parse_sequence_header
from shared.errors import MalformedMessage, UserError
from shared.limits import KEYFRAME_MAX_BYTES, KEYFRAME_MAX_SIDE_PX

if TYPE_CHECKING:
    from av import VideoCodecContext, VideoFrame

_BT709_MATRIX = 1


def decode_keyframe_image(data: bytes, width_px: int, height_px: int) -> NDArray[np.uint8]:
    """RGB uint8 (height_px, width_px, 3) of one AV1 temporal unit.

    width_px, height_px: what the keyframe's message claims, 1..KEYFRAME_MAX_SIDE_PX. Raises MalformedMessage if claim,
    sequence header and decoded picture do not agree, for more than 8-bit 4:2:0, and for what the decoder refuses.
    """
    if len(data) > KEYFRAME_MAX_BYTES:
        raise MalformedMessage(f"keyframe picture of {len(data)} bytes; at most {KEYFRAME_MAX_BYTES}")
    if not (0 < width_px <= KEYFRAME_MAX_SIDE_PX and 0 < height_px <= KEYFRAME_MAX_SIDE_PX):
        raise MalformedMessage(f"keyframe claims {width_px}x{height_px} px; at most {KEYFRAME_MAX_SIDE_PX}")
    header = parse_sequence_header(data)
    if (header.width_px, header.height_px) != (width_px, height_px):
        raise MalformedMessage(
            f"keyframe claims {width_px}x{height_px} px, its picture {header.width_px}x{header.height_px}"
        )
    if header.bit_depth != 8 or header.chroma is not Chroma.YUV420:
        raise MalformedMessage("keyframe picture must be 8-bit 4:2:0")
    frame = _decode_one(data)
    if (frame.width, frame.height) != (width_px, height_px):
        raise MalformedMessage("keyframe picture decodes to another size than it claims")
    return frame_to_rgb(frame, header)


def _decode_one(data: bytes) -> "VideoFrame":
    try:
        import av
    except ImportError as error:
        raise UserError("Keyframes need the package av (PyAV): install facewire with its extras.") from error
    try:
        # One thread: pictures are small, and the other core belongs to the peer's process or to the renderer.
        decoder = cast("VideoCodecContext", av.CodecContext.create("libdav1d", "r"))
        decoder.thread_count = 1
        frames = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    except (av.FFmpegError, ValueError) as error:
        raise MalformedMessage(f"keyframe picture cannot be decoded: {type(error).__name__}") from error
    if len(frames) != 1:
        raise MalformedMessage(f"keyframe decodes to {len(frames)} pictures instead of one")
    return frames[0]


def frame_to_rgb(frame: "VideoFrame", header: SequenceHeader) -> NDArray[np.uint8]:
    """RGB uint8 (height, width, 3) of a decoded 4:2:0 frame.

    BT.709 where the header says so, BT.601 otherwise (what encoders mean when they say nothing).
    """
    from av.video.reformatter import ColorRange, Colorspace, Interpolation

    rgb = frame.reformat(
        format="rgb24",
        src_colorspace=Colorspace.ITU709 if header.matrix == _BT709_MATRIX else Colorspace.ITU601,
        src_color_range=ColorRange.JPEG if header.full_range else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT,
        threads=1,
    )
    return rgb.to_ndarray()  # type: ignore[return-value]  # typed as any dtype; rgb24 is uint8
