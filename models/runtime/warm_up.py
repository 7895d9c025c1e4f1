"""Runs the network once before the call, so that the first picture is as quick as the others.

Must not import asyncio or an engine. Invariant: leaves nothing behind but warm memory: the reference is thrown away.
"""

import time
from typing import Final

import av
import numpy as np

from models.runtime.base import Backend, Reference
from shared.coding.mesh_motion import points_from_shape
from shared.coding.motion_code import dequantise_motion
from shared.coding.motion_layout import CODES, KEYPOINTS, MASK_SIDE, SHAPE_SYMBOLS, SYMBOLS
from shared.limits import PICTURE_SIZE_PX

RENDERS: Final = 8
"""The engines settle their memory in the first two."""


def warm_up(backend: Backend) -> float:
    """Prepare a grey reference with the mean face and render it. Raises what the engine raises.

    Returns the shortest time of a picture in ms: what else runs can only make the others longer.
    """
    state = backend.encode_reference(mean_face())
    still = dequantise_motion(np.zeros(SYMBOLS, np.int16))
    times_s = []
    for _ in range(RENDERS):
        start_s = time.perf_counter()
        backend.render(state, still)
        times_s.append(time.perf_counter() - start_s)
    av.CodecContext.create("libdav1d", "r")  # loads the library that the first keyframe needs
    return min(times_s) * 1000


def mean_face() -> Reference:
    """A reference that is nobody."""
    return Reference(
        picture=np.full((PICTURE_SIZE_PX, PICTURE_SIZE_PX, 3), 128, np.uint8),
        points=points_from_shape(np.zeros(SHAPE_SYMBOLS, np.int16)),
        keypoints=np.zeros((KEYPOINTS, 2), np.float32),
        codes=np.zeros(CODES, np.float32),
        mask=np.ones((MASK_SIDE, MASK_SIDE), np.uint8),
    )
