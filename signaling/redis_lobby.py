"""The lobby that any number of signaling processes share: its state stands in Redis, see `redis_scripts`.

    process A  --program--> Redis --"to:B"--> process B --> the peer's WebSocket

Imports redis.asyncio; nothing else does. Invariant: nothing but leases is true for long: a process renews those of its own
connections and writes them anew when Redis forgot them; whatever Redis does, a peer hears "busy" or nothing, and its
call, which is peer to peer, goes on. Clocks of the machines must agree to about a second (NTP does).
"""

import asyncio
import hashlib
import hmac
import logging
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from shared import limits
from shared.errors import RemoteError, UserError
from shared.signaling_messages import (
    ErrorCode,
    IceServer,
    Join,
    Joined,
    Message,
    PeerJoined,
    PeerLeft,
    Relayed,
    Role,
    parse,
    serialise,
)
from signaling.lobby import CarryOut, Clocks
from signaling.logs import LOGGER_NAME
from signaling.redis_scripts import SOURCES
from signaling.refusal import Refused
from signaling.rooms import Close, Deliver
from signaling.tokens import Claims, TokenVerifier

RECONNECT_S: Final = 0.3
"""Pause before Redis is asked to listen again."""
CONNECTION_LOST: Final = "connection lost"
_ALONE_RENEWALS: Final = 2
"""A partner that two renewals in a row did not find is gone without a word: its process was killed."""
_FAILURES: Final = (RedisError, OSError, TimeoutError)

_log = logging.getLogger(LOGGER_NAME)


@dataclass(slots=True)
class _Seat:
    """A connection of this process. held: what came for it while its join was under way; None otherwise."""

    address: str
    deadline_ms: int
    room: str | None = None
    role: Role = Role.PEER
    accompanied: bool = False
    alone: int = 0
    held: list[Message] | None = None


class RedisLobby:
    """See `Lobby`; `url` as redis://HOST:PORT/DATABASE, the same for all processes, as is the secret."""

    def __init__(self, url: str, secret: str, clocks: Clocks, password: str | None = None) -> None:
        """Raises UserError for an address that is none."""
        self._place = urlsplit(url).netloc
        try:
            self._redis: Any = Redis.from_url(
                url,
                password=password,
                decode_responses=True,
                socket_timeout=limits.SIGNALING_STORE_TIMEOUT_S,
                socket_connect_timeout=limits.SIGNALING_STORE_TIMEOUT_S,
                # A program that was perhaps run must not be run again: a token would seem used.
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError:
            raise UserError(f"{url!r} is no Redis address. Give --redis redis://HOST:PORT/0.") from None
        self._programs = {name: self._redis.register_script(text) for name, text in SOURCES.items()}
        self._process = secrets.token_hex(8)
        self._secret, self._clocks = secret.encode(), clocks
        self._tokens = TokenVerifier(secret)
        self._seats: dict[int, _Seat] = {}
        self._next = 1
        self._renew_at_ms = 0
        self._listening = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None
        self._carry_out: CarryOut = lambda effect: None

    # --- what is known here ---------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """See `Lobby`."""
        return self._listening.is_set()

    @property
    def room_count(self) -> int:
        """See `Lobby`."""
        return len({seat.room for seat in self._seats.values() if seat.room is not None})

    @property
    def connection_count(self) -> int:
        """See `Lobby`."""
        return len(self._seats)

    def is_open(self, connection: int) -> bool:
        """See `Lobby`."""
        return connection in self._seats

    def has_joined(self, connection: int) -> bool:
        """See `Lobby`."""
        return connection in self._seats and self._seats[connection].room is not None

    # --- what is asked of Redis -----------------------------------------------------------------------------------------

    async def start(self, carry_out: CarryOut) -> None:
        """See `Lobby`."""
        self._carry_out = carry_out
        try:
            await self._redis.ping()
        except _FAILURES as error:
            kind = type(error).__name__
            raise UserError(
                f"Redis at {self._place} does not answer ({kind}). Start it, or leave out --redis."
            ) from None
        self._listener = asyncio.create_task(self._listen())
        await self._listening.wait()

    async def close(self) -> None:
        """See `Lobby`."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait({self._listener})
        await self._redis.aclose()

    async def take(self, address: str) -> bool:
        """See `Lobby`."""
        keys = [f"facewire:rate:{self._hidden(address)}"]
        per_ms = limits.SIGNALING_ADDRESS_MESSAGES_PER_S / 1000
        arguments = [self._now_ms(), per_ms, limits.SIGNALING_ADDRESS_MESSAGES_BURST]
        return bool(await self._run("take", keys, arguments))

    async def open(self, address: str, most: int = limits.SIGNALING_CONNECTIONS_PER_ADDRESS) -> int:
        """See `Lobby`."""
        number, hidden = self._next, self._hidden(address)
        self._next += 1
        if len(self._seats) >= limits.SIGNALING_CONNECTIONS_MAX:
            raise Refused(ErrorCode.TOO_MANY_CONNECTIONS)
        deadline_ms = self._clocks.monotonic_ms() + limits.SIGNALING_JOIN_DEADLINE_MS
        seat = self._seats[number] = _Seat(hidden, deadline_ms)
        lease = [self._now_ms(), limits.SIGNALING_LEASE_MS, self._socket(number), most]
        try:
            if not await self._run("open", [_sockets(seat)], lease):
                raise Refused(ErrorCode.TOO_MANY_CONNECTIONS)
        except BaseException:
            self._seats.pop(number, None)
            raise
        return number

    async def join(
        self, connection: int, join: Join, servers: tuple[IceServer, ...], *, may_open: bool = True
    ) -> Claims:
        """See `Lobby`."""
        claims = self._tokens.claims_of(join, self._clocks.unix_s())
        seat = self._seat(connection)
        if seat.room is not None:
            raise Refused(ErrorCode.ALREADY_JOINED)
        seat.held = []
        try:
            others = await self._sit_down(connection, seat, claims, may_open)
            seat.room, seat.role, seat.accompanied = join.room, join.role, others > 0
            # The one who was there first is polite, see `Rooms.join`.
            joined = Joined(join.role, peer_present=others > 0, polite=others == 0, ice_servers=servers)
            self._carry_out(Deliver(connection, joined))
        finally:
            held, seat.held = seat.held or [], None
            for message in held:
                self._heard(connection, message)
        return claims

    async def relay(self, connection: int, message: Relayed) -> None:
        """See `Lobby`."""
        seat = self._seat(connection)
        if seat.room is None:
            raise Refused(ErrorCode.NOT_JOINED)
        arguments = [self._now_ms(), self._name(connection, seat.role), serialise(message)]
        if not await self._run("relay", [_room(seat.room)], arguments):
            raise Refused(ErrorCode.NO_PEER)

    async def leave(self, connection: int, reason: str) -> None:
        """See `Lobby`. When Redis cannot be told, the seat's lease ends by itself."""
        seat = self._seats.pop(connection, None)
        if seat is None:
            return
        with suppress(Refused):
            await self._run("close", [_sockets(seat)], [self._socket(connection)])
            if seat.room is not None:
                name = self._name(connection, seat.role)
                told = serialise(PeerLeft(reason))
                ttl = limits.SIGNALING_EMPTY_ROOM_TTL_MS
                arguments = [self._now_ms(), name, seat.room, seat.address, ttl, told]
                await self._run("leave", [_room(seat.room), _opener(seat.room)], arguments)

    async def renew(self, join: Join) -> str:
        """See `Lobby`."""
        now_s = self._clocks.unix_s()
        claims = self._tokens.claims_of(join, now_s)
        keys = [f"facewire:used:{claims.token_id}", f"facewire:renewed:{claims.token_id}"]
        if not await self._run("renew", keys, [self._left_ms(claims), int(claims.seat)]):
            raise Refused(ErrorCode.USED_TOKEN)
        return self._tokens.seat_token(claims, now_s)

    async def poll(self) -> None:
        """See `Lobby`."""
        now_ms = self._clocks.monotonic_ms()
        for number, seat in list(self._seats.items()):
            if seat.room is None and seat.held is None and seat.deadline_ms <= now_ms:
                await self.leave(number, CONNECTION_LOST)
                self._carry_out(Close(number, ErrorCode.JOIN_DEADLINE))
        if now_ms >= self._renew_at_ms:
            await self._hold_all(now_ms)

    async def _sit_down(self, connection: int, seat: _Seat, claims: Claims, may_open: bool) -> int:
        keys = [_room(claims.room), _opener(claims.room), f"facewire:used:{claims.token_id}"]
        arguments = [
            *(self._now_ms(), limits.SIGNALING_LEASE_MS, self._name(connection, claims.role)),
            *(claims.role.value, claims.room, seat.address, self._left_ms(claims), int(may_open)),
            *(limits.SIGNALING_SHARED_ROOMS_MAX, limits.SIGNALING_ROOMS_PER_ADDRESS),
            *(limits.SIGNALING_PEERS_PER_ROOM, serialise(PeerJoined(claims.role))),
        ]
        answer = await self._run("join", keys, arguments)
        if isinstance(answer, str):
            raise Refused(ErrorCode(answer))
        return int(answer)

    async def _run(self, name: str, keys: list[str], arguments: list[Any]) -> Any:
        """A program's answer; raises `Refused` when Redis gives none."""
        try:
            return await self._programs[name](keys=keys, args=arguments)
        except _FAILURES as error:
            _log.warning("redis-failed", extra={"code": type(error).__name__})
            raise Refused(ErrorCode.BUSY) from None

    # --- leases ---------------------------------------------------------------------------------------------------------

    async def _hold_all(self, now_ms: int) -> None:
        """Renews every lease of this process in one go; what fails is tried again at the next poll."""
        held = [(number, seat) for number, seat in self._seats.items() if seat.held is None]
        if not held:
            return
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for number, seat in held:
                    await self._programs["hold"](*self._hold_arguments(number, seat), client=pipe)
                answers = await pipe.execute(raise_on_error=False)
        except _FAILURES as error:
            _log.warning("redis-failed", extra={"code": type(error).__name__})
            return
        self._renew_at_ms = now_ms + limits.SIGNALING_LEASE_RENEW_MS
        for (number, seat), others in zip(held, answers, strict=True):
            if isinstance(others, int) and self._seats.get(number) is seat and seat.room is not None:
                await self._held(number, seat, others)

    def _hold_arguments(self, number: int, seat: _Seat) -> tuple[list[str], list[Any]]:
        room = seat.room or ""
        name = self._name(number, seat.role) if room else ""
        lease = [self._now_ms(), limits.SIGNALING_LEASE_MS, self._socket(number), seat.address]
        return [_sockets(seat), _room(room), _opener(room)], [
            *lease,
            name,
            room,
            limits.SIGNALING_PEERS_PER_ROOM,
        ]

    async def _held(self, number: int, seat: _Seat, others: int) -> None:
        if others < 0:
            await self.leave(number, CONNECTION_LOST)
            self._carry_out(Close(number, ErrorCode.ROOM_FULL))
            return
        seat.alone = 0 if others else seat.alone + 1
        if seat.accompanied and seat.alone >= _ALONE_RENEWALS:
            self._heard(number, PeerLeft(CONNECTION_LOST))

    # --- what other processes say ---------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Hears what is said to connections of this process, again and again after Redis was away."""
        while True:
            with suppress(*_FAILURES):
                async with self._redis.pubsub() as line:
                    await line.subscribe(f"facewire:to:{self._process}")
                    while True:
                        # A lost subscription shows in an answer that does not come.
                        said = await line.get_message(timeout=limits.SIGNALING_LEASE_RENEW_MS / 1000)
                        if said is None:
                            await line.ping()
                        elif said["type"] == "subscribe":
                            # Redis may have forgotten us, and connections to the old one are dead.
                            await self._redis.connection_pool.disconnect(inuse_connections=False)
                            self._renew_at_ms = 0
                            self._listening.set()
                        elif said["type"] == "message":
                            self._take_delivery(said["data"])
            self._listening.clear()
            _log.warning("redis-lost")
            await asyncio.sleep(RECONNECT_S)

    def _take_delivery(self, text: str) -> None:
        number, _, message = text.partition(" ")
        with suppress(
            ValueError, RemoteError
        ):  # whoever can write to this Redis is trusted, but not to be free of faults
            self._heard(int(number), parse(message))

    def _heard(self, connection: int, message: Message) -> None:
        seat = self._seats.get(connection)
        if seat is None:
            return
        if seat.held is not None:
            seat.held.append(message)
            return
        if isinstance(message, PeerJoined):
            seat.accompanied, seat.alone = True, 0
        if isinstance(message, PeerLeft):
            if not seat.accompanied:
                return
            seat.accompanied = False
        self._carry_out(Deliver(connection, message))

    # --- names ----------------------------------------------------------------------------------------------------------

    def _seat(self, connection: int) -> _Seat:
        if connection not in self._seats:
            raise Refused(ErrorCode.NOT_JOINED)
        return self._seats[connection]

    def _now_ms(self) -> int:
        return int(self._clocks.unix_s() * 1000)

    def _left_ms(self, claims: Claims) -> int:
        return max(1, claims.expires_s * 1000 - self._now_ms())

    def _socket(self, connection: int) -> str:
        return f"{self._process}:{connection}"

    def _name(self, connection: int, role: Role) -> str:
        return f"{self._socket(connection)}:{role.value}"

    def _hidden(self, address: str) -> str:
        """An address as Redis sees it: equal for all processes, and nobody's address."""
        return hmac.new(self._secret, address.encode(), hashlib.sha256).hexdigest()[:32]


def _room(name: str) -> str:
    return f"facewire:room:{name}"


def _opener(name: str) -> str:
    return f"facewire:opener:{name}"


def _sockets(seat: _Seat) -> str:
    return f"facewire:sockets:{seat.address}"
