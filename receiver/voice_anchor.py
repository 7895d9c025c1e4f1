"""What the voice said about the mouth that a picture's values hold already: the mouth moves by what it says since then.

    values hold                                      of the voice is taken away
    a received pose, fading (voice_share of it gone)  (1 - voice_share) * said(its time)
    the keyframe's own mouth, where no pose came      said(the keyframe's time)

    mouth = said(now) - that

The voice branch speaks of a mouth relative to its speaker's mean, a pose of one relative to a keyframe: only differences carry
over. Ours; what it is worth is in docs/LOG.md (eleventh session).

Must not import engines. Invariant: a picture whose pose has just been received has nothing on top.
"""

from collections.abc import Callable

import numpy as np

from models.runtime.base import Array
from shared.core.due import RECEIVED, PictureDue


class VoiceAnchor:
    """One call's: what the voice said when the shown pose, or the keyframe, was seen."""

    def __init__(self) -> None:
        self._at_ms: int | None = None
        self._said: Array | None = None

    def held(
        self, due: PictureDue, keyframe_ms: int | None, now: Array, said: Callable[[int], Array]
    ) -> Array:
        """Expression (16,) that `due` holds of the voice already.

        keyframe_ms: when its keyframe was taken, None: unknown. now: what the voice says at due.media_ms. said: what it said at
        another media time; asked once for each pose or keyframe that was not itself on show.
        """
        seen_ms, left = _seen(due, keyframe_ms)
        if seen_ms == due.media_ms:
            self._at_ms, self._said = seen_ms, now
        elif self._said is None or seen_ms != self._at_ms:
            self._at_ms, self._said = seen_ms, said(seen_ms)
        return np.asarray(np.float32(left) * self._said, np.float32)


def _seen(due: PictureDue, keyframe_ms: int | None) -> tuple[int, float]:
    """When the mouth was seen that values hold, and how much of it they hold."""
    pose_ms = due.pose_ms
    if pose_ms is None:
        return (due.media_ms if keyframe_ms is None else keyframe_ms), 1.0
    return (due.media_ms if due.state in RECEIVED else pose_ms), 1.0 - due.voice_share
