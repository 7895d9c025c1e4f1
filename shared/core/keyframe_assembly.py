"""Puts keyframe parts together again, with a cap on everything.

Must not import picture decoders. Invariant: at most KEYFRAMES_PENDING keyframes of KEYFRAME_MAX_BYTES are held, and the
gallery is a list of at most GALLERY_SIZE numbers.
"""

from collections import OrderedDict
from dataclasses import dataclass
from zlib import crc32

from shared.errors import MalformedMessage
from shared.frames import Keyframe
from shared.keyframe_blob import parse_keyframe
from shared.limits import GALLERY_SIZE, KEYFRAME_IDLE_MS, KEYFRAMES_PENDING
from shared.wire import KeyframePart, PartRequest

ALL_PARTS = 0xFFFF


@dataclass(slots=True)
class _Pending:
    """A keyframe under reassembly. first: what all its parts must agree with."""

    first: KeyframePart
    payloads: dict[int, bytes]
    touched_us: int

    def matches(self, part: KeyframePart) -> bool:
        ours, theirs = self.first, part
        return (ours.count, ours.total_bytes, ours.crc32) == (theirs.count, theirs.total_bytes, theirs.crc32)

    @property
    def missing(self) -> int:
        return sum(1 << index for index in range(self.first.count) if index not in self.payloads)


class KeyframeAssembly:
    """Keyframes on their way, and the ids (with checksums) of those that are here."""

    def __init__(self) -> None:
        self._pending: OrderedDict[int, _Pending] = OrderedDict()
        self._held: OrderedDict[int, int] = OrderedDict()

    @property
    def held(self) -> tuple[int, ...]:
        """Ids in the gallery, oldest first."""
        return tuple(self._held)

    def add(self, part: KeyframePart, now_us: int) -> Keyframe | None:
        """Take a part in; the keyframe when it was the last one missing. Raises MalformedMessage.

        Parts that contradict those before begin a new keyframe under the same id (ids wrap).
        """
        if self._held.get(part.keyframe_id) == part.crc32:
            return None
        pending = self._pending.get(part.keyframe_id)
        if pending is None or not pending.matches(part):
            pending = self._begin(part, now_us)
        pending.payloads.setdefault(part.index, part.payload)
        pending.touched_us = now_us
        if pending.missing:
            return None
        del self._pending[part.keyframe_id]
        return self._complete(part, b"".join(pending.payloads[index] for index in range(part.count)))

    def forget(self, keyframe_id: int) -> None:
        """Its picture cannot be decoded: it is not held after all."""
        self._held.pop(keyframe_id, None)

    def request(self, wanted: int | None, now_us: int) -> PartRequest | None:
        """What to ask for: parts of a keyframe that has gone quiet, or `wanted`, a keyframe that motion names."""
        for keyframe_id, pending in reversed(self._pending.items()):
            if now_us - pending.touched_us >= KEYFRAME_IDLE_MS * 1000:
                return PartRequest(keyframe_id, pending.missing)
        if wanted is not None and wanted not in self._held and wanted not in self._pending:
            return PartRequest(wanted, ALL_PARTS)
        return None

    def quiet_us(self, now_us: int) -> int | None:
        """When the next keyframe under reassembly goes quiet, None: none will."""
        quiet = [pending.touched_us + KEYFRAME_IDLE_MS * 1000 for pending in self._pending.values()]
        return min((time_us for time_us in quiet if time_us > now_us), default=None)

    def _begin(self, part: KeyframePart, now_us: int) -> _Pending:
        self._pending.pop(part.keyframe_id, None)
        self._pending[part.keyframe_id] = _Pending(part, {}, now_us)
        if len(self._pending) > KEYFRAMES_PENDING:
            self._pending.popitem(last=False)
        return self._pending[part.keyframe_id]

    def _complete(self, part: KeyframePart, blob: bytes) -> Keyframe:
        if len(blob) != part.total_bytes or crc32(blob) != part.crc32:
            raise MalformedMessage("keyframe parts do not add up to what they claim")
        keyframe = parse_keyframe(part.keyframe_id, blob)
        self._held.pop(part.keyframe_id, None)
        self._held[part.keyframe_id] = part.crc32
        if len(self._held) > GALLERY_SIZE:
            self._held.popitem(last=False)
        return keyframe
