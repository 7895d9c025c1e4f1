"""Coded pictures in the order in which a decoder must see them, or the word that one is missing.

Must not import decoders. Invariant: what `take` returns follows on what it returned before, without a gap, or stands alone;
at most VIDEO_REORDER_UNITS wait.
"""

from shared.frames import VideoUnit
from shared.limits import VIDEO_REORDER_UNITS

_IDS = 256


class UnitOrder:
    """Units of one kind, as they become complete."""

    def __init__(self) -> None:
        self._next_id: int | None = None
        self._newest_ms = -1
        self._waiting: dict[int, VideoUnit] = {}

    @property
    def broken(self) -> bool:
        """True while nothing can be decoded before a unit that stands alone."""
        return self._next_id is None

    def give_up(self) -> None:
        """The units handed out last could not be decoded: what rests on them cannot either."""
        self._next_id = None
        self._waiting.clear()

    def take(self, unit: VideoUnit) -> list[VideoUnit]:
        """What can be decoded now, in order. A unit older than what was handed out is left out."""
        if unit.media_ms <= self._newest_ms:
            return []
        if unit.intra:
            return self._begin(unit)
        if self._next_id is None:
            return []
        self._waiting[unit.unit_id] = unit
        ready = self._ready()
        if len(self._waiting) > VIDEO_REORDER_UNITS:
            self.give_up()
        return ready

    def _begin(self, unit: VideoUnit) -> list[VideoUnit]:
        """Everything before a unit that stands alone is passed over."""
        self._waiting = {key: one for key, one in self._waiting.items() if one.media_ms > unit.media_ms}
        self._hand_out(unit)
        return [unit, *self._ready()]

    def _ready(self) -> list[VideoUnit]:
        ready = []
        while self._next_id is not None and (unit := self._waiting.pop(self._next_id, None)) is not None:
            self._hand_out(unit)
            ready.append(unit)
        return ready

    def _hand_out(self, unit: VideoUnit) -> None:
        self._next_id = (unit.unit_id + 1) % _IDS
        self._newest_ms = unit.media_ms
