"""One call of the service: from its assignment to its end, apart from all others.

    Assignment --> RoomSeat --> ReceiverCall --> sinks of this call alone --> how it ended

Must not import engines. Invariant: `run` never raises, whatever a peer, a sink or a session does: it says how the call ended;
what the call opened is closed by then.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from receiver.call import ReceiverCall
from receiver.call_end import EndReason
from receiver.clock import monotonic_us
from receiver.render_worker import RenderWorker
from receiver.session_maker import SessionMaker
from receiver.sinks.open import SinkSet
from receiver.stats import CallStats
from shared.limits import POOL_MEET_S
from shared.signaling_messages import Join, Role
from shared.transport.base import Transport

_LOG: Final = logging.getLogger("facewire.receiver.service")

FAILED: Final = "failed"
NEVER_CAME: Final = "the sender never came"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A room to take. token: admits into it, again and again. watch_key: of its viewers."""

    room: str
    token: str
    watch_key: str


class RoomSeat(Protocol):
    """As `shared.transport.seat.Seat`."""

    async def meet(self) -> Transport:
        """An open transport to the sender; again when it was lost. Raises UserError and RemoteError."""
        ...

    async def leave(self) -> None:
        """Give the seat up, if there is one."""
        ...


Enter = Callable[[Callable[[], Join]], RoomSeat]
"""A seat, from what gives the way into the room whenever it is needed."""
OpenSinks = Callable[[Assignment], SinkSet]
"""The sinks of one call; may take a moment. Raises UserError."""


class RunningCall:
    """`run` once."""

    def __init__(
        self,
        assignment: Assignment,
        worker: RenderWorker,
        enter: Enter,
        open_sinks: OpenSinks,
        rejoin_seconds: float,
    ) -> None:
        """rejoin_seconds: see `ReceiverCall`."""
        self.room = assignment.room
        self.stats = CallStats(joined_us=monotonic_us())
        self.maker = SessionMaker(worker, self.stats)
        self._assignment, self._open_sinks, self._rejoin_seconds = assignment, open_sinks, rejoin_seconds
        self._seat = enter(self._join)
        self._call: ReceiverCall | None = None
        self._stopped = False

    @property
    def token(self) -> str:
        """The newest that admits into the room."""
        return self._assignment.token

    def renew(self, assignment: Assignment) -> None:
        """Come back by this one from now on, if the seat was lost; the call and its viewers stay as they are."""
        self._assignment = assignment

    def stop(self) -> None:
        """Ends the call in good order; `run` returns soon after."""
        self._stopped = True
        if self._call is not None:
            self._call.stop()

    async def run(self) -> str:
        """The whole call; why it ended, in words that name nobody."""
        try:
            return await self._run()
        except TimeoutError:
            return NEVER_CAME
        except (
            Exception
        ) as error:  # whatever breaks one call is not for the others; its text may quote a peer
            _LOG.warning("a call failed: %s", type(error).__name__)
            return FAILED

    async def _run(self) -> str:
        sinks = await asyncio.to_thread(self._open_sinks, self._assignment)
        try:
            self._call = ReceiverCall(self._meet, self.maker, sinks, None, self._rejoin_seconds)
            if self._stopped:
                return EndReason.STOPPED.value
            return (await self._call.run()).reason.value
        finally:
            await self._seat.leave()
            await asyncio.to_thread(sinks.close)

    async def _meet(self) -> Transport:
        """The sender sat in the room when it was assigned: one that does not come in this time has left."""
        async with asyncio.timeout(POOL_MEET_S):
            return await self._seat.meet()

    def _join(self) -> Join:
        return Join(self._assignment.room, Role.RECEIVER, self._assignment.token)
