"""What the thumbnail and video rungs add to each picture: which are coded, at what rate, and when they begin anew.

Must not import asyncio or transports; runs in worker threads. Invariant: at most one encoder is open; pictures leave in the
order in which they came, at no more than their kind's frame rate.
"""

import logging
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sender.standstill import StoodStill
from sender.video_encoder import FPS, VideoEncoder
from shared.frames import VideoKind, VideoUnit
from shared.limits import VIDEO_UNIT_MAX_BYTES

_LOG = logging.getLogger("facewire.sender")
EARLY_MS: Final = 15
"""Pictures come on a grid of 40 ms, give or take: one that is this early still counts as on time."""
PAUSE_MS: Final = 2000
"""After a pause like this the receiver has moved on, so the next picture stands alone."""


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """Code the next picture so. intra: it must stand alone."""

    kind: VideoKind
    target_kbps: float
    intra: bool


class PictureRungs:
    """One per call."""

    def __init__(self) -> None:
        self._encoder: VideoEncoder | None = None
        self._unit_ids = dict.fromkeys(VideoKind, 0)
        self._last_ms: int | None = None
        self._intra_owed = False

    def code(self, order: PictureOrder | None, rgb: NDArray[np.uint8], media_ms: int) -> VideoUnit | None:
        """The unit of this picture, None when it is not to be coded. order None: leave it out."""
        if order is None:
            return None
        self._intra_owed |= order.intra
        paused = self._last_ms is not None and media_ms - self._last_ms >= PAUSE_MS
        encoder = self._opened(order, paused)
        if self._last_ms is not None and media_ms - self._last_ms < 1000 / FPS[order.kind] - EARLY_MS:
            return None
        try:
            unit = encoder.encode(rgb, media_ms, self._unit_ids[order.kind], self._intra_owed)
        except StoodStill as error:
            _LOG.warning("The AV1 encoder stands still (%s); the pictures go on with another one.", error)
            self._encoder, self._intra_owed = None, True
            return None
        self._last_ms = media_ms
        if not 1 <= len(unit.data) <= VIDEO_UNIT_MAX_BYTES:
            self._intra_owed = True
            return None
        self._unit_ids[order.kind] = unit.unit_id + 1
        self._intra_owed &= not unit.intra
        return unit

    def close(self) -> None:
        """Frees the native encoder."""
        if self._encoder is not None:
            self._encoder.close()
        self._encoder = None

    def _opened(self, order: PictureOrder, paused: bool) -> VideoEncoder:
        """The encoder for this order. A new rate needs a new one: SVT-AV1 takes none on the way."""
        same = self._encoder is not None and self._encoder.kind is order.kind
        if self._encoder is None or not same or paused or self._encoder.target_kbps != order.target_kbps:
            self.close()
            self._encoder = VideoEncoder(order.kind, order.target_kbps)
            self._last_ms = self._last_ms if same else None
        return self._encoder
