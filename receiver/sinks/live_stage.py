"""The call as it is shown live: a steady clock, the picture of each moment, the voice of each sample.

    write_picture --> waits LIVE_DELAY_MS --> picture_at(ms) --+--> WHEP viewers, each at its own pace
    write_voice  --> VoiceLine, LIVE_DELAY_MS later --> voice_at +--> push, pipe, virtual camera

A call gives a picture and the voice that belongs to it at the same moment (receiver.player); both stand at the same place
of this clock, so whoever sends what is due now keeps them together. It runs on when the call stands still: then there
is the last picture, and silence.

Must not import asyncio. Invariant: putting never blocks; what waits is bounded; every picture here is marked, as it came from
the `SinkSet`, and the first one is a marked card. Safe to use from several threads.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from receiver.clock import monotonic_us
from receiver.disclosure import mark, waiting_picture
from receiver.sinks.base import SAMPLES_PER_MS
from shared.core.voice_line import VoiceLine
from shared.limits import LIVE_DELAY_MS, LIVE_PICTURES, LIVE_VOICE_MS, PICTURE_SIZE_PX

VOICE_BLOCK_MS: Final = 20
"""Readers take voice in blocks of this; a block must have been written when it begins."""


class LiveStage:
    """Made when the sink opens: that moment is its time 0."""

    def __init__(self, now_us: Callable[[], int] = monotonic_us) -> None:
        self._now_us, self._origin_us = now_us, now_us()
        self._voice = VoiceLine(LIVE_VOICE_MS, LIVE_DELAY_MS - VOICE_BLOCK_MS)
        self._coming: deque[tuple[int, NDArray[np.uint8]]] = deque(maxlen=LIVE_PICTURES)
        self._picture = mark(waiting_picture(PICTURE_SIZE_PX))
        self._lock = threading.Lock()

    def now_ms(self) -> int:
        """Milliseconds since the stage was made."""
        return (self._now_us() - self._origin_us) // 1000

    def put_picture(self, picture: NDArray[np.uint8]) -> None:
        """A marked picture, RGB uint8 (256, 256, 3), that belongs to the voice that is put now."""
        with self._lock:
            self._coming.append((self.now_ms() + LIVE_DELAY_MS, picture))

    def put_voice(self, pcm: NDArray[np.int16]) -> None:
        """Voice, int16 (samples,) mono 48 kHz, whose first sample belongs to the picture that is put now."""
        with self._lock:
            self._voice.write(pcm, (self.now_ms() + LIVE_DELAY_MS) * SAMPLES_PER_MS)

    def picture_at(self, at_ms: int) -> NDArray[np.uint8]:
        """The newest picture that is due; times that are asked for do not go back by more than a reader is late."""
        with self._lock:
            while self._coming and self._coming[0][0] <= at_ms:
                self._picture = self._coming.popleft()[1]
            return self._picture

    def voice_at(self, at_ms: int, duration_ms: int) -> NDArray[np.int16]:
        """The voice of this time, int16 (duration_ms * 48,); silence where there is none."""
        with self._lock:
            return self._voice.read(at_ms * SAMPLES_PER_MS, duration_ms * SAMPLES_PER_MS)

    def ticks(self, stopped: threading.Event, step_ms: int) -> Iterator[int]:
        """Times in ms, multiples of step_ms, each as it comes; those that passed while the caller was busy are left out."""
        at_ms = next_tick(None, self.now_ms(), step_ms)
        while not stopped.wait(max(0, at_ms - self.now_ms()) / 1000):
            yield at_ms
            at_ms = next_tick(at_ms, self.now_ms(), step_ms)


def next_tick(last_ms: int | None, now_ms: int, step_ms: int) -> int:
    """The tick to wait for after last_ms: the next one, or the newest that has begun if more than that have passed."""
    newest_ms = now_ms // step_ms * step_ms
    return newest_ms + step_ms if last_ms is None else max(last_ms + step_ms, newest_ms)
