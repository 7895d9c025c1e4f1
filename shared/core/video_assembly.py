"""Puts the parts of larger pictures together again and keeps the pictures of one kind in order.

Must not import picture decoders. Invariant: what comes out is strictly newer than what came out before; at most
VIDEO_UNITS_PENDING pictures of VIDEO_UNIT_MAX_BYTES are held for each kind, and none older than the last complete one.
"""

from dataclasses import dataclass, replace

from shared.errors import MalformedMessage
from shared.frames import VideoKind, VideoUnit
from shared.limits import VIDEO_UNITS_PENDING
from shared.wire import VideoPart


@dataclass(slots=True)
class _Pending:
    """A picture under reassembly. first: what all its parts must agree with."""

    first: VideoPart
    payloads: dict[int, bytes]

    def matches(self, part: VideoPart) -> bool:
        return replace(part, index=self.first.index, payload=self.first.payload) == self.first


class VideoAssembly:
    """Pictures of one kind. Times handed in are unwrapped."""

    def __init__(self) -> None:
        self._pending: dict[int, _Pending] = {}
        self._newest_ms = -1

    def add_unit(self, unit: VideoUnit) -> VideoUnit | None:
        """A picture that came whole; None when a newer one, or the same, is complete already."""
        if unit.media_ms <= self._newest_ms:
            return None
        self._newest_ms = unit.media_ms
        self._pending = {ms: pending for ms, pending in self._pending.items() if ms > unit.media_ms}
        return unit

    def add_part(self, part: VideoPart, media_ms: int) -> VideoUnit | None:
        """The picture when this was its last missing part. Raises MalformedMessage when its parts do not add up.

        A part that contradicts those before it begins a new picture at its time.
        """
        if media_ms <= self._newest_ms:
            return None
        pending = self._pending.get(media_ms)
        if pending is None or not pending.matches(part):
            pending = self._begin(part, media_ms)
        if pending is None:
            return None
        pending.payloads.setdefault(part.index, part.payload)
        if len(pending.payloads) < part.count:
            return None
        del self._pending[media_ms]
        data = b"".join(pending.payloads[index] for index in range(part.count))
        if len(data) != part.total_bytes:
            raise MalformedMessage("parts of a picture do not add up to what they claim")
        return self.add_unit(VideoUnit(part.kind, part.unit_id, media_ms, part.intra, part.side_px, data))

    def _begin(self, part: VideoPart, media_ms: int) -> _Pending | None:
        """Room for a picture, at the cost of the oldest; None when this one is the oldest itself."""
        self._pending.pop(media_ms, None)
        if len(self._pending) == VIDEO_UNITS_PENDING:
            oldest_ms = min(self._pending)
            if media_ms < oldest_ms:
                return None
            del self._pending[oldest_ms]
        self._pending[media_ms] = _Pending(part, {})
        return self._pending[media_ms]


class VideoReceiver:
    """Both kinds, and which of them the receiver wants to begin anew."""

    def __init__(self) -> None:
        self._assemblies = {kind: VideoAssembly() for kind in VideoKind}
        self._wanted: set[VideoKind] = set()

    @property
    def wanted(self) -> tuple[VideoKind, ...]:
        """Kinds whose next picture shall stand alone, in their order."""
        return tuple(sorted(self._wanted))

    def want_intra(self, kind: VideoKind) -> None:
        """Wanted until a picture of this kind that stands alone is complete."""
        self._wanted.add(kind)

    def add_unit(self, unit: VideoUnit) -> VideoUnit | None:
        """See `VideoAssembly.add_unit`."""
        return self._note(self._assemblies[unit.kind].add_unit(unit))

    def add_part(self, part: VideoPart, media_ms: int) -> VideoUnit | None:
        """See `VideoAssembly.add_part`."""
        return self._note(self._assemblies[part.kind].add_part(part, media_ms))

    def _note(self, unit: VideoUnit | None) -> VideoUnit | None:
        if unit is not None and unit.intra:
            self._wanted.discard(unit.kind)
        return unit
