"""What Python's receiver makes of coded pictures that come late, twice, out of order or not at all, and which one it shows when.

Invariant: fixed seed; gaps, late ones, fresh starts and the wrap of ids occur.
"""

import random
from functools import partial
from typing import Any

import numpy as np

from receiver.picture_shelf import PictureShelf
from receiver.unit_order import UnitOrder
from receiver.video_decoder import DecodedPicture
from shared.av1_header import check_inter_frame
from shared.frames import VideoKind, VideoUnit
from tests.web.described import mutated, outcome

UNITS = 300
STEP_MS = 40
INTER = bytes((0x12, 0, 0x32, 4, 1, 2, 3, 4))
"""A temporal delimiter and one frame."""


def _units(rng: random.Random) -> list[VideoUnit]:
    """In order of arrival: some are lost, some overtaken."""
    sent = [
        (place + rng.choice((0, 0, 0, 0, 1.5, 3.5)), place) for place in range(UNITS) if rng.random() > 0.06
    ]
    return [
        VideoUnit(VideoKind.VIDEO, (place + 100) % 256, place * STEP_MS, place % 25 == 0, 64, b"x")
        for _, place in sorted(sent)
    ]


def _order(rng: random.Random) -> list[list[Any]]:
    order, rows = UnitOrder(), []
    for unit in _units(rng):
        ready = [one.unit_id for one in order.take(unit)]
        rows.append([unit.unit_id, unit.media_ms, unit.intra, ready, order.broken])
    return rows


def _shelf(rng: random.Random) -> list[list[Any]]:
    shelf, rows = PictureShelf(), list[list[Any]]()
    empty = np.zeros((2, 2, 3), np.uint8)
    for place in range(120):
        media_ms = STEP_MS * (place + rng.randrange(-2, 3))
        shelf.put(DecodedPicture(media_ms, empty))
        asked_ms = STEP_MS * (place - 5) if place > 60 else 0
        found = shelf.newest(asked_ms) if place % 2 else shelf.nearest(asked_ms + 15)
        rows.append([media_ms, asked_ms, None if found is None else found.media_ms])
    return rows


def picture_answers() -> dict[str, Any]:
    """Of the order, the shelf, and the header check of pictures that do not stand alone."""
    rng = random.Random(10)
    data = [INTER, INTER[2:], INTER[2:] * 2, b"", *(mutated(rng, INTER) for _ in range(200))]
    inter = [{"data": item.hex(), "outcome": outcome(partial(check_inter_frame, item))} for item in data]
    return {"order": _order(rng), "shelf": _shelf(rng), "inter": inter}
