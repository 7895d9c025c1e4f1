"""Meets the other peer in a room of the signaling service and returns the open call; again, when the call is lost.

The seat in the room is kept while calls come and go: a peer that starts anew finds this one there, without a fresh token.
Whoever comes into the room makes the offer; after a loss without a newcomer, whoever came second. When two offers cross, the
one who was there first yields. May import `shared` and aiohttp. Invariant: once the call is open the service may stop or
vanish, the call goes on; tokens, rooms and session descriptions are never logged or put into an error message.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

import aiohttp

from shared.errors import RemoteError, UserError
from shared.limits import SIGNALING_MESSAGE_MAX_BYTES, TRANSPORT_OPEN_TIMEOUT_S
from shared.signaling_messages import (
    Answer,
    Bye,
    Candidate,
    Error,
    ErrorCode,
    Join,
    Joined,
    Message,
    Offer,
    PeerJoined,
    PeerLeft,
    parse,
    serialise,
)
from shared.transport.base import TransportClosed
from shared.transport.webrtc import WebRtcConfig, WebRtcTransport

_HEARTBEAT_S: Final = 20.0
_CONNECT_TIMEOUT_S: Final = 10.0
_CLOSE_TIMEOUT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class MeetTimeouts:
    """How long to wait, in seconds: for the service's answer, for the other peer to come, for the connection to it."""

    join_s: float = 10.0
    peer_s: float = 120.0
    open_s: float = TRANSPORT_OPEN_TIMEOUT_S


class NoConnection(UserError):
    """The other peer was met, but no connection to it came about: on a bad path the next attempt may succeed."""


class _RoomLost(Exception):
    """The service closed the WebSocket."""


class _Room:
    """One WebSocket to the service, as messages.

    first: this end was in the room before the other. lost: the service is gone.
    """

    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._session = session
        self._socket = socket
        self._offer: Offer | None = None
        self.first = True
        self.lost = False

    async def send(self, message: Message) -> None:
        try:
            await self._socket.send_str(serialise(message))
        except (ConnectionError, aiohttp.ClientError) as error:
            self.lost = True
            raise _RoomLost from error

    async def next(self) -> Message:
        """The next message; raises _RoomLost, or RemoteError for one that is none."""
        if self._offer is not None:
            offer, self._offer = self._offer, None
            return offer
        frame = await self._socket.receive()
        if frame.type is not aiohttp.WSMsgType.TEXT:
            self.lost = True
            raise _RoomLost
        message = parse(frame.data)
        self.first = self.first or isinstance(message, PeerJoined)
        return message

    def keep(self, offer: Offer | None) -> None:
        """Hand this out as the next message: an offer for the next call. None: forget it."""
        self._offer = offer

    @property
    def has_offer(self) -> bool:
        """Whether an offer for the next call is kept."""
        return self._offer is not None

    async def leave(self) -> None:
        """Say goodbye if anybody still listens."""
        try:
            await self.send(Bye("hung up"))
        except _RoomLost:
            pass
        finally:
            await self._socket.close()
            await self._session.close()


class Meeting:
    """A seat in a room. `call` again after a lost call; `leave` at the end."""

    def __init__(self, room: _Room, joined: Joined) -> None:
        self._room, self._joined = room, joined
        self._offers = joined.peer_present
        """Whether this end came second, and so makes the offer when nobody is new in the room."""

    @property
    def lost(self) -> bool:
        """The service is gone or has let this end go: enter again, with a fresh token."""
        return self._room.lost

    async def call(
        self, config: WebRtcConfig | None = None, timeouts: MeetTimeouts | None = None
    ) -> WebRtcTransport:
        """Meet the other peer and return the open transport; closing it keeps the seat. Errors: see `connect_call`."""
        return await self._call(config, timeouts, _stay)

    async def last_call(
        self, config: WebRtcConfig | None = None, timeouts: MeetTimeouts | None = None
    ) -> WebRtcTransport:
        """As `call`, but closing the transport gives up the seat, too; so does failing."""
        try:
            return await self._call(config, timeouts, self.leave)
        except BaseException:
            await self.leave()
            raise

    async def _call(
        self,
        config: WebRtcConfig | None,
        timeouts: MeetTimeouts | None,
        leave: Callable[[], Awaitable[None]],
    ) -> WebRtcTransport:
        settings = with_servers(config or WebRtcConfig(), self._joined)
        offering = self._offers and not self._room.has_offer
        try:
            transport = await _meet(self._room, settings, offering, timeouts or MeetTimeouts())
        except _RoomLost:
            raise UserError(
                "The signaling service closed the connection before the call began. Try again in a moment."
            ) from None
        transport.attach(_watch(self._room, transport), leave)
        return transport

    async def leave(self) -> None:
        """Give the seat up. Safe to call when the service is gone."""
        await self._room.leave()


async def enter_room(url: str, join: Join, timeouts: MeetTimeouts | None = None) -> Meeting:
    """Take a seat in a room. Raises UserError (service not reachable, token refused)."""
    async with _left_on_error(await _enter(url)) as room:
        try:
            joined = await _join(room, join, timeouts or MeetTimeouts())
        except _RoomLost:
            raise UserError(
                "The signaling service closed the connection before the call began. Try again in a moment."
            ) from None
        room.first = not joined.peer_present
        return Meeting(room, joined)


async def connect_call(
    url: str, join: Join, config: WebRtcConfig | None = None, timeouts: MeetTimeouts | None = None
) -> WebRtcTransport:
    """Join a room, meet the other peer there and return the open transport, whose `close` also leaves the room.

    The second to come makes the offer. ICE servers are those of `config`, or else those that the service hands out.
    Raises UserError (service not reachable, token refused, nobody came, no path found) and RemoteError (the peer sent a
    description that this end does not accept). To come back after a lost call, keep the seat: see `Meeting`.
    """
    return await (await enter_room(url, join, timeouts)).last_call(config, timeouts)


async def _stay() -> None:
    """How a seat is kept when a call closes."""


def with_servers(config: WebRtcConfig, joined: Joined) -> WebRtcConfig:
    """`config`, with the service's ICE servers where it names none."""
    return replace(config, ice_servers=config.ice_servers or joined.ice_servers)


@asynccontextmanager
async def _left_on_error(room: _Room) -> AsyncIterator[_Room]:
    try:
        yield room
    except BaseException:
        await room.leave()
        raise


async def _enter(url: str) -> _Room:
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_TIMEOUT_S))
    try:
        socket = await session.ws_connect(
            url,
            max_msg_size=SIGNALING_MESSAGE_MAX_BYTES + 1,  # aiohttp refuses what is not smaller
            compress=0,
            heartbeat=_HEARTBEAT_S,
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT_S),
        )
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        await session.close()
        raise UserError(_unreachable(url, error)) from error
    except BaseException:
        await session.close()
        raise
    return _Room(session, socket)


def _unreachable(url: str, error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        # Before ValueError, which a wrong certificate is, too.
        return (
            f"{url} shows a certificate that this computer does not trust ({_why_untrusted(error)}). Check the address; for a "
            "certificate of your own, name its authority's file in the environment variable SSL_CERT_FILE."
        )
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return f"{url!r} is no address of a signaling service. Give one like wss://host/ws."
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return (
            f"{url} refused the connection (HTTP {error.status}). Check the address; it usually ends in /ws."
        )
    return f"The signaling service at {url} cannot be reached. Is it running, and is the address right?"


def _why_untrusted(error: Exception) -> str:
    cause = error.__cause__
    return getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or "no TLS"


async def _join(room: _Room, join: Join, times: MeetTimeouts) -> Joined:
    await room.send(join)
    try:
        async with asyncio.timeout(times.join_s):
            message = await room.next()
    except TimeoutError:
        raise UserError(
            f"The signaling service did not answer within {times.join_s:g} s. Try again in a moment."
        ) from None
    if isinstance(message, Joined):
        return message
    raise _refusal(message)


def _refusal(message: Message) -> UserError:
    if isinstance(message, Error):
        return UserError(f"The signaling service refused ({message.code.value}): {message.message}")
    return UserError("The signaling service ended the meeting before the call began. Try again in a moment.")


async def _meet(
    room: _Room, config: WebRtcConfig, peer_present: bool, times: MeetTimeouts
) -> WebRtcTransport:
    """An open transport; each peer that leaves before the connection is open is followed by waiting for another."""
    offering = peer_present
    while True:
        transport = WebRtcTransport(config)
        try:
            if await _describe(room, transport, offering, times) and await _open(room, transport, times):
                return transport
        except BaseException:
            await transport.close()
            raise
        await transport.close()
        offering = False


async def _describe(room: _Room, transport: WebRtcTransport, offering: bool, times: MeetTimeouts) -> bool:
    """Exchange descriptions; False when the peer left meanwhile, or its own offer goes first."""
    try:
        async with asyncio.timeout(times.peer_s):
            if offering:
                await room.send(Offer(await transport.create_offer()))
            while True:
                match await room.next():
                    case Answer(sdp) if offering:
                        await transport.accept_answer(sdp)
                        return True
                    case Offer(sdp) if not offering:
                        await room.send(Answer(await transport.accept_offer(sdp)))
                        return True
                    case Offer() as crossing if room.first:
                        room.keep(crossing)
                        return False
                    case PeerLeft() | Error(code=ErrorCode.NO_PEER) if offering:
                        return False
                    case Error(code=ErrorCode.NO_PEER):
                        pass  # what was said to a peer that has left meanwhile
                    case (Error() | Bye()) as end:
                        raise _refusal(end)
                    case _:
                        pass  # peers that come and go while this end waits for an offer
    except TimeoutError:
        raise UserError(
            f"Nobody else came into the room within {times.peer_s:g} s. "
            "Check that both ends use the same room, then try again."
        ) from None


async def _open(room: _Room, transport: WebRtcTransport, times: MeetTimeouts) -> bool:
    """Wait for the connection; False when the peer left, or offers anew, before it came about. The service may already go."""
    opening = asyncio.ensure_future(transport.wait_open(times.open_s))
    replacing = asyncio.ensure_future(_replaced(room, transport))
    try:
        await asyncio.wait({opening, replacing}, return_when=asyncio.FIRST_COMPLETED)
        if not opening.done() and replacing.result():
            return False
        await opening
        return True
    except TransportClosed as error:
        raise NoConnection(
            f"The other peer was met, but no connection to it came about ({error}). "
            "Behind strict firewalls a TURN server is needed: see the signaling service's settings."
        ) from error
    finally:
        for task in (opening, replacing):
            task.cancel()
        await asyncio.wait({opening, replacing})


async def _replaced(room: _Room, transport: WebRtcTransport) -> bool:
    """Hand on the candidates that a browser still sends; True when this peer is no longer the one to connect to."""
    with suppress(_RoomLost, RemoteError):  # after nonsense no more candidates; those at hand may do
        while True:
            match await room.next():
                case Candidate(candidate, mid, line_index):
                    await transport.add_candidate(candidate, mid, line_index)
                case Offer() as anew:
                    room.keep(anew)
                    return True
                case PeerLeft() | Error(code=ErrorCode.NO_PEER):
                    return True
                case _:
                    pass
    return False


async def _watch(room: _Room, transport: WebRtcTransport) -> None:
    """Stay in the room, so that no third one enters; a peer that joins or offers during the call has probably restarted.

    Its offer is kept for the next call.
    """
    with suppress(_RoomLost, RemoteError):
        while True:
            message = await room.next()
            if isinstance(message, Offer):
                room.keep(message)
            elif isinstance(message, PeerLeft):
                room.keep(None)
            if isinstance(message, Offer | PeerJoined):
                transport.expect_sign_of_life()
            if isinstance(message, Offer):
                return  # whatever comes next belongs to the call that begins with it
