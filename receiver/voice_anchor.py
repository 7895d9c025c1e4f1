"""What the voice said about the mouth that a picture's values hold already: the mouth moves by what it says since then.

    values hold                                                   of the voice is taken away
    mean + (last pose - mean) * left, left = 1 - voice_share      mean of said + (said(last's time) - that mean) * left
    the keyframe's own mouth, where no pose came                  said(the keyframe's time)

    mouth = said(now) - that

The voice branch speaks of a mouth relative to its speaker's mean, a pose of one relative to a keyframe: only differences carry
over, and so whatever becomes of the poses (shared/core/concealment.py) becomes of what was said while they were seen. Ours; what
it is worth is in docs/LOG.md (eleventh session).

Must not import engines. Invariant: a picture whose pose has just been received has nothing on top.
"""

from collections.abc import Callable

import numpy as np

from models.runtime.base import Array
from shared.core.due import RECEIVED, PictureDue
from shared.limits import EXPRESSION_MEAN_POSES

Said = Callable[[int], Array]


class VoiceAnchor:
    """One call's: what the voice said when the poses, or the keyframe, were seen."""

    def __init__(self) -> None:
        self._begin(None)

    def _begin(self, keyframe_id: int | None) -> None:
        """Poses of one keyframe say nothing of those of another."""
        self._keyframe_id = keyframe_id
        self._at_ms: int | None = None
        self._said: Array | None = None
        self._mean: Array | None = None
        self._poses = 0

    def held(self, due: PictureDue, keyframe_ms: int | None, now: Array, said: Said) -> Array:
        """Expression (16,) that `due` holds of the voice already.

        keyframe_ms: when its keyframe was taken, None: unknown. now: what the voice says at due.media_ms. said: what it said at
        another media time; asked once for each pose or keyframe that was not itself on show.
        """
        if due.keyframe_id != self._keyframe_id:
            self._begin(due.keyframe_id)
        if due.pose_ms is None:
            return self._of_keyframe(due.media_ms if keyframe_ms is None else keyframe_ms, due, now, said)
        left = np.float32(1.0 - due.voice_share)
        if due.state in RECEIVED:
            self._see(due.media_ms, now)
            return np.asarray(left * now, np.float32)
        if due.pose_ms != self._at_ms:
            self._see(due.pose_ms, said(due.pose_ms))
        assert self._said is not None and self._mean is not None
        return np.asarray(self._mean + left * (self._said - self._mean), np.float32)

    def _of_keyframe(self, taken_ms: int, due: PictureDue, now: Array, said: Said) -> Array:
        if taken_ms == due.media_ms:
            self._at_ms, self._said = taken_ms, now
        elif self._said is None or taken_ms != self._at_ms:
            self._at_ms, self._said = taken_ms, said(taken_ms)
        return self._said

    def _see(self, media_ms: int, said: Array) -> None:
        """A pose of this time, in their order: the running mean is that of the poses in `DampedMotion`."""
        self._poses = min(self._poses + 1, EXPRESSION_MEAN_POSES)
        before = said if self._mean is None else self._mean
        self._mean = np.asarray(before + (said - before) / np.float32(self._poses), np.float32)
        self._at_ms, self._said = media_ms, said
