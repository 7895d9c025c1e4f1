"""Decides the fate of each packet on one impaired direction: a state machine without clock and I/O.

May import `impairments` only. Invariant: same impairment, seed and calls, same answers.
"""

import random
from collections import deque

from shared.transport.impairments import Impairment


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
        if departure_us is None:
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
        kbps = self._rate_kbps(begin_us)
        if kbps is None:
            self.wait_us = begin_us - now_us
            return begin_us
        if self._queued and self._queued_bytes + size_bytes > self._impairment.queue_bytes:
            return None
        self.wait_us = begin_us - now_us
        self._busy_until_us = begin_us + round(size_bytes * 8000 / kbps)
        self._queued.append((self._busy_until_us, size_bytes))
        self._queued_bytes += size_bytes
        return self._busy_until_us

    def _rate_kbps(self, at_us: int) -> float | None:
        since_ms = (at_us - self._start_us) / 1000
        return next((s.kbps for s in reversed(self._impairment.rate) if s.start_ms <= since_ms), None)

    def _arrival_us(self, departure_us: int) -> int:
        extra_ms = self._impairment.delay_ms + self._jitter.random() * self._impairment.jitter_ms
        in_turn_us = max(departure_us + round(extra_ms * 1000), self._last_arrival_us)
        if self._reorder.random() < self._impairment.reorder_probability:
            return in_turn_us + round(self._impairment.reorder_ms * 1000)
        self._last_arrival_us = in_turn_us
        return in_turn_us
