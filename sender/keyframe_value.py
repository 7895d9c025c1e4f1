"""Whether the picture in use has become so wrong that another keyframe is worth its 2 KB.

Must import the standard library only; no clock, no I/O. Invariant: keyframes for their value are at least PAUSE_MS apart, and
twice as long, up to PAUSE_MAX_MS, after each one that helped little: a hand before the face, or dusk, must not fill a thin link.

Measured (docs/LOG.md; every tenth frame of seven clips, keyframes a second apart): below an error of 0.05 another keyframe
gains 0 to 0.2 of vgg, above 0.07 (a turned head, a moved camera) 0.5 to 1.9.
"""

from typing import Final

ERROR_HIGH: Final = 0.08
"""Mean difference of luma, 0..1, at 64 px where the person is."""
TIMES_HIGH: Final = 2
"""One bad moment, a blink or a hand in motion, passes by itself."""
HELPED_SHARE: Final = 0.8
"""A keyframe helped when the error after it is below this share of the one before."""
PAUSE_MS: Final = 3000
PAUSE_MAX_MS: Final = 24_000


class KeyframeValue:
    """One per call. Hand it every judgement, ask it for every picture, tell it when a keyframe was taken."""

    def __init__(self) -> None:
        self._pause_ms = PAUSE_MS
        self._taken_ms: int | None = None
        self._keyframe_id: int | None = None
        self._error = 0.0
        self._before: float | None = None
        self._times_high = 0

    def judged(self, keyframe_id: int, error: float) -> None:
        """What is rebuilt from this keyframe now differs by so much, 0..1."""
        if keyframe_id != self._keyframe_id:
            self._keyframe_id, self._times_high = keyframe_id, 0
            self._weigh(error)
        self._error = error
        self._times_high = self._times_high + 1 if error >= ERROR_HIGH else 0

    def wants(self, media_ms: int) -> bool:
        """Whether a keyframe of about now is worth it."""
        rested = self._taken_ms is None or media_ms - self._taken_ms >= self._pause_ms
        return self._times_high >= TIMES_HIGH and rested

    def taken(self, media_ms: int) -> None:
        """A keyframe is being made, for whatever reason."""
        self._taken_ms, self._before, self._times_high = media_ms, self._error, 0

    def _weigh(self, error: float) -> None:
        """The first judgement of a keyframe says what it was good for, where there was something to mend."""
        if self._before is None or self._before < ERROR_HIGH:
            return
        helped = error < HELPED_SHARE * self._before
        self._pause_ms = PAUSE_MS if helped else min(2 * self._pause_ms, PAUSE_MAX_MS)
        self._before = None
