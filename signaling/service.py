"""The asyncio shell around the lobby and the pool: one WebSocket per connection, an outbox for each, one clock tick.

Invariant: no handler ever waits for another peer's socket; a reader that is too slow loses its connection, nobody
else's time. Whatever a peer sends, its handler ends in an orderly close.
"""

import asyncio
import logging
import secrets
import time
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from shared import limits, pool_messages
from shared.errors import RemoteError
from shared.signaling_messages import (
    Answer,
    Bye,
    Candidate,
    ErrorCode,
    Join,
    Message,
    Offer,
    Role,
    parse,
    serialise,
)
from signaling.config import ServeConfig
from signaling.counts import ServiceCounts
from signaling.ice import ice_servers
from signaling.limits import ConnectionRate
from signaling.lobby import Clocks, Lobby, MemoryLobby
from signaling.logs import LOGGER_NAME
from signaling.outbox import Outbox
from signaling.pool_desk import PoolDesk
from signaling.pool_line import Line
from signaling.pool_tokens import check_watch_token
from signaling.refusal import Refused
from signaling.rooms import Deliver, Effect
from signaling.tokens import sign_token

HEARTBEAT_S: Final = 20.0
"""A WebSocket that does not answer a ping within half of this is closed, so dead peers free their seat."""
CLOSE_TIMEOUT_S: Final = 2.0
"""How long a closing handshake may take before the socket is dropped."""
JOIN_DEADLINE_S: Final = limits.SIGNALING_JOIN_DEADLINE_MS / 1000
_CLOSED: Final = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)
HUNG_UP: Final = "hung up"
CONNECTION_LOST: Final = "connection lost"
SERVER_STOPPING: Final = "server stopping"

_log = logging.getLogger(LOGGER_NAME)


class SignalingService:
    """The sockets of one process, and what their peers ask of the lobby."""

    def __init__(
        self,
        config: ServeConfig,
        secret: str,
        turn_secret: str | None = None,
        clocks: Clocks | None = None,
        lobby: Lobby | None = None,
        line: Line | None = None,
    ) -> None:
        """lobby: where rooms are kept; default: in this process's memory. line: to other processes' pools."""
        self.config = config
        self.stopping = False
        self.draining = False
        self.counts = ServiceCounts()
        self._secret = secret
        self._turn_secret = turn_secret
        self._clocks = clocks or Clocks()
        self.lobby: Lobby = lobby or MemoryLobby(secret, self._clocks)
        self.pool = PoolDesk(secret, self._clocks, line)
        self._outboxes: dict[int, Outbox[Message]] = {}

    @property
    def ready(self) -> bool:
        """Whether somebody who wants to open a room should be sent here."""
        full = self.lobby.connection_count >= limits.SIGNALING_CONNECTIONS_MAX
        return self.lobby.ready and not (full or self.draining or self.stopping)

    async def start(self) -> None:
        """Opens the lobby; call first. Raises UserError."""
        await self.lobby.start(self._carry_out)
        await self.pool.start()

    async def close(self) -> None:
        """Closes the lobby; call last."""
        await self.pool.close()
        await self.lobby.close()

    async def admit(self, address: str) -> int:
        """The number of a new connection from `address`; raises `Refused`."""
        await self.admit_request(address)
        try:
            return await self.lobby.open(address, self.pool.connections_of(address))
        except Refused as refused:
            self.count_refusal(refused.code.value)
            raise

    async def admit_request(self, address: str) -> None:
        """Counts a request against its address; raises `Refused`."""
        try:
            if self.stopping:
                raise Refused(ErrorCode.BUSY)
            if not await self.lobby.take(address):
                raise Refused(ErrorCode.RATE_LIMITED)
        except Refused as refused:
            self.count_refusal(refused.code.value)
            raise

    def count_refusal(self, code: str) -> None:
        """One more; code: of an error message, or another word from a fixed list."""
        self.counts.refusals[code] += 1

    def new_room(self) -> tuple[str, str, str]:
        """A room with a name of 128 random bits, and two tokens that admit one person each."""
        room, now_s = secrets.token_urlsafe(16), self._clocks.unix_s()
        seconds = limits.SIGNALING_PAGE_TOKEN_S
        own, other = (sign_token(self._secret, room, Role.PEER, seconds, now_s) for _ in range(2))
        return room, own, other

    async def renew(self, join: Join) -> str:
        """A token for coming back, see `TokenVerifier.renew`; raises `Refused`."""
        return await self.lobby.renew(join)

    async def serve(self, number: int, address: str, socket: web.WebSocketResponse) -> None:
        """Everything one connection does until it closes."""
        rate = ConnectionRate(self._clocks.monotonic_ms())
        outbox = self._outboxes[number] = Outbox(socket, serialise)
        writer = asyncio.create_task(outbox.run())
        try:
            await self._read(number, address, socket, rate)
        finally:
            await self.drop(number, CONNECTION_LOST)
            outbox.close(WSCloseCode.OK)
            await _finish(writer)

    async def serve_worker(self, number: int, address: str, socket: web.WebSocketResponse) -> None:
        """Everything one receiver of the pool says until it closes."""
        rate = ConnectionRate(self._clocks.monotonic_ms())
        outbox = Outbox(socket, pool_messages.serialise)
        writer = asyncio.create_task(outbox.run())
        try:
            await self._read_worker(number, address, socket, rate, outbox)
        finally:
            self.pool.gone(number)
            await self.drop(number, CONNECTION_LOST)
            outbox.close(WSCloseCode.OK)
            await _finish(writer)

    async def watch(self, room: str, token: str) -> tuple[str, str] | None:
        """Base address and bearer key for a viewer of the room, None: nobody shows it now. Raises `Refused`."""
        check_watch_token(self._secret, token, room, self._clocks.unix_s())
        return await self.pool.watch(room)

    async def drop(self, number: int, reason: str) -> None:
        """Takes a connection out of its room, if it is still in one, and tells the other one."""
        self._outboxes.pop(number, None)
        self.pool.left(number)
        await self.lobby.leave(number, reason)

    async def tick(self) -> None:
        """Lets time act: join deadlines, empty rooms, used tokens, leases, silent receivers."""
        await self.lobby.poll()
        self.pool.poll()

    def drain(self) -> None:
        """From now on nobody opens a room here; who is in one may be joined, and goes on."""
        self.draining = True

    def stop(self) -> None:
        """Says goodbye to everybody and admits nobody any more. Calls go on: they are peer to peer."""
        self.stopping = True
        for outbox in self._outboxes.values():
            outbox.put(Bye(SERVER_STOPPING))
            outbox.close(WSCloseCode.GOING_AWAY)
        self.pool.stop()

    async def _read_worker(
        self, number: int, address: str, socket: web.WebSocketResponse, rate: ConnectionRate,
        outbox: Outbox[pool_messages.PoolMessage],
    ) -> None:  # fmt: skip
        while not outbox.closing:
            try:
                # Until it has registered, a connection is like any other: its address's, and with a deadline.
                async with asyncio.timeout(None if self.pool.is_registered(number) else JOIN_DEADLINE_S):
                    frame = await socket.receive()
                if frame.type in _CLOSED:
                    return
                await self._check_rate(address, rate)
                if frame.type is not WSMsgType.TEXT:
                    raise Refused(ErrorCode.MALFORMED)
                self.pool.told(number, address, pool_messages.parse(frame.data), outbox)
                await self.lobby.leave(number, "")
            except TimeoutError:
                self._refuse_worker(Refused(ErrorCode.JOIN_DEADLINE), outbox)
            except RemoteError as error:
                refused = error if isinstance(error, Refused) else Refused(ErrorCode.MALFORMED)
                self._refuse_worker(refused, outbox)

    def _refuse_worker(self, refused: Refused, outbox: Outbox[pool_messages.PoolMessage]) -> None:
        _log.warning("refused-receiver", extra={"code": refused.code.value})
        self.count_refusal(refused.code.value)
        outbox.put(refused.as_message())
        outbox.close(WSCloseCode.POLICY_VIOLATION)

    async def _read(
        self, number: int, address: str, socket: web.WebSocketResponse, rate: ConnectionRate
    ) -> None:
        outbox = self._outboxes[number]
        async for frame in socket:
            try:
                await self._check_rate(address, rate)
                if frame.type is not WSMsgType.TEXT:
                    raise Refused(ErrorCode.MALFORMED)
                await self._timed(number, parse(frame.data))
            except RemoteError as error:
                refused = error if isinstance(error, Refused) else Refused(ErrorCode.MALFORMED)
                _log.warning("refused", extra={"connection": number, "code": refused.code.value})
                self.count_refusal(refused.code.value)
                outbox.put(refused.as_message())
                # Before it has joined, a connection has one try: tokens cannot be guessed on a single socket.
                if rate.exhausted or not self.lobby.has_joined(number):
                    outbox.close(WSCloseCode.POLICY_VIOLATION)
            if not self.lobby.is_open(number):
                break

    async def _check_rate(self, address: str, rate: ConnectionRate) -> None:
        if not rate.take(self._clocks.monotonic_ms()):
            raise Refused(ErrorCode.RATE_LIMITED)
        if not await self.lobby.take(address):
            rate.violated()
            raise Refused(ErrorCode.RATE_LIMITED)

    async def _timed(self, number: int, message: Message) -> None:
        self.counts.messages[type(message).__name__.lower()] += 1
        started_s = time.perf_counter()
        await self._handle(number, message)
        self.counts.handling.add(time.perf_counter() - started_s)

    async def _handle(self, number: int, message: Message) -> None:
        match message:
            case Join():
                await self._join(number, message)
            case Offer() | Answer() | Candidate():
                await self.lobby.relay(number, message)
            case Bye():
                await self.drop(number, HUNG_UP)
            case _:
                raise Refused(ErrorCode.MALFORMED)

    async def _join(self, number: int, join: Join) -> None:
        servers = ice_servers(self.config.ice_urls, self._turn_secret, self._clocks.unix_s())
        claims = await self.lobby.join(number, join, servers, may_open=not self.draining)
        if claims.pool:
            self.pool.entered(number, claims.room)
        self.counts.joins[join.role.value] += 1
        counts = {"rooms": self.lobby.room_count, "connections": self.lobby.connection_count}
        _log.info("joined", extra={"connection": number, "role": join.role.value, **counts})

    def _carry_out(self, effect: Effect) -> None:
        outbox = self._outboxes.get(effect.connection)
        if outbox is None:
            return
        if isinstance(effect, Deliver):
            self.pool.heard(effect.connection, effect.message)
            outbox.put(effect.message)
        else:
            outbox.put(Refused(effect.code).as_message())
            outbox.close(WSCloseCode.POLICY_VIOLATION)


async def _finish(writer: asyncio.Task[None]) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await writer
    except TimeoutError:
        writer.cancel()
