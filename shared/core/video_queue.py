"""Pictures that wait to be sent: small ones into the next bundle, large ones as paced parts.

Must not import coders of pictures or clocks. Invariant: pictures leave in coding order, none overtakes another's parts;
after one is dropped, those of its kind that rest on it are dropped too, until one comes that stands alone.
"""

from collections import deque
from dataclasses import replace
from typing import Final

from shared.frames import VideoKind, VideoUnit
from shared.limits import (
    BUNDLE_MAX_VIDEO_UNITS,
    BUNDLE_STALE_MS,
    MESSAGE_MAX_BYTES,
    VIDEO_INTRA_REST_MS,
    VIDEO_PART_MAX_BYTES,
    VIDEO_QUEUE_UNITS,
)
from shared.media_time import wrap_ms
from shared.wire import VideoPart
from shared.wire_video import OFFSET_MAX_MS, OFFSET_MIN_MS, UNIT_HEADER_BYTES

IN_BUNDLE_MAX_BYTES: Final = MESSAGE_MAX_BYTES // 2
"""Larger pictures do not wait for a bundle: they would fill it alone."""


class VideoQueue:
    """Both kinds in one queue. `wanted` says which kinds must begin anew."""

    def __init__(self) -> None:
        self._units: deque[VideoUnit] = deque()
        self._parts: deque[VideoPart] = deque()
        self._broken: set[VideoKind] = set()
        self._wished: set[VideoKind] = set()
        self._intra_us: dict[VideoKind, int] = {}
        self._flush = False
        self._free_us = 0
        self.dropped = 0

    def push(self, unit: VideoUnit) -> None:
        """Queue a picture, newest last. One that rests on a dropped one is dropped."""
        if unit.intra:
            self._broken.discard(unit.kind)
            self._wished.discard(unit.kind)
        if unit.kind in self._broken:
            self.dropped += 1
            return
        self._units.append(unit)
        stale_ms = unit.media_ms - BUNDLE_STALE_MS
        while self._units and (len(self._units) > VIDEO_QUEUE_UNITS or self._units[0].media_ms < stale_ms):
            self._drop(self._units[0].kind)

    def take_wish(self, kind: VideoKind) -> bool:
        """Whether the next picture of this kind must stand alone: asked for by the receiver, or one was dropped."""
        wanted = kind in self._wished or kind in self._broken
        self._wished.discard(kind)
        return wanted

    def wish(self, kinds: tuple[VideoKind, ...], now_us: int, rtt_ms: float | None) -> None:
        """The receiver's wishes; those that one on its way will fulfil are ignored."""
        rest_us = 1000 * (VIDEO_INTRA_REST_MS + round(rtt_ms or 0))
        for kind in kinds:
            waiting = any(unit.intra and unit.kind is kind for unit in self._units)
            sent_us = self._intra_us.get(kind)
            if not waiting and (sent_us is None or now_us - sent_us >= rest_us):
                self._wished.add(kind)

    def take_small(self, bundle_ms: int | None, room_bytes: int, now_us: int) -> tuple[VideoUnit, ...]:
        """Pictures for a bundle at media time bundle_ms (None: the first picture's own), times wrapped.

        What does not fit leaves as parts, so that no picture waits longer than one bundle.
        """
        taken: list[VideoUnit] = []
        while self._units and not self._parts and len(taken) < BUNDLE_MAX_VIDEO_UNITS:
            unit = self._units[0]
            anchor_ms = unit.media_ms if bundle_ms is None else bundle_ms
            bundle_ms, room_bytes = anchor_ms, room_bytes - UNIT_HEADER_BYTES - len(unit.data)
            near = OFFSET_MIN_MS <= unit.media_ms - anchor_ms <= OFFSET_MAX_MS
            if room_bytes < 0 or not near or len(unit.data) > IN_BUNDLE_MAX_BYTES:
                break
            taken.append(self._sent(now_us))
        self._flush = bool(self._units)
        return tuple(replace(unit, media_ms=wrap_ms(unit.media_ms)) for unit in taken)

    def take_part(self, now_us: int, pace_kbps: float) -> VideoPart | None:
        """The part that the pace allows now, one at a time: each takes tens of milliseconds of a thin link."""
        if now_us < self._free_us:
            return None
        if not self._parts and self._large_first():
            self._parts.extend(split(self._sent(now_us)))
        if not self._parts:
            return None
        part = self._parts.popleft()
        self._free_us = now_us + round(len(bytes(part)) * 8000 / pace_kbps)
        return part

    def next_us(self) -> int | None:
        """When `take_part` will have something, None: nothing waits for it."""
        return self._free_us if self._parts or self._large_first() else None

    @property
    def oldest_ms(self) -> int | None:
        """Media time of the first picture that waits for a bundle."""
        waits = self._units and not self._parts and not self._large_first()
        return self._units[0].media_ms if waits else None

    def _large_first(self) -> bool:
        if not self._units:
            self._flush = False
            return False
        return self._flush or len(self._units[0].data) > IN_BUNDLE_MAX_BYTES

    def _sent(self, now_us: int) -> VideoUnit:
        unit = self._units.popleft()
        if unit.intra:
            self._intra_us[unit.kind] = now_us
        return unit

    def _drop(self, kind: VideoKind) -> None:
        """Drop the first picture, and those behind it of its kind up to the next that stands alone."""
        self._units.popleft()
        self.dropped += 1
        self._broken.add(kind)
        kept: deque[VideoUnit] = deque()
        for unit in self._units:
            if unit.kind is kind and unit.intra:
                self._broken.discard(kind)
            if unit.kind is kind and kind in self._broken:
                self.dropped += 1
            else:
                kept.append(unit)
        self._units = kept


def split(unit: VideoUnit) -> tuple[VideoPart, ...]:
    """The parts of a picture: all of VIDEO_PART_MAX_BYTES but the last."""
    size = VIDEO_PART_MAX_BYTES
    pieces = [unit.data[start : start + size] for start in range(0, len(unit.data), size)]
    place = (unit.kind, unit.unit_id, wrap_ms(unit.media_ms), unit.intra, unit.side_px)
    return tuple(
        VideoPart(*place, index, len(pieces), len(unit.data), piece) for index, piece in enumerate(pieces)
    )
