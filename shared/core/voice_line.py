"""A second of voice on a clock of samples: written as it comes, read by anybody at the time it belongs to.

    write(pcm, at) --> [ ring of the newest samples ] --> read(start, count), silence where nothing is

Must not import asyncio or clocks. Invariant: samples are written in order and never moved; memory is the ring; voice that
comes about when it should joins what is there without a gap, so that a network's jitter is not heard. Owners that share it
between threads lock it.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SAMPLES_PER_MS: Final = 48


class VoiceLine:
    """Mono int16 at 48 kHz; sample 0 is wherever the owner's clock begins."""

    def __init__(self, keep_ms: int, tolerance_ms: int) -> None:
        """keep_ms: length of the ring. tolerance_ms: how far voice may be from its place and still join what is there."""
        self._ring = np.zeros(keep_ms * SAMPLES_PER_MS, np.int16)
        self._tolerance = tolerance_ms * SAMPLES_PER_MS
        self._end = 0

    @property
    def end(self) -> int:
        """The sample after the last one written."""
        return self._end

    def write(self, pcm: NDArray[np.int16], at: int) -> None:
        """Append pcm, int16 (samples,), whose first sample belongs at `at`.

        Within the tolerance of the end it joins; later, silence fills the hole; earlier, what overlaps is cut off.
        """
        gap = at - self._end
        if gap > self._tolerance:
            self._skip(gap)
        elif gap < -self._tolerance:
            pcm = pcm[-gap:]
        self._put(pcm[-len(self._ring) :])

    def read(self, start: int, count: int) -> NDArray[np.int16]:
        """Samples start .. start + count, int16 (count,); silence where nothing was written, or where it is forgotten."""
        samples = np.zeros(count, np.int16)
        first = max(start, self._end - len(self._ring), 0)
        last = min(start + count, self._end)
        if first < last:
            index = np.arange(first, last) % len(self._ring)
            samples[first - start : last - start] = self._ring[index]
        return samples

    def _skip(self, gap: int) -> None:
        self._end += max(0, gap - len(self._ring))
        self._put(np.zeros(min(gap, len(self._ring)), np.int16))

    def _put(self, pcm: NDArray[np.int16]) -> None:
        self._ring[np.arange(self._end, self._end + len(pcm)) % len(self._ring)] = pcm
        self._end += len(pcm)
