"""The two bounded queues of a transport: messages that wait for the session, and RT messages that wait for
the wire.

Must not import aiortc. Invariant: neither queue ever holds more than its limits in `shared.limits`.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from shared.errors import LimitExceeded
from shared.frames import Channel
from shared.limits import CTL_RECEIVE_QUEUE, RT_OUTBOX_MAX_AGE_MS, RT_OUTBOX_MAX_BYTES, RT_RECEIVE_QUEUE
from shared.transport.base import TransportClosed


class ReceiveQueue:
    """Received messages in order of arrival. RT: the oldest is dropped at the bound; CTL: the bound is an error."""

    def __init__(self) -> None:
        self._items: deque[tuple[Channel, bytes]] = deque()
        self._counts = {Channel.RT: 0, Channel.CTL: 0}
        self._arrived = asyncio.Event()
        self._closed: TransportClosed | None = None
        self.rt_dropped = 0

    def put(self, channel: Channel, data: bytes) -> None:
        """Append a message; raises LimitExceeded when CTL overflows. Ignored after the close."""
        if self._closed is not None:
            return
        if channel is Channel.CTL and self._counts[channel] >= CTL_RECEIVE_QUEUE:
            raise LimitExceeded(f"more than {CTL_RECEIVE_QUEUE} control messages wait to be read")
        if channel is Channel.RT and self._counts[channel] >= RT_RECEIVE_QUEUE:
            self._drop_oldest_rt()
        self._counts[channel] += 1
        self._items.append((channel, data))
        self._arrived.set()

    def close(self, reason: TransportClosed) -> None:
        """Let readers have what is queued, then raise `reason`; the first reason stays."""
        self._closed = self._closed or reason
        self._arrived.set()

    def closed_error(self) -> TransportClosed:
        """A new TransportClosed with the reason of the close (one exception object must not be raised twice)."""
        if self._closed is None:
            return TransportClosed("the transport is not open yet")
        error = TransportClosed(str(self._closed))
        error.__cause__ = self._closed.__cause__
        return error

    async def get(self) -> tuple[Channel, bytes]:
        """The oldest message, waiting for one; raises TransportClosed."""
        while not self._items:
            if self._closed is not None:
                raise self.closed_error()
            self._arrived.clear()
            await self._arrived.wait()
        channel, data = self._items.popleft()
        self._counts[channel] -= 1
        return channel, data

    def _drop_oldest_rt(self) -> None:
        oldest = next(i for i, (channel, _) in enumerate(self._items) if channel is Channel.RT)
        del self._items[oldest]
        self._counts[Channel.RT] -= 1
        self.rt_dropped += 1


class RtOutbox:
    """RT messages that the congestion window holds back: the newest are kept, stale ones are dropped and counted."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._items: deque[tuple[float, bytes]] = deque()
        self._bytes = 0
        self.dropped = 0

    def push(self, data: bytes) -> None:
        """Append a message; stale ones, and at RT_OUTBOX_MAX_BYTES the oldest, give way to it."""
        self._drop_stale()
        self._items.append((self._now_s(), data))
        self._bytes += len(data)
        while self._bytes > RT_OUTBOX_MAX_BYTES:
            self._take()
            self.dropped += 1

    def pop(self) -> bytes | None:
        """The oldest message that is not older than RT_OUTBOX_MAX_AGE_MS, or None."""
        self._drop_stale()
        return self._take() if self._items else None

    def _drop_stale(self) -> None:
        limit_s = self._now_s() - RT_OUTBOX_MAX_AGE_MS / 1000
        while self._items and self._items[0][0] < limit_s:
            self._take()
            self.dropped += 1

    def _take(self) -> bytes:
        _, data = self._items.popleft()
        self._bytes -= len(data)
        return data
