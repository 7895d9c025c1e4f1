"""What a `Decoder` reports about received bytes. Frozen values, no behaviour."""

from dataclasses import dataclass

from shared.control import ControlMessage
from shared.frames import Keyframe, MotionFrame, VideoUnit, VoicePacket
from shared.wire import Ack


@dataclass(frozen=True, slots=True)
class MotionReceived:
    """A motion frame, each media time once; its keyframe may still be on its way."""

    frame: MotionFrame


@dataclass(frozen=True, slots=True)
class VoiceReceived:
    """An Opus packet, each media time once."""

    packet: VoicePacket


@dataclass(frozen=True, slots=True)
class KeyframeReceived:
    """A complete keyframe with a good checksum; its picture bytes are not decoded yet."""

    keyframe: Keyframe


@dataclass(frozen=True, slots=True)
class VideoReceived:
    """A complete thumbnail or video picture, in the order in which they became complete, each once.

    Its bytes are not decoded yet. Units before it may be missing: see `shared.core.video_assembly`.
    """

    unit: VideoUnit


@dataclass(frozen=True, slots=True)
class ControlReceived:
    """A control message of a known kind."""

    message: ControlMessage


@dataclass(frozen=True, slots=True)
class AckReceived:
    """The peer's acknowledgement: hand it to the `Encoder` of the other direction."""

    ack: Ack


Event = MotionReceived | VoiceReceived | KeyframeReceived | VideoReceived | ControlReceived | AckReceived
