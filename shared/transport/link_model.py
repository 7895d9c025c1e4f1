"""Decides the fate of each packet on one impaired direction: a state machine without clock and I/O.

May import `impairments` only. Invariant: same impairment, seed and calls, same answers.
"""

import random
from bisect import bisect_right
from collections import deque
from math import inf

from shared.transport.impairments import Impairment, PathStep

_OPEN = PathStep(0)
"""Before the first step of a path, and without one."""


class LinkModel:
    """One direction of a link. start_us: the moment on the caller's clock that blackouts and rate steps count from."""

    def __init__(self, impairment: Impairment, seed: int, start_us: int = 0) -> None:
        self._impairment = impairment
        self._start_us = start_us
        # One generator per decision: switching one impairment on does not change what the others do.
        self._losses = impairment.loss.losses(random.Random(f"{seed} loss"))
        self._jitter = random.Random(f"{seed} jitter")
        self._reorder = random.Random(f"{seed} reorder")
        self._duplicate = random.Random(f"{seed} duplicate")
        self._path_loss = random.Random(f"{seed} path")
        self._path_starts = [step.start_ms for step in impairment.path]
        self._busy_until_us = start_us
        self._queued: deque[tuple[int, int]] = deque()
        self._queued_bytes = 0
        self._last_arrival_us = start_us
        self.wait_us: int | None = None
        """How long the packet offered last stands in the queue before its first bit leaves; None: it is lost."""

    def offer(self, now_us: int, size_bytes: int) -> tuple[int, ...]:
        """Times (us) at which a packet of size_bytes (headers included), sent now, arrives: none, one or two."""
        lost = next(self._losses)
        self.wait_us = None
        if lost or self._blacked_out(now_us):
            return ()
        departure_us = self._pass_queue(now_us, size_bytes)
        if departure_us is None or self._lost_on_path(departure_us):
            self.wait_us = None
            return ()
        arrivals = [self._arrival_us(departure_us)]
        if self._duplicate.random() < self._impairment.duplicate_probability:
            arrivals.append(self._arrival_us(departure_us))
        return tuple(arrivals)

    def _blacked_out(self, now_us: int) -> bool:
        since_ms = (now_us - self._start_us) / 1000
        return any(b.start_ms <= since_ms < b.start_ms + b.duration_ms for b in self._impairment.blackouts)

    def _pass_queue(self, now_us: int, size_bytes: int) -> int | None:
        """When the packet has left a queue served at the link's rate; None when the queue is full."""
        while self._queued and self._queued[0][0] <= now_us:
            self._queued_bytes -= self._queued.popleft()[1]
        begin_us = max(now_us, self._busy_until_us)
        done_us = self._served_us(begin_us, size_bytes)
        if done_us == begin_us:
            self.wait_us = begin_us - now_us
            return begin_us
        if self._queued and self._queued_bytes + size_bytes > self._impairment.queue_bytes:
            return None
        if done_us is None:  # nothing will ever leave any more
            return None
        self.wait_us = begin_us - now_us
        self._busy_until_us = done_us
        self._queued.append((self._busy_until_us, size_bytes))
        self._queued_bytes += size_bytes
        return self._busy_until_us

    def _served_us(self, begin_us: int, size_bytes: int) -> int | None:
        """When a packet has left whose first bit leaves at begin_us; None: never."""
        if self._impairment.path:
            return self._served_on_path_us(begin_us, size_bytes)
        kbps = self._rate_kbps(begin_us)
        return begin_us if kbps is None else begin_us + round(size_bytes * 8000 / kbps)

    def _served_on_path_us(self, begin_us: int, size_bytes: int) -> int | None:
        """The same on a path, whose rate may change, or be nought for a while, before the packet has left."""
        path, at_us, left_bits = self._impairment.path, begin_us, size_bytes * 8.0
        for place in range(self._place(begin_us), len(path)):
            kbps = path[place].kbps if place >= 0 else None
            if kbps is None:
                return at_us
            needed_us = left_bits * 1000 / kbps if kbps else inf
            last = place + 1 == len(path)
            end_us = inf if last else self._start_us + path[place + 1].start_ms * 1000
            if needed_us < inf and at_us + needed_us <= end_us:
                return at_us + round(needed_us)
            if end_us < inf:
                left_bits -= kbps * (end_us - at_us) / 1000
                at_us = round(end_us)
        return None

    def _place(self, at_us: int) -> int:
        """Which step of the path holds then; -1 before the first one."""
        return bisect_right(self._path_starts, (at_us - self._start_us) / 1000) - 1

    def _step(self, at_us: int) -> PathStep:
        place = self._place(at_us)
        return self._impairment.path[place] if place >= 0 else _OPEN

    def _lost_on_path(self, departure_us: int) -> bool:
        return bool(self._path_starts) and self._path_loss.random() < self._step(departure_us).loss

    def _rate_kbps(self, at_us: int) -> float | None:
        since_ms = (at_us - self._start_us) / 1000
        return next((s.kbps for s in reversed(self._impairment.rate) if s.start_ms <= since_ms), None)

    def _arrival_us(self, departure_us: int) -> int:
        extra_ms = self._impairment.delay_ms + self._jitter.random() * self._impairment.jitter_ms
        extra_ms += self._step(departure_us).delay_ms
        in_turn_us = max(departure_us + round(extra_ms * 1000), self._last_arrival_us)
        if self._reorder.random() < self._impairment.reorder_probability:
            return in_turn_us + round(self._impairment.reorder_ms * 1000)
        self._last_arrival_us = in_turn_us
        return in_turn_us
