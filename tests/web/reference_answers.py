"""Which references and keyframes Python's sender takes for a head that turns, nods and comes back: for the page to do the same.

Invariant: no networks and no dice; every reason for a keyframe and every rule of the choice occurs.
"""

import base64
from dataclasses import dataclass, field
from math import sin
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sender.crop import Crop
from sender.keyframe_policy import KeyframeKind, KeyframePolicy
from sender.motion_encoder import ReferenceCode, normalised
from sender.reference_choice import Reference, ReferenceChoice
from shared.coding.mesh_motion import points_from_shape, shape_from_points
from shared.coding.motion_layout import ANCHOR_SYMBOLS, MASK_SIDE, SHAPE_SYMBOLS
from shared.limits import GALLERY_SIZE, PICTURE_STEP_MS

Array = NDArray[np.float32]
PICTURES = 480
WHOLE, MOVED = Crop(0, 0, 256), Crop(8, 4, 240)
ASKED_AT, MOVED_AT, LOST_AT = (250, 251), 330, range(390, 445)
DELIVERY_PICTURES = 6
"""From the draft of a keyframe to the acknowledgement that makes it usable."""
_MEAN_PX = (points_from_shape(np.zeros(SHAPE_SYMBOLS, np.int16)) + 1) * 128 - 0.5


def _landmarks(picture: int) -> Array:
    """A mesh (468, 3) px that shifts by up to 30 px and opens its mouth now and then."""
    shift_px = 30 * sin(picture / 15) * (picture > 40) + 4 * sin(picture / 3)
    shift = np.array([shift_px, 0.2 * shift_px])
    mesh = np.concatenate((_MEAN_PX + shift, np.zeros((len(_MEAN_PX), 1))), axis=1)
    mesh[14, 1] += 12 * (picture % 50 < 20)
    return mesh.astype(np.float32)


@dataclass
class _Sender:
    """What a session does with choice and policy: keyframes become usable some pictures after their draft."""

    choice: ReferenceChoice = field(default_factory=ReferenceChoice)
    policy: KeyframePolicy = field(default_factory=KeyframePolicy)
    references: list[Reference] = field(default_factory=list)
    usable_at: dict[int, int] = field(default_factory=dict)

    def look(self, picture: int) -> dict[str, Any]:
        landmarks = _landmarks(picture)
        usable = [one for one in self.references if self.usable_at[one.keyframe_id] <= picture]
        chosen = self.choice.choose(usable, landmarks)
        wants_another = self.choice.wants_another
        moved, free = picture == MOVED_AT, self._free(picture)
        wanted, worth = moved or picture in ASKED_AT, free and wants_another
        kind = self.policy.decide(picture * PICTURE_STEP_MS, landmarks, moved, wanted, free, worth)
        anew = self.policy.begins_anew
        if kind is not None:
            if anew:
                self.choice.begin_anew()
            self._build(picture, landmarks, kind)
        return {
            "media_ms": picture * PICTURE_STEP_MS,
            "landmarks": base64.b64encode(landmarks.tobytes()).decode(),
            "usable": [one.keyframe_id for one in usable],
            "chosen": None if chosen is None else chosen.keyframe_id,
            "wants_another": wants_another,
            "reasons": {"wanted": wanted, "free": free, "worth": worth},
            "kind": None if kind is None else kind.name.lower(),
            "begins_anew": anew,
        }

    def _free(self, picture: int) -> bool:
        return all(at <= picture for at in self.usable_at.values())

    def _build(self, picture: int, landmarks: Array, kind: KeyframeKind) -> None:
        keyframe_id, crop = len(self.usable_at), WHOLE if picture < MOVED_AT else MOVED
        scaled = (landmarks[:, :2] - [crop.x_px, crop.y_px] + 0.5) * (256 / crop.side_px) - 0.5
        shape = shape_from_points(normalised(scaled.astype(np.float32)))
        code = ReferenceCode(
            shape, np.zeros(ANCHOR_SYMBOLS, np.int16), np.ones((MASK_SIDE, MASK_SIDE), np.uint8)
        )
        self.references.append(Reference(keyframe_id, crop, code, kind is KeyframeKind.FIRST))
        self.references = self.references[-GALLERY_SIZE:]
        self.usable_at[keyframe_id] = picture + DELIVERY_PICTURES


def reference_answers() -> dict[str, Any]:
    """Every picture that shows a face, and the references by their id."""
    sender, pictures = _Sender(), list[dict[str, Any]]()
    references: dict[int, Reference] = {}
    for picture in range(PICTURES):
        if picture in LOST_AT:
            continue
        pictures.append(sender.look(picture))
        references |= {one.keyframe_id: one for one in sender.references}
    described = [
        {
            "keyframe_id": one.keyframe_id,
            "crop": [one.crop.x_px, one.crop.y_px, one.crop.side_px],
            "shape": one.code.shape.tolist(),
            "provisional": one.provisional,
        }
        for one in references.values()
    ]
    return {"pictures": pictures, "references": described}
