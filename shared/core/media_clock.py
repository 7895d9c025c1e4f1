"""The one media clock of a receiver: when on the local clock a moment of the sender's media is due.

    due_us = media_ms * 1000 + offset_us        offset_us = transit that 95 % of the media keep + margin

Must not import coders or the wire. Invariant: the offset stays within PLAYOUT_MAX_DELAY_MS of the shortest transit
seen in the window; while voice plays only `shift` moves it, at the voice's own seams. The percentile of a
sliding window is that of Moon, Kurose and Towsley, "Packet audio playout delay adjustment" (Multimedia Systems, 1998);
the window also follows clock drift (200 ppm is 2 ms in 10 s).
"""

from collections import deque
from typing import Final

from shared.limits import (
    PLAYOUT_MARGIN_MS,
    PLAYOUT_MAX_DELAY_MS,
    PLAYOUT_RESYNC_MS,
    PLAYOUT_START_MS,
    PLAYOUT_WINDOW_ITEMS,
    PLAYOUT_WINDOW_MS,
)

PERCENTILE: Final = 0.95
ADAPT_EVERY_US: Final = 100_000
SLEW_US: Final = 4000
"""Without voice the delay shrinks by at most this every ADAPT_EVERY_US: 4 % faster pictures, which nobody sees."""


class TransitWindow:
    """Transit times (arrival minus media time, microseconds, arbitrary origin) of the last PLAYOUT_WINDOW_MS."""

    def __init__(self) -> None:
        self._items: deque[tuple[int, int]] = deque(maxlen=PLAYOUT_WINDOW_ITEMS)

    def add(self, transit_us: int, now_us: int) -> None:
        """Note one arrival; those that left the window go."""
        self._items.append((now_us, transit_us))
        while self._items[0][0] < now_us - PLAYOUT_WINDOW_MS * 1000:
            self._items.popleft()

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()

    def bounds(self) -> tuple[int, int] | None:
        """Shortest transit, and the one that PERCENTILE of the items keep; None when empty."""
        if not self._items:
            return None
        transits = sorted(transit_us for _, transit_us in self._items)
        return transits[0], transits[-(-len(transits) * 95 // 100) - 1]


class MediaClock:
    """Maps media time to local time and adapts the playout delay."""

    def __init__(self) -> None:
        self.offset_us: int | None = None
        self.resyncs = 0
        self._voice = TransitWindow()
        self._motion = TransitWindow()
        self._target_us = 0
        self._shortest_us = 0
        self._adapted_us: int | None = None
        self._late_floor: tuple[int, int] | None = None
        self._implausible_since_us: int | None = None

    def arrived(self, media_ms: int, now_us: int, voice: bool) -> None:
        """Media of this time arrived. The first starts the clock; only impossible times for a second start it anew."""
        transit_us = now_us - media_ms * 1000
        if self.offset_us is None:
            self._anchor(transit_us, now_us, voice)
        elif self._plausible(transit_us):
            self._implausible_since_us = None
            (self._voice if voice else self._motion).add(transit_us, now_us)
        elif self._implausible_since_us is None:
            self._implausible_since_us = now_us
        elif now_us - self._implausible_since_us >= PLAYOUT_RESYNC_MS * 1000:
            self.resyncs += 1
            self._anchor(transit_us, now_us, voice)

    def late_voice(self, media_ms: int, now_us: int) -> None:
        """Voice came too late to be played: for a window's length the delay is at least what it would have needed."""
        needed_us = now_us - media_ms * 1000 + PLAYOUT_MARGIN_MS * 1000
        if needed_us > self._shortest_us + PLAYOUT_MAX_DELAY_MS * 1000:
            return
        floor_us = max(needed_us, self._floor_us(now_us) or needed_us)
        self._late_floor = (floor_us, now_us + PLAYOUT_WINDOW_MS * 1000)
        self._target_us = max(self._target_us, floor_us)

    def due_us(self, media_ms: int) -> int | None:
        """Local time at which media_ms is due, None before the clock started."""
        return None if self.offset_us is None else media_ms * 1000 + self.offset_us

    @property
    def wanted_growth_ms(self) -> int:
        """How much longer the delay should be (negative: shorter)."""
        return 0 if self.offset_us is None else int((self._target_us - self.offset_us) / 1000)

    def shift(self, by_ms: int) -> None:
        """Lengthen (or shorten) the delay now: the voice has made room at a seam."""
        if self.offset_us is not None:
            self.offset_us += by_ms * 1000

    def adapt(self, now_us: int, voice_plays: bool) -> None:
        """Measure anew now and then; without voice the delay follows: up at once, down gently."""
        if self.offset_us is None or (
            self._adapted_us is not None and now_us - self._adapted_us < ADAPT_EVERY_US
        ):
            return
        self._adapted_us = now_us
        self._measure(now_us)
        if not voice_plays:
            self.offset_us = max(self._target_us, self.offset_us - SLEW_US)

    def _measure(self, now_us: int) -> None:
        bounds = [found for found in (self._voice.bounds(), self._motion.bounds()) if found is not None]
        if not bounds:
            return
        self._shortest_us = min(shortest_us for shortest_us, _ in bounds)
        wanted_us = max(kept_us for _, kept_us in bounds) + PLAYOUT_MARGIN_MS * 1000
        floor_us = self._floor_us(now_us)
        wanted_us = wanted_us if floor_us is None else max(wanted_us, floor_us)
        self._target_us = min(wanted_us, self._shortest_us + PLAYOUT_MAX_DELAY_MS * 1000)

    def _floor_us(self, now_us: int) -> int | None:
        if self._late_floor is None or now_us > self._late_floor[1]:
            return None
        return self._late_floor[0]

    def _plausible(self, transit_us: int) -> bool:
        late_us = self._shortest_us + PLAYOUT_MAX_DELAY_MS * 1000
        early_us = self._shortest_us - 2 * PLAYOUT_MAX_DELAY_MS * 1000
        return early_us <= transit_us <= late_us

    def _anchor(self, transit_us: int, now_us: int, voice: bool) -> None:
        self._voice.clear()
        self._motion.clear()
        self._late_floor = self._implausible_since_us = None
        (self._voice if voice else self._motion).add(transit_us, now_us)
        self._shortest_us = transit_us
        self.offset_us = self._target_us = transit_us + PLAYOUT_START_MS * 1000
        self._adapted_us = now_us
