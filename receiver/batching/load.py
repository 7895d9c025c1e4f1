"""What a receiver does when the network cannot make all pictures in time: fewer of each call, less of some, no new calls.

    pictures lost --> SHEDDING --2 s--> LOWERED: a quarter of the calls, then another ... --all of them--> FULL
         each call loses as many                 every second picture, and a lower rung from its peer      new calls are refused

Must import the standard library and `shared` only; no clock, no threads. Invariant: calls are asked in turn, the longest spared
first, and released in the order they were asked; a call that is alone is never asked for less, and a receiver without calls is
never full.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from enum import IntEnum

from shared.errors import UserError
from shared.limits import (
    LOAD_ASK_SHARE,
    LOAD_RELEASE_BUSY,
    LOAD_RELEASE_WINDOWS,
    LOAD_SHED_SHARE,
    LOAD_SHED_WINDOWS,
    LOAD_WINDOW_MS,
    RENDER_CALLS_MAX,
)


class ReceiverFull(UserError):
    """This receiver renders as many calls as it can: the new one has to go to another."""


class LoadLevel(IntEnum):
    """How hard it is for the network, rising."""

    EASY = 0
    SHEDDING = 1
    """Pictures are lost, of every call as many."""
    LOWERED = 2
    """Some calls were asked for less."""
    FULL = 3
    """All calls were, and pictures are still lost: new ones are refused."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A call should take less than it could (lower), or may take all again."""

    call_id: int
    lower: bool


class LoadControl:
    """Judges one network's load. Times are microseconds of one monotonic clock."""

    def __init__(self) -> None:
        self.level = LoadLevel.EASY
        self._spared: OrderedDict[int, None] = OrderedDict()
        self._lowered: OrderedDict[int, None] = OrderedDict()
        self._window_us: int | None = None
        self._made = self._shed = self._busy_us = 0
        self._overloaded = self._calm = 0

    def open(self, call_id: int) -> None:
        """A new call. Raises ReceiverFull."""
        calls = len(self._spared) + len(self._lowered)
        if calls >= RENDER_CALLS_MAX or self.level is LoadLevel.FULL:
            raise ReceiverFull(
                f"This receiver is full: it renders {calls} calls and cannot take another. Call again later or join another "
                "receiver; its operator can start one more, or this one with a smaller --size."
            )
        self._spared[call_id] = None

    def close(self, call_id: int) -> None:
        """A call has ended, which makes room for one."""
        self._spared.pop(call_id, None)
        self._lowered.pop(call_id, None)
        if self.level is LoadLevel.FULL:
            self.level = LoadLevel.LOWERED if self._lowered else LoadLevel.SHEDDING
        if not self._spared and not self._lowered:
            self.level = LoadLevel.EASY

    def lowered(self, call_id: int) -> bool:
        """Whether this call was asked for less."""
        return call_id in self._lowered

    def shed(self) -> None:
        """A picture was lost because the network was busy."""
        self._shed += 1

    def made(self, pictures: int, busy_us: int) -> None:
        """The network made pictures, in so much time."""
        self._made += pictures
        self._busy_us += busy_us

    def judge(self, now_us: int) -> list[Wish]:
        """What calls should be told; most of the time nothing. To be asked after every batch."""
        if self._window_us is None:
            self._window_us = now_us
        past_us = now_us - self._window_us
        if past_us < LOAD_WINDOW_MS * 1000:
            return []
        overloaded = self._shed > LOAD_SHED_SHARE * (self._shed + self._made)
        calm = self._shed == 0 and self._busy_us < LOAD_RELEASE_BUSY * past_us
        self._window_us, self._made, self._shed, self._busy_us = now_us, 0, 0, 0
        self._overloaded = self._overloaded + 1 if overloaded else 0
        self._calm = self._calm + 1 if calm else 0
        return self._decide()

    def _decide(self) -> list[Wish]:
        wishes: list[Wish] = []
        if self._overloaded >= LOAD_SHED_WINDOWS and len(self._spared) + len(self._lowered) > 1:
            wishes = self._ask()
        elif self._calm >= LOAD_RELEASE_WINDOWS and self._lowered:
            wishes = self._release()
        self.level = self._found(nothing_left=self._overloaded >= LOAD_SHED_WINDOWS and not wishes)
        return wishes

    def _ask(self) -> list[Wish]:
        count = math.ceil(LOAD_ASK_SHARE * (len(self._spared) + len(self._lowered)))
        asked = list(self._spared)[:count]
        for call_id in asked:
            del self._spared[call_id]
            self._lowered[call_id] = None
        if asked:
            self._overloaded = 0  # what was asked for takes a moment to be felt
        return [Wish(call_id, True) for call_id in asked]

    def _release(self) -> list[Wish]:
        call_id, _ = self._lowered.popitem(last=False)
        self._spared[call_id] = None
        self._calm = 0
        return [Wish(call_id, False)]

    def _found(self, nothing_left: bool) -> LoadLevel:
        if nothing_left and self._lowered and not self._spared:
            return LoadLevel.FULL
        if self._lowered:
            return LoadLevel.LOWERED
        return LoadLevel.SHEDDING if self._overloaded else LoadLevel.EASY
