"""Real keyframes: an AV1 picture and valid symbols."""

from functools import cache

import numpy as np

from sender.keyframe_image import encode_keyframe_image
from shared.coding.mesh_basis import default_basis
from shared.coding.mesh_motion import shape_from_points
from shared.coding.motion_layout import ANCHOR_SYMBOLS
from shared.frames import Keyframe, KeyframeFormat
from tests.models.runtime.faces import reference


@cache
def image(seed: int, side_px: int = 256) -> bytes:
    picture = reference(seed).picture
    return encode_keyframe_image(np.ascontiguousarray(picture[:side_px, :side_px]), 4096)


def keyframe(
    keyframe_id: int = 0, media_ms: int = 0, data: bytes | None = None, side_px: int = 256
) -> Keyframe:
    return Keyframe(
        keyframe_id,
        media_ms,
        KeyframeFormat.AV1,
        side_px,
        side_px,
        image(keyframe_id, side_px) if data is None else data,
        shape_from_points(default_basis().mean),
        np.zeros(ANCHOR_SYMBOLS, np.int16),
        np.ones((32, 32), np.uint8),
    )
