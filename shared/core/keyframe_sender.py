"""Delivers keyframes over a lossy channel: paced parts, repaired by request, retried with growing patience.

Must not import coders or decoders of pictures. Invariant: the parts never exceed the configured rate, whatever the
receiver asks for; a keyframe counts as usable only when the receiver says that it holds it, except the first one.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

from shared.limits import (
    GALLERY_SIZE,
    KEYFRAME_MAX_PARTS,
    KEYFRAME_PART_PAYLOAD_BYTES,
    KEYFRAME_RESEND_MIN_MS,
    KEYFRAME_TIMEOUT_MAX_MS,
    KEYFRAME_TIMEOUT_MS,
)
from shared.wire import KeyframePart, PartRequest

PART_TIME_MS: Final = 88
"""What a part of KEYFRAME_PART_PAYLOAD_BYTES takes at the default pace; at a slower one parts are as much smaller,"""
PART_MIN_BYTES: Final = 400
"""but not below this, where headers would be a fifth of them."""


@dataclass(slots=True)
class _Delivery:
    """One keyframe on its way. sent_us: per part, None until first sent. waiting: parts to send, in order."""

    parts: tuple[KeyframePart, ...]
    sent_us: list[int | None]
    waiting: list[int]
    timeout_ms: int = KEYFRAME_TIMEOUT_MS
    held: bool = False
    retry_us: int | None = field(default=None)

    @property
    def sent_once(self) -> bool:
        return None not in self.sent_us


class KeyframeSender:
    """The sender's gallery (the newest GALLERY_SIZE keyframes) and the delivery of its members, oldest first."""

    def __init__(self, rate_kbps: float) -> None:
        self._us_per_byte = 8000 / rate_kbps
        self._gallery: OrderedDict[int, _Delivery] = OrderedDict()
        self._free_us = 0
        self.parts_resent = 0

    def pace(self, rate_kbps: float) -> None:
        """Send the next parts at this rate; what the last one took of the old rate still counts."""
        self._us_per_byte = 8000 / rate_kbps

    def push(self, keyframe_id: int, blob: bytes) -> None:
        """Start delivering `blob` as keyframe `keyframe_id`; the oldest of the gallery leaves when it is full."""
        parts = split(keyframe_id, blob, self._part_bytes(len(blob)))
        self._gallery.pop(keyframe_id, None)
        self._gallery[keyframe_id] = _Delivery(parts, [None] * len(parts), list(range(len(parts))))
        if len(self._gallery) > GALLERY_SIZE:
            self._gallery.popitem(last=False)

    def _part_bytes(self, blob_bytes: int) -> int:
        """Large parts cost least; at a slow pace they are small, as one alone would hold up voice for its whole length."""
        paced = round(PART_TIME_MS * 1000 / self._us_per_byte)
        least = max(PART_MIN_BYTES, -(-blob_bytes // KEYFRAME_MAX_PARTS))
        return min(KEYFRAME_PART_PAYLOAD_BYTES, max(least, paced))

    def usable(self, keyframe_id: int) -> bool:
        """Whether motion may name it: held by the receiver, or, while it holds none, sent completely."""
        delivery = self._gallery.get(keyframe_id)
        if delivery is None:
            return False
        if any(other.held for other in self._gallery.values()):
            return delivery.held
        return delivery.sent_once

    def all_usable(self) -> tuple[int, ...]:
        """The keyframes that motion may name now, oldest first."""
        return tuple(keyframe_id for keyframe_id in self._gallery if self.usable(keyframe_id))

    def take_held(self, held: tuple[int, ...]) -> None:
        """The receiver's gallery, as its newest acknowledgement lists it. Ids that were never sent are ignored."""
        for keyframe_id, delivery in self._gallery.items():
            delivery.held = keyframe_id in held and delivery.sent_once
            if delivery.held:
                delivery.waiting.clear()
                delivery.retry_us = None

    def take_request(self, request: PartRequest, now_us: int, rtt_ms: float | None) -> None:
        """Queue the parts that the receiver misses and that cannot still be on their way."""
        delivery = self._gallery.get(request.keyframe_id)
        if delivery is None or delivery.held:
            return
        # On a thin link a part is under way for as long as the pace gives it.
        own_us = round(KEYFRAME_PART_PAYLOAD_BYTES * self._us_per_byte)
        rest_us = max(1000 * KEYFRAME_RESEND_MIN_MS, round(1000 * (rtt_ms or 0)), own_us)
        for index, sent_us in enumerate(delivery.sent_us):
            asked = request.missing >> index & 1 and index not in delivery.waiting
            if asked and sent_us is not None and now_us - sent_us >= rest_us:
                delivery.waiting.append(index)

    def poll(self, now_us: int) -> list[KeyframePart]:
        """The parts that the pace allows now: at most one, as one takes tens of milliseconds of a 100 kbit/s link."""
        self._retry(now_us)
        delivery = self._next()
        if delivery is None or now_us < self._free_us:
            return []
        index = delivery.waiting.pop(0)
        part = delivery.parts[index]
        self.parts_resent += delivery.sent_us[index] is not None
        delivery.sent_us[index] = now_us
        self._free_us = now_us + round(len(bytes(part)) * self._us_per_byte)
        if not delivery.waiting:
            delivery.retry_us = now_us + delivery.timeout_ms * 1000
            delivery.timeout_ms = min(2 * delivery.timeout_ms, KEYFRAME_TIMEOUT_MAX_MS)
        return [part]

    def next_us(self) -> int | None:
        """When `poll` will have something, None: when nothing waits."""
        if self._next() is not None:
            return self._free_us
        return min((d.retry_us for d in self._retrying() if d.retry_us is not None), default=None)

    def _next(self) -> _Delivery | None:
        return next((delivery for delivery in self._gallery.values() if delivery.waiting), None)

    def _retrying(self) -> list[_Delivery]:
        """Only the newest keyframe is repeated unasked: older ones matter to nobody unless a request says so."""
        return [delivery for delivery in list(self._gallery.values())[-1:] if not delivery.held]

    def _retry(self, now_us: int) -> None:
        for delivery in self._retrying():
            if delivery.retry_us is not None and now_us >= delivery.retry_us:
                delivery.retry_us = None
                delivery.waiting = list(range(len(delivery.parts)))


def split(keyframe_id: int, blob: bytes, size: int = KEYFRAME_PART_PAYLOAD_BYTES) -> tuple[KeyframePart, ...]:
    """The parts of a blob, all of `size` bytes (1..KEYFRAME_PART_PAYLOAD_BYTES) but the last."""
    pieces = [blob[start : start + size] for start in range(0, len(blob), size)]
    checksum = crc32(blob)
    return tuple(
        KeyframePart(keyframe_id, index, len(pieces), len(blob), checksum, piece)
        for index, piece in enumerate(pieces)
    )
