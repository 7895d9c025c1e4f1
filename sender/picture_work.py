"""One picture's work in the worker thread: the pipeline, then the thumbnail or video unit, and how long both took.

Must not import asyncio or transports. Invariant: what is coded as a picture is the crop that motion was coded in.
"""

import time
from collections.abc import Callable

from sender.picture_rungs import PictureOrder, PictureRungs
from sender.pipeline import Processed
from shared.frames import VideoUnit


def process_timed(
    process: Callable[[], Processed], rungs: PictureRungs, order: PictureOrder | None
) -> tuple[Processed, VideoUnit | None, float]:
    """What `process` gives, the unit that `order` asks for (None: none), and the time of both in ms."""
    start_s = time.perf_counter()
    done, unit = process(), None
    if done.crop_picture is not None:
        unit = rungs.code(order, done.crop_picture, done.media_ms)
    return done, unit, (time.perf_counter() - start_s) * 1000
