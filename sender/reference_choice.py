"""Which of the keyframes that the receiver holds a picture is coded against: the nearest in pose that is not out of date.

Must import numpy and `sender` only; no clock, no I/O. Invariant: of several usable references one is always chosen, and the
choice does not flutter: another one must be much nearer.

Measured (docs/LOG.md): up to four keyframes, chosen by pose, brought vgg from 0.78 to 0.66 in the mean of the validation clips.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sender.crop import Crop, to_crop
from sender.motion_encoder import ReferenceCode, normalised
from shared.limits import GALLERY_SIZE, PICTURE_SIZE_PX

NEAR_PX: Final = 6.0
"""A reference whose mesh is on average this near is as good as any."""
MUCH_NEARER: Final = 0.6
"""Share of the distance in use that another reference must stay below: a change costs an absolute frame of about 30 bytes."""


FAR_PX: Final = 10.0
"""From here on a reference of the new pose would be better: half a logit a pixel in a network that chooses between references."""


KEYFRAME_WIRE_BYTES: Final = 2500
"""What a reference of the default size takes on the wire, with its parts' headers."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A keyframe that was sent, as far as later motion needs it."""

    keyframe_id: int
    crop: Crop
    code: ReferenceCode
    provisional: bool = False
    """The small first one: to be left as soon as there is another."""


class ReferenceChoice:
    """One per call."""

    def __init__(self) -> None:
        self._used: int | None = None
        self._distance_px = 0.0
        self._ids: set[int] = set()
        self._outdated: set[int] = set()

    def choose(self, usable: Sequence[Reference], landmarks: NDArray[np.float32]) -> Reference | None:
        """usable: oldest first. landmarks: (468, 2 or 3) px in the whole picture. None: there is no reference."""
        self._ids = {reference.keyframe_id for reference in usable}
        self._outdated &= self._ids
        if not usable:
            return None
        newest = usable[-1]
        # A reference of another crop would show the picture from elsewhere: only the newest may change that.
        fitting = [reference for reference in usable if self._serves(reference, newest)] or [newest]
        distances = [pose_distance_px(reference, landmarks) for reference in fitting]
        best = int(np.argmin(distances))
        for place, reference in enumerate(fitting):
            if reference.keyframe_id == self._used and not _worth(distances[place], distances[best]):
                best = place
        self._used, self._distance_px = fitting[best].keyframe_id, distances[best]
        return fitting[best]

    def _serves(self, reference: Reference, newest: Reference) -> bool:
        outdated = reference.keyframe_id in self._outdated or (
            reference.provisional and not newest.provisional
        )
        return reference.crop == newest.crop and not outdated

    @property
    def wants_another(self) -> bool:
        """Whether the gallery has room for a reference of this pose, and nothing near it. A full one keeps what it has: the
        oldest, which a new one would push out, is as a rule the pose that people return to."""
        return 0 < len(self._ids) < GALLERY_SIZE and self._distance_px >= FAR_PX

    def begin_anew(self) -> None:
        """Somebody asked for a new keyframe, or another person may have sat down: what is held is out of date."""
        self._outdated |= self._ids

    def looked_wrong(self) -> None:
        """What is rebuilt from the reference in use looks wrong: if not for its pose, then light or scene have changed."""
        if self._used is not None and self._distance_px <= NEAR_PX:
            self._outdated.add(self._used)


def pose_distance_px(reference: Reference, landmarks: NDArray[np.float32]) -> float:
    """Mean distance of a mesh (468, 2 or 3), px in the whole picture, from the reference's own, in px of the crop."""
    points = normalised(to_crop(landmarks, reference.crop))
    return float(np.linalg.norm(points - reference.code.points(), axis=1).mean()) * PICTURE_SIZE_PX / 2


def _worth(used_px: float, best_px: float) -> bool:
    return used_px > NEAR_PX and best_px < MUCH_NEARER * used_px
