"""When to send a keyframe: the first face, a moved crop, a request, another person perhaps, a picture that went wrong.

The first face gives two: a small one at once, so that there is a picture, and a full one at the first good moment.
Must import numpy only; no clock, no I/O. Invariant: reasons are never lost, only put off: until a good moment (eyes
open, mouth closed), at most PATIENCE_MS, until the one before is built, and never less than INTERVAL_MS after the last full one.
"""

from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

PATIENCE_MS: Final = 300
"""A reference with closed eyes or an open mouth hurts every picture after it, so a better one is waited for."""
INTERVAL_MS: Final = 1000
"""At 100 kbit/s a keyframe of 2 KB is under way for 200 ms; more than one a second would help nobody."""
LOST_LONG_MS: Final = 2000
"""After this long without a face another person may have sat down."""
EYES_OPEN: Final = 0.16
"""Height to width of an eye from which it counts as open."""
MOUTH_CLOSED: Final = 0.12
"""Height to width of the inner lips up to which the mouth counts as closed."""

# Points of MediaPipe's face mesh: upper, lower, and the two corners.
_INNER_LIPS: Final = (13, 14, 78, 308)
_EYES: Final = ((159, 145, 33, 133), (386, 374, 362, 263))


def opening(landmarks: NDArray[np.float32], points: tuple[int, int, int, int]) -> float:
    """Distance of the first two points by that of the last two, in the picture plane."""
    upper, lower, left, right = (landmarks[index, :2] for index in points)
    width = max(float(np.linalg.norm(left - right)), 1e-6)
    return float(np.linalg.norm(upper - lower)) / width


def is_good_reference(landmarks: NDArray[np.float32]) -> bool:
    """Whether a mesh (468, 2 or 3) has open eyes and a closed mouth."""
    eyes_open = min(opening(landmarks, eye) for eye in _EYES) >= EYES_OPEN
    return eyes_open and opening(landmarks, _INNER_LIPS) <= MOUTH_CLOSED


class KeyframeKind(Enum):
    """What a keyframe is for."""

    FIRST = "something to see at once"
    FULL = "the reference"


class KeyframePolicy:
    """Asked once per picture with a face; says whether this one shall become a keyframe, and of which kind."""

    def __init__(self) -> None:
        self.begins_anew = False
        """Whether the keyframe that is due makes those before it useless."""
        self._begun = False
        self._last_ms: int | None = None
        self._since_ms: int | None = None
        self._face_ms: int | None = None

    def decide(
        self,
        media_ms: int,
        landmarks: NDArray[np.float32],
        moved: bool,
        requested: bool,
        free: bool = True,
        worth: bool = False,
    ) -> KeyframeKind | None:
        """media_ms: of this picture. moved: the crop is new. requested: the receiver asked for a reference.

        worth: what is rebuilt looks wrong (`sender.keyframe_value`), or no reference is near (`sender.reference_choice`).
        free: a keyframe could be built now; while it cannot, the answer is None.
        """
        lost_long = self._face_ms is not None and media_ms - self._face_ms >= LOST_LONG_MS
        self._face_ms = media_ms
        anew = self._last_ms is None or moved or requested or lost_long
        if self._since_ms is None and (anew or worth):
            self._since_ms, self.begins_anew = media_ms, False
        self.begins_anew |= anew
        if not free:
            return None
        if not self._begun:
            self._begun = True
            return KeyframeKind.FIRST
        if self._since_ms is None or not self._is_due(media_ms, self._since_ms, landmarks):
            return None
        self._last_ms, self._since_ms = media_ms, None
        return KeyframeKind.FULL

    def begin_again(self) -> None:
        """As before the first face: nothing was sent to the one who receives now."""
        self.begins_anew = self._begun = False
        self._last_ms = self._since_ms = None

    def _is_due(self, media_ms: int, since_ms: int, landmarks: NDArray[np.float32]) -> bool:
        if self._last_ms is not None and media_ms - self._last_ms < INTERVAL_MS:
            return False
        return media_ms - since_ms >= PATIENCE_MS or is_good_reference(landmarks)
