"""The frozen values that cross every boundary of the codec: motion, voice, keyframes, outgoing messages.

Must not import anything of this project but `shared.limits`. Invariant: instances are immutable; arrays are read-only.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum

import numpy as np
from numpy.typing import NDArray


class Channel(Enum):
    """The two data channels of a call (WebRTC, RFC 8831)."""

    RT = "rt"
    """Unordered, no retransmits: bundles, acknowledgements, keyframe parts (repaired by request)."""
    CTL = "ctl"
    """Ordered and reliable: control messages."""


class Rung(IntEnum):
    """Rungs of the rate ladder, low to high."""

    VOICE = 0
    MOTION = 1
    THUMBNAIL = 2
    VIDEO = 3


class VideoKind(IntEnum):
    """The two coded pictures that may travel beside motion, or instead of it."""

    THUMBNAIL = 0
    """64 to 128 px, inside the bundles: corrects what motion cannot say."""
    VIDEO = 1
    """Ordinary video, cut into parts of its own."""


class KeyframeFormat(IntEnum):
    """Picture formats that a keyframe may carry."""

    AV1 = 1
    """One AV1 temporal unit: sequence header OBU + one intra frame (AV1 specification, section 5)."""


@dataclass(frozen=True, slots=True)
class MotionFrame:
    """One frame's quantised motion code.

    media_ms: capture time on the sender's media clock (ms since the call's media start, 0..2**32-1).
    keyframe_id: the keyframe that the motion is relative to (0..255).
    symbols: int16 (SYMBOLS,), see `shared.coding.motion_layout`.
    """

    media_ms: int
    keyframe_id: int
    symbols: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class VoicePacket:
    """One Opus packet. media_ms: time of its first sample on the media clock; duration_ms: 20, 40, 60, 80, 100 or 120."""

    media_ms: int
    duration_ms: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Keyframe:
    """One reference picture with what the receiver needs to move it.

    keyframe_id: 0..255, wraps. media_ms: capture time. image: the coded picture (format says which codec).
    shape: int16 (SHAPE_SYMBOLS,), the reference's face mesh. anchors: int16 (ANCHOR_SYMBOLS,), keypoints and codes of the
    reference itself. mask: uint8 (32, 32), 1 where the person is.
    """

    keyframe_id: int
    media_ms: int
    format: KeyframeFormat
    width_px: int
    height_px: int
    image: bytes
    shape: NDArray[np.int16]
    anchors: NDArray[np.int16]
    mask: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class VideoUnit:
    """One coded picture: one AV1 temporal unit without its temporal delimiter.

    unit_id: 0..255, wraps, one more for each coded picture of its kind. media_ms: capture time on the sender's media
    clock. intra: decodable on its own (sequence header and key frame). side_px: the square picture's side,
    VIDEO_MIN_SIDE_PX..VIDEO_MAX_SIDE_PX. data: 1..VIDEO_UNIT_MAX_BYTES bytes.
    """

    kind: VideoKind
    unit_id: int
    media_ms: int
    intra: bool
    side_px: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message that a state machine wants sent. Never larger than MESSAGE_MAX_BYTES."""

    channel: Channel
    data: bytes
