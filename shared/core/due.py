"""What the playout hands to a renderer and to a voice decoder. Frozen values, and what follows from them."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from shared.coding.motion_layout import MotionValues
from shared.frames import VoicePacket


class PictureState(Enum):
    """How a due picture came to be."""

    FRESH = "fresh"
    """A pose of exactly this media time was received."""
    INTERPOLATED = "interpolated"
    """Between two received poses."""
    BLENDED = "blended"
    """Received, with the rest of a guess that was shown before fading out."""
    CONCEALED = "concealed"
    """Motion is missing: the head goes on ever more slowly, the mouth follows the voice."""
    VOICE = "voice"
    """No motion by design (the voice rung): the head is still, the mouth follows the voice."""
    VIDEO = "video"
    """The picture itself was sent; nothing is reconstructed."""
    HELD = "held"
    """Motion is missing for longer than is made up: the head is frozen."""
    WAITING = "waiting"
    """No keyframe yet: nothing to show."""


RECEIVED: Final = (PictureState.FRESH, PictureState.INTERPOLATED, PictureState.BLENDED)
"""States of pictures for whose very time there is motion."""


@dataclass(frozen=True, slots=True)
class PictureDue:
    """A picture to show at local time due_us, at media_ms on the media clock.

    keyframe_id, values: which reference and how to move it; both None while WAITING. pose_age_ms: media_ms minus the
    time of the newest received pose that values rest on (0 when FRESH). voice_share: how much of the mouth's motion, 0..1,
    has to come from the voice, because values no longer hold it.
    """

    media_ms: int
    due_us: int
    state: PictureState
    keyframe_id: int | None = None
    values: MotionValues | None = None
    pose_age_ms: int = 0
    voice_share: float = 0.0

    @property
    def pose_ms(self) -> int | None:
        """Media time of the newest received pose that values rest on, None: there was none for this keyframe."""
        without = self.values is None or (self.state not in RECEIVED and self.pose_age_ms == 0)
        return None if without else self.media_ms - self.pose_age_ms


@dataclass(frozen=True, slots=True)
class VoiceDue:
    """Voice to play from local time due_us for duration_ms. Each follows the one before without a gap in local time.

    packet: what to decode, None: conceal (PLC). stretch: concealment that lets no media time pass, because the
    playout delay grows; a recording on the media clock leaves it out.
    """

    media_ms: int
    due_us: int
    duration_ms: int
    packet: VoicePacket | None
    stretch: bool = False
