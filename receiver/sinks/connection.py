"""The sinks as one connection of a call sees them: a peer that comes back goes on in the same files.

Must not import codecs. Invariant: closing a connection closes no sink; the first connection's media times stay as they
are, those of later ones go on where the call stood, so that time in a recording never runs back.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from receiver.sinks.base import FRAME_MS, PictureState
from receiver.sinks.open import SinkSet


class CallTime:
    """Where the media of all connections so far have come to, on the first connection's media clock."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._newest: tuple[int, int] | None = None

    def note(self, media_ms: int) -> None:
        """Something of this time was written now."""
        if self._newest is None or media_ms > self._newest[0]:
            self._newest = (media_ms, self._now_us())

    def go_on_ms(self) -> int | None:
        """Where media that come now go on, None before the first: what was written last, and the time since then."""
        if self._newest is None:
            return None
        newest_ms, at_us = self._newest
        return newest_ms + max(FRAME_MS, (self._now_us() - at_us) // 1000)


class ConnectionSinks(SinkSet):
    """The sinks of `whole`, for one connection."""

    def __init__(self, whole: SinkSet, time: CallTime) -> None:
        super().__init__(())
        self._sinks, self.failures = whole._sinks, whole.failures
        self._whole, self._time = whole, time
        self._offset_ms: int | None = None

    @property
    def last_picture(self) -> NDArray[np.uint8] | None:
        """The picture that is on show, None before the first."""
        return self._whole.last_picture

    def write_picture(
        self,
        picture: NDArray[np.uint8],
        media_ms: int | None,
        state: PictureState,
        reconstructed: bool = True,
    ) -> None:
        """See `SinkSet.write_picture`."""
        at_ms = None if media_ms is None else self._at(media_ms)
        self._whole.write_picture(picture, at_ms, state, reconstructed)

    def write_voice(self, pcm: NDArray[np.int16], media_ms: int, stretch: bool = False) -> None:
        """See `SinkSet.write_voice`."""
        self._whole.write_voice(pcm, self._at(media_ms), stretch)

    def close(self) -> None:
        """Nothing: the call goes on without this connection."""

    def _at(self, media_ms: int) -> int:
        if self._offset_ms is None:
            start_ms = self._time.go_on_ms()
            self._offset_ms = 0 if start_ms is None else start_ms - media_ms
        at_ms = media_ms + self._offset_ms
        self._time.note(at_ms)
        return at_ms
