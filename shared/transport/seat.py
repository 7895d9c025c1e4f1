"""The way to the peer: a seat in its room, kept over lost calls, taken anew when the service let it go.

Must not import codecs or an end. Invariant: a token is read at the moment it is used, so that a fresh one in the same place
serves to come back.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from shared.limits import PEER_SILENCE_MS
from shared.signaling_messages import Join
from shared.transport.base import Transport
from shared.transport.signaling_client import Meeting, NoConnection, enter_room
from shared.transport.webrtc import WebRtcConfig

CONNECT_TRIES: Final = 3
"""Of 24 set-ups on a link that loses every fifth packet one did not come about, after 10 s."""


class Seat:
    """`meet` as often as a peer is lost; `leave` at the end."""

    def __init__(self, url: str, join: Callable[[], Join]) -> None:
        """url: of the signaling service. join: the way into the room; may raise UserError."""
        self._url, self._join = url, join
        self._meeting: Meeting | None = None

    async def meet(self) -> Transport:
        """An open transport to the peer. Raises UserError and RemoteError, see `shared.transport.signaling_client`."""
        for _ in range(CONNECT_TRIES - 1):
            with suppress(NoConnection):
                return await self._call()
        return await self._call()

    async def _call(self) -> Transport:
        if self._meeting is not None and self._meeting.lost:
            await self.leave()
        if self._meeting is None:
            self._meeting = await enter_room(self._url, self._join())
        return await self._meeting.call(WebRtcConfig(idle_timeout_s=PEER_SILENCE_MS / 1000))

    async def leave(self) -> None:
        """Give the seat up, if there is one."""
        meeting, self._meeting = self._meeting, None
        if meeting is not None:
            await meeting.leave()
