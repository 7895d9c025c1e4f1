"""The asyncio shell around `Rooms`: one WebSocket per connection, an outbox for each, one clock tick.

Invariant: no handler ever waits for another peer's socket; a reader that is too slow loses its connection, nobody
else's time. Whatever a peer sends, its handler ends in an orderly close.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from shared import limits
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
from signaling.ice import ice_servers
from signaling.limits import AddressRates, ConnectionRate
from signaling.logs import LOGGER_NAME
from signaling.refusal import Refused
from signaling.rooms import Deliver, Effect, Rooms
from signaling.tokens import TokenVerifier, sign_token

HEARTBEAT_S: Final = 20.0
"""A WebSocket that does not answer a ping within half of this is closed, so dead peers free their seat."""
CLOSE_TIMEOUT_S: Final = 2.0
"""How long a closing handshake may take before the socket is dropped."""
HUNG_UP: Final = "hung up"
CONNECTION_LOST: Final = "connection lost"
SERVER_STOPPING: Final = "server stopping"

_log = logging.getLogger(LOGGER_NAME)


@dataclass(frozen=True, slots=True)
class Clocks:
    """Time as functions: `monotonic_ms` for deadlines and rates, `unix_s` for the expiry of tokens."""

    monotonic_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000
    unix_s: Callable[[], float] = time.time


class Outbox:
    """Messages on their way to one peer, bounded; `run` sends them in order and then closes the socket.

    `closing`: nothing more is accepted.
    """

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._waiting: asyncio.Queue[str | WSCloseCode] = asyncio.Queue(limits.SIGNALING_OUTBOX_MESSAGES)
        self.closing = False

    def put(self, message: Message) -> None:
        """Queues a message; one that does not fit closes the connection instead."""
        if self.closing:
            return
        if self._waiting.full():
            self.close(WSCloseCode.TRY_AGAIN_LATER)
            return
        self._waiting.put_nowait(serialise(message))

    def close(self, code: WSCloseCode) -> None:
        """Closes after what is queued; when the queue is full, instead of it."""
        if self.closing:
            return
        self.closing = True
        if self._waiting.full():
            while not self._waiting.empty():
                self._waiting.get_nowait()
        self._waiting.put_nowait(code)

    async def run(self) -> None:
        """Sends until closed; a socket that breaks ends it quietly, its handler notices."""
        while isinstance(item := await self._waiting.get(), str):
            try:
                await self._socket.send_str(item)
            except ConnectionError:
                return
        await self._socket.close(code=item)


class SignalingService:
    """Rooms, tokens and sockets of one process."""

    def __init__(
        self, config: ServeConfig, secret: str, turn_secret: str | None = None, clocks: Clocks | None = None
    ) -> None:
        self.config = config
        self.stopping = False
        self.rooms = Rooms()
        self.tokens = TokenVerifier(secret)
        self.addresses = AddressRates()
        self._secret = secret
        self._turn_secret = turn_secret
        self._clocks = clocks or Clocks()
        self._outboxes: dict[int, Outbox] = {}

    def admit(self, address: str) -> int:
        """The number of a new connection from `address`; raises `Refused`."""
        now_ms = self._clocks.monotonic_ms()
        if self.stopping:
            raise Refused(ErrorCode.BUSY)
        if not self.addresses.take(address, now_ms):
            raise Refused(ErrorCode.RATE_LIMITED)
        return self.rooms.open(address, now_ms)

    def admit_request(self, address: str) -> None:
        """Counts a request for a token against its address; raises `Refused`."""
        if self.stopping:
            raise Refused(ErrorCode.BUSY)
        if not self.addresses.take(address, self._clocks.monotonic_ms()):
            raise Refused(ErrorCode.RATE_LIMITED)

    def new_room(self) -> tuple[str, str, str]:
        """A room with a name of 128 random bits, and two tokens that admit one person each."""
        room, now_s = secrets.token_urlsafe(16), self._clocks.unix_s()
        seconds = limits.SIGNALING_PAGE_TOKEN_S
        own, other = (sign_token(self._secret, room, Role.PEER, seconds, now_s) for _ in range(2))
        return room, own, other

    def renew(self, join: Join) -> str:
        """A token for coming back, see `TokenVerifier.renew`; raises `Refused`."""
        return self.tokens.renew(join, self._clocks.unix_s())

    async def serve(self, number: int, address: str, socket: web.WebSocketResponse) -> None:
        """Everything one connection does until it closes."""
        rate = ConnectionRate(address, self.addresses, self._clocks.monotonic_ms())
        outbox = self._outboxes[number] = Outbox(socket)
        writer = asyncio.create_task(outbox.run())
        try:
            await self._read(number, socket, rate)
        finally:
            self.drop(number, CONNECTION_LOST)
            outbox.close(WSCloseCode.OK)
            await _finish(writer)

    def drop(self, number: int, reason: str) -> None:
        """Takes a connection out of its room, if it is still in one, and tells the other one."""
        self._outboxes.pop(number, None)
        self._carry_out(self.rooms.leave(number, reason, self._clocks.monotonic_ms()))

    def tick(self) -> None:
        """Lets time act: join deadlines, empty rooms, used tokens."""
        self._carry_out(self.rooms.poll(self._clocks.monotonic_ms()))
        self.tokens.forget_expired(self._clocks.unix_s())

    def stop(self) -> None:
        """Says goodbye to everybody and admits nobody any more. Calls go on: they are peer to peer."""
        self.stopping = True
        for outbox in self._outboxes.values():
            outbox.put(Bye(SERVER_STOPPING))
            outbox.close(WSCloseCode.GOING_AWAY)

    async def _read(self, number: int, socket: web.WebSocketResponse, rate: ConnectionRate) -> None:
        outbox = self._outboxes[number]
        async for frame in socket:
            try:
                if not rate.take(self._clocks.monotonic_ms()):
                    raise Refused(ErrorCode.RATE_LIMITED)
                if frame.type is not WSMsgType.TEXT:
                    raise Refused(ErrorCode.MALFORMED)
                self._handle(number, parse(frame.data))
            except RemoteError as error:
                refused = error if isinstance(error, Refused) else Refused(ErrorCode.MALFORMED)
                _log.warning("refused", extra={"connection": number, "code": refused.code.value})
                outbox.put(refused.as_message())
                # Before it has joined, a connection has one try: tokens cannot be guessed on a single socket.
                if rate.exhausted or not self.rooms.has_joined(number):
                    outbox.close(WSCloseCode.POLICY_VIOLATION)
            if not self.rooms.is_open(number):
                break

    def _handle(self, number: int, message: Message) -> None:
        match message:
            case Join():
                self._join(number, message)
            case Offer() | Answer() | Candidate():
                self._carry_out(self.rooms.relay(number, message))
            case Bye():
                self.drop(number, HUNG_UP)
            case _:
                raise Refused(ErrorCode.MALFORMED)

    def _join(self, number: int, join: Join) -> None:
        now_s = self._clocks.unix_s()
        claims = self.tokens.verify(join, now_s)
        # A token is used up only by a join that succeeds: somebody turned away at a full room may come back.
        self.rooms.check_join(number, join.room, join.role)
        self.tokens.spend(claims, now_s)
        servers = ice_servers(self.config.ice_urls, self._turn_secret, now_s)
        self._carry_out(self.rooms.join(number, join.room, join.role, servers))
        counts = {"rooms": self.rooms.room_count, "connections": self.rooms.connection_count}
        _log.info("joined", extra={"connection": number, "role": join.role.value, **counts})

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            outbox = self._outboxes.get(effect.connection)
            if outbox is None:
                continue
            if isinstance(effect, Deliver):
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
