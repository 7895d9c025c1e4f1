"""Decoded thumbnails and video pictures that wait for their time.

Must not import asyncio. Invariant: at most VIDEO_SHELF_PICTURES of a kind, the oldest leave first. Safe to use from two
threads: one puts, one looks.
"""

import threading
from bisect import insort

from receiver.video_decoder import DecodedPicture
from shared.limits import THUMBNAIL_MAX_AGE_MS, VIDEO_SHELF_PICTURES


class PictureShelf:
    """Pictures of one kind by media time."""

    def __init__(self) -> None:
        self._pictures: list[DecodedPicture] = []
        self._lock = threading.Lock()

    def put(self, picture: DecodedPicture) -> None:
        """Keep a picture; the oldest leaves beyond the limit."""
        with self._lock:
            insort(self._pictures, picture, key=_media_ms)
            del self._pictures[: max(0, len(self._pictures) - VIDEO_SHELF_PICTURES)]

    def newest(self, media_ms: int) -> DecodedPicture | None:
        """The newest picture that is not newer than media_ms; those before it are forgotten."""
        with self._lock:
            count = sum(one.media_ms <= media_ms for one in self._pictures)
            del self._pictures[: max(0, count - 1)]
            return self._pictures[0] if count else None

    def nearest(self, media_ms: int) -> DecodedPicture | None:
        """The picture nearest in time, the older of two; None when none is within THUMBNAIL_MAX_AGE_MS."""
        with self._lock:
            too_old = sum(one.media_ms < media_ms - THUMBNAIL_MAX_AGE_MS for one in self._pictures)
            del self._pictures[:too_old]
            found = min(self._pictures, key=lambda one: abs(one.media_ms - media_ms), default=None)
        near = found is not None and abs(found.media_ms - media_ms) <= THUMBNAIL_MAX_AGE_MS
        return found if near else None


def _media_ms(picture: DecodedPicture) -> int:
    return picture.media_ms
