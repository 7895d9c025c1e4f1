"""From what was guessed to what was received: the difference fades out instead of jumping.

    shown(t) = received(t) + (guessed - received)(at return) * (1 - (t - last guess) / duration)

Must import numpy and `shared` only. Invariant: `duration` after the last guess nothing of the guess is left, and what is
shown is what was received, number for number.
"""

import numpy as np

from shared.core.concealment import Estimate
from shared.limits import MOTION_BLEND_MS


class PoseBlend:
    """The difference that still fades."""

    def __init__(self) -> None:
        self._difference: Estimate | None = None
        self._start_ms = 0
        self._duration_ms = MOTION_BLEND_MS

    def clear(self) -> None:
        """Jump: another keyframe's numbers cannot be mixed with these."""
        self._difference = None

    def start(self, guessed: Estimate, received: Estimate, start_ms: int, guessing_ms: int) -> None:
        """Fade from guessed to received, both for the same moment.

        start_ms: media time of the last guess. guessing_ms: how long there were only guesses; a short gap is left as quickly.
        """
        self._difference = Estimate(
            guessed.vector - received.vector, guessed.voice_share - received.voice_share
        )
        self._start_ms = start_ms
        self._duration_ms = min(guessing_ms, MOTION_BLEND_MS)

    def left(self, media_ms: int) -> float:
        """How much of the difference is left at media_ms, 0..1."""
        if self._difference is None or media_ms - self._start_ms >= self._duration_ms:
            return 0.0
        return 1.0 - (media_ms - self._start_ms) / self._duration_ms

    def apply(self, target: Estimate, media_ms: int) -> Estimate:
        """target with what is left of the difference; target itself when nothing is."""
        left = self.left(media_ms)
        if self._difference is None or left == 0.0:
            return target
        share = target.voice_share + self._difference.voice_share * left
        vector = np.asarray(target.vector + self._difference.vector * left)
        return Estimate(vector, min(max(share, 0.0), 1.0))
