"""What every sink is: pictures and voice of one call go in on the media clock, something playable comes out.

Must not import codecs or windows. Invariant: writing never blocks the caller; a sink that can no longer write
says so once with `SinkFailed`, and closing it always leaves what it had in a readable state.
"""

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.core.due import PictureState
from shared.errors import UserError

__all__ = ["FRAME_MS", "SAMPLES_PER_MS", "SAMPLE_RATE_HZ", "PictureState", "Sink", "SinkFailed"]

FRAME_MS: Final = 40
"""One picture of a 25 fps call."""
SAMPLE_RATE_HZ: Final = 48_000
"""Voice is mono int16 at this rate everywhere in the receiver."""
SAMPLES_PER_MS: Final = SAMPLE_RATE_HZ // 1000


class SinkFailed(UserError):
    """This sink cannot go on (disk full, encoder gone, window closed); the call and its other sinks can."""


class Sink(Protocol):
    """One destination of one call."""

    name: str
    """Its spec, for messages and stats."""
    shows: bool
    """True: people see it, so its pictures carry the disclosure mark. False: it measures."""
    live: bool
    """True: it also wants the waiting picture from before there is a media clock."""

    def write_picture(self, picture: NDArray[np.uint8], media_ms: int, state: PictureState) -> None:
        """Take one picture, RGB uint8 (H, W, 3), not to be changed by anyone after. Raises SinkFailed."""
        ...

    def write_voice(self, pcm: NDArray[np.int16], media_ms: int) -> None:
        """Take voice, int16 (samples,) mono 48 kHz, whose first sample was spoken at media_ms. Raises SinkFailed."""
        ...

    def close(self) -> None:
        """Write what is queued and leave a playable file. Safe to call twice."""
        ...
