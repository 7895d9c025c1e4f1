"""One call, however many connections it takes: a peer that is lost is waited for, and the recordings go on.

    meet -> ReceiverSession -> lost? -> meet again ... -> the end, with its reason

Must not import torch, aiortc or aiohttp (transports are handed in). Invariant: sinks and statistics are the call's, not a
connection's; a peer that said goodbye, or that does not speak the protocol, is not waited for.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from receiver.call_end import CallEnd, EndReason
from receiver.clock import monotonic_us
from receiver.session import ReceiverSession
from receiver.sinks.connection import CallTime, ConnectionSinks
from receiver.sinks.open import SinkSet
from shared.transport.base import Transport
from shared.transport.rejoin import Meet, meet_again

_LOG = logging.getLogger("facewire.receiver")
MakeSession = Callable[[Transport, SinkSet, float | None], Awaitable[ReceiverSession]]


class ReceiverCall:
    """`run` once. `sinks` are closed by whoever opened them."""

    def __init__(
        self,
        meet: Meet,
        make_session: MakeSession,
        sinks: SinkSet,
        seconds: float | None = None,
        rejoin_seconds: float = 0.0,
        now_us: Callable[[], int] = monotonic_us,
    ) -> None:
        """meet: an open transport to the peer; raises UserError or RemoteError. make_session: from a transport, sinks and how
        long it may last, in seconds. seconds: length of the call from the first connection on. rejoin_seconds: how long a
        lost peer is waited for, each time.
        """
        self._meet, self._make_session, self._sinks = meet, make_session, sinks
        self._seconds, self._rejoin_seconds, self._now_us = seconds, rejoin_seconds, now_us
        self._time = CallTime(now_us)
        self._stop = asyncio.Event()
        self.session: ReceiverSession | None = None
        """Of the newest connection; None before the first."""
        self.waits = False
        """Whether a lost peer is waited for just now."""

    def stop(self) -> None:
        """Ends the call in good order; `run` returns soon after."""
        self._stop.set()
        if self.session is not None:
            self.session.stop()

    async def run(self) -> CallEnd:
        """The whole call. Errors of the first meeting are raised; a UserError of a session, too."""
        transport: Transport | None = await self._unless_stopped(self._meet())
        start_us = self._now_us()
        end = CallEnd(EndReason.STOPPED)
        while transport is not None:
            end = await self._connection(transport, self._left_s(start_us))
            if end.reason is not EndReason.PEER_LOST or self._sinks.empty:
                break
            transport = await self._again(self._left_s(start_us))
        if end.reason is EndReason.PEER_LOST and self._stop.is_set():
            return CallEnd(EndReason.STOPPED)
        return end

    async def _connection(self, transport: Transport, left_s: float | None) -> CallEnd:
        sinks = ConnectionSinks(self._sinks, self._time)
        try:
            self.session = await self._make_session(transport, sinks, left_s)
        except BaseException:
            await transport.close()
            raise
        if self._stop.is_set():
            self.session.stop()
        return await self.session.run()

    async def _again(self, left_s: float | None) -> Transport | None:
        """The peer's next transport, None when it does not come in time or this end has had enough."""
        wait_s = self._rejoin_seconds if left_s is None else min(self._rejoin_seconds, left_s)
        self.waits = wait_s > 0
        if self.waits:
            _LOG.warning("the other end is gone; waiting up to %g s for it to come back", wait_s)
        try:
            return await self._unless_stopped(meet_again(self._meet, wait_s))
        finally:
            self.waits = False

    async def _unless_stopped(self, meeting: Awaitable[Transport | None]) -> Transport | None:
        """What `meeting` gives, None when `stop` comes first."""
        trying, stopping = asyncio.ensure_future(meeting), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({trying, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return trying.result() if trying.done() else None
        finally:
            for task in (trying, stopping):
                task.cancel()
            await asyncio.wait({trying, stopping})

    def _left_s(self, start_us: int) -> float | None:
        if self._seconds is None:
            return None
        return max(0.0, self._seconds - (self._now_us() - start_us) / 1_000_000)
