"""Which references a sender would hold, and which one a frame is coded against: at most four, chosen as time goes on.

Invariant: causal. A reference serves frames only after it has had the time to travel, and is never chosen from what comes later.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sender.crop import Crop
from sender.keyframe_policy import INTERVAL_MS
from sender.motion_encoder import ReferenceCode
from sender.reference_choice import Reference, ReferenceChoice
from shared.limits import GALLERY_SIZE, PICTURE_SIZE_PX

Array = NDArray[np.float32]
NEW_REFERENCE_PX = 10.0
"""A head whose mesh is on average this far from every held reference's becomes one: half a logit a pixel in the network that
chooses between references, so by then the nearest one counts for little."""
WHOLE = Crop(0, 0, PICTURE_SIZE_PX)
"""Clips of an evaluation are framed already."""
TRAVEL_MS = 200
"""2 KB at the 100 kbit/s that keyframes are paced at, to whole frames."""


@dataclass(frozen=True, slots=True)
class Held:
    """A reference. points: its mesh (468, 2) in -1..1 as the receiver decodes it. usable_ms: media time from which it serves."""

    keyframe_id: int
    code: ReferenceCode
    points: Array
    usable_ms: int


class Gallery:
    """The references of one clip, oldest first."""

    def __init__(self, limit: int) -> None:
        """limit: 1..4."""
        self._limit = limit
        self._held: list[Held] = []
        self._added_ms = 0

    def wants(self, points: Array, media_ms: int) -> bool:
        """Whether the frame at media_ms with this mesh (468, 2) should become a reference."""
        if not self._held:
            return True
        if len(self._held) >= self._limit or media_ms - self._added_ms < INTERVAL_MS:
            return False
        return min(pose_distance_px(held.points, points) for held in self._held) > NEW_REFERENCE_PX

    def add(self, code: ReferenceCode, media_ms: int) -> Held:
        """Hold a reference made of the frame at media_ms; the first serves at once, because nothing can be shown before."""
        held = Held(len(self._held), code, code.points(), media_ms + TRAVEL_MS * bool(self._held))
        self._held.append(held)
        self._added_ms = media_ms
        return held

    def chosen(self, choice: ReferenceChoice, landmarks: Array, media_ms: int) -> Held:
        """What a sender in a call would take of the newest GALLERY_SIZE. landmarks: (468, 2 or 3) px of the frame."""
        newest = self._held[-GALLERY_SIZE:]
        usable = [
            Reference(held.keyframe_id, WHOLE, held.code) for held in newest if held.usable_ms <= media_ms
        ]
        reference = choice.choose(usable, landmarks)
        return next(
            held for held in newest if reference is not None and held.keyframe_id == reference.keyframe_id
        )

    def nearest(self, points: Array, media_ms: int) -> Held:
        """The usable reference whose pose is nearest. There is one from the first `add` on."""
        usable = [held for held in self._held if held.usable_ms <= media_ms]
        return min(usable, key=lambda held: pose_distance_px(held.points, points))


def pose_distance_px(one: Array, other: Array) -> float:
    """Mean distance of two meshes (468, 2), in pixels of the picture."""
    return float(np.linalg.norm(one - other, axis=1).mean()) * PICTURE_SIZE_PX / 2
