"""From the sender's media clock to the time inside a recording.

Must not import codecs. Invariant: pictures and voice of one recording share one `FileTimeline`, so whatever it
does to the clock it does to both; a peer whose clock jumps cannot make a recording grow by the jump.
"""

import numpy as np
from numpy.typing import NDArray

from receiver.sinks.base import FRAME_MS, SAMPLES_PER_MS
from shared.limits import SINK_MAX_GAP_MS

_TICK_HYSTERESIS_MS = 24
"""A picture this near to the next tick takes it: a playout clock that wobbles by 2 ms must not skip and repeat."""
_VOICE_TOLERANCE_MS = 20
"""Voice this near to the end of what is written joins it without a gap: time stamps are rounded to 1 ms."""


class FileTimeline:
    """Media ms (0..2**32-1) to file ms; the first item written is 0."""

    def __init__(self) -> None:
        self._origin_ms: int | None = None
        self._newest_ms = 0

    def file_ms(self, media_ms: int) -> int:
        """Where media_ms stands in the file; negative when it is older than the file.

        A jump by more than SINK_MAX_GAP_MS either way is a new clock: it goes on one frame after the newest.
        """
        if self._origin_ms is None:
            self._origin_ms = media_ms
        position = media_ms - self._origin_ms
        if abs(position - self._newest_ms) > SINK_MAX_GAP_MS:
            position = self._newest_ms + FRAME_MS
            self._origin_ms = media_ms - position
        self._newest_ms = max(self._newest_ms, position)
        return position


def tick_for(file_ms: int, next_tick: int) -> int | None:
    """The 25 fps tick of a picture at file_ms, given the next unwritten tick; None when it came too late."""
    if abs(file_ms - next_tick * FRAME_MS) <= _TICK_HYSTERESIS_MS:
        return next_tick
    tick = round(file_ms / FRAME_MS)
    return tick if tick >= next_tick else None


def place_voice(pcm: NDArray[np.int16], file_ms: int, written_samples: int) -> tuple[int, NDArray[np.int16]]:
    """How many samples of silence go before pcm, and what is left of it after what was already written."""
    gap = file_ms * SAMPLES_PER_MS - written_samples
    if abs(gap) <= _VOICE_TOLERANCE_MS * SAMPLES_PER_MS:
        return 0, pcm
    return (gap, pcm) if gap > 0 else (0, pcm[-gap:])
