"""What the service asks of the place where rooms, rates and used tokens are kept, and that place in memory.

`MemoryLobby` is one process's own; `redis_lobby.RedisLobby` is shared by many. Both pass the same tests
(tests/signaling/test_lobby.py). No I/O here. Invariant: a refused call has changed nothing; a peer hears `Joined` before
anything that the other one says.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shared import limits
from shared.signaling_messages import ErrorCode, IceServer, Join, Relayed
from signaling.limits import AddressRates
from signaling.refusal import Refused
from signaling.rooms import Effect, Rooms
from signaling.tokens import Claims, TokenVerifier

CarryOut = Callable[[Effect], None]


@dataclass(frozen=True, slots=True)
class Clocks:
    """Time as functions: `monotonic_ms` for deadlines and rates, `unix_s` for tokens and for what processes share."""

    monotonic_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000
    unix_s: Callable[[], float] = time.time


class Lobby(Protocol):
    """Who is connected, who sits where, who is told what. Methods raise `Refused` and nothing else."""

    @property
    def ready(self) -> bool:
        """Whether somebody could be let in now, as far as this place is concerned."""

    @property
    def room_count(self) -> int:
        """Rooms that connections of this process sit in, or that it still counts."""

    @property
    def connection_count(self) -> int:
        """Connections of this process, those that have not joined included."""

    def is_open(self, connection: int) -> bool:
        """False once a connection has left or passed its deadline."""

    def has_joined(self, connection: int) -> bool:
        """True while the connection sits in a room."""

    async def start(self, carry_out: CarryOut) -> None:
        """Call first. carry_out: does what the lobby wants done to connections of this process. Raises UserError."""

    async def close(self) -> None:
        """Lets go of what `start` opened."""

    async def take(self, address: str) -> bool:
        """True when one more message or request of this address is within its rate."""

    async def open(self, address: str, most: int = limits.SIGNALING_CONNECTIONS_PER_ADDRESS) -> int:
        """A new connection's number. most: connections of this address, this one included."""

    async def join(
        self, connection: int, join: Join, servers: tuple[IceServer, ...], *, may_open: bool = True
    ) -> Claims:
        """Uses up the token, whose claims are returned, and seats the connection. may_open: whether a room that nobody is in
        may be entered."""

    async def relay(self, connection: int, message: Relayed) -> None:
        """Passes a description or candidate on to the other one in the room."""

    async def leave(self, connection: int, reason: str) -> None:
        """Forgets the connection and tells the other one; a connection that is gone already is no error."""

    async def renew(self, join: Join) -> str:
        """A token for coming back, see `TokenVerifier.renew`."""

    async def poll(self) -> None:
        """What time alone brings about; call about once a second."""


class MemoryLobby:
    """The lobby of a service that is one process: nothing to install, and all of it is gone when the process ends."""

    ready = True

    def __init__(self, secret: str, clocks: Clocks) -> None:
        self.rooms = Rooms()
        self.addresses = AddressRates()
        self.tokens = TokenVerifier(secret)
        self._clocks = clocks
        self._carry_out: CarryOut = lambda effect: None

    @property
    def room_count(self) -> int:
        """See `Lobby`."""
        return self.rooms.room_count

    @property
    def connection_count(self) -> int:
        """See `Lobby`."""
        return self.rooms.connection_count

    def is_open(self, connection: int) -> bool:
        """See `Lobby`."""
        return self.rooms.is_open(connection)

    def has_joined(self, connection: int) -> bool:
        """See `Lobby`."""
        return self.rooms.has_joined(connection)

    async def start(self, carry_out: CarryOut) -> None:
        """See `Lobby`."""
        self._carry_out = carry_out

    async def close(self) -> None:
        """See `Lobby`."""

    async def take(self, address: str) -> bool:
        """See `Lobby`."""
        return self.addresses.take(address, self._clocks.monotonic_ms())

    async def open(self, address: str, most: int = limits.SIGNALING_CONNECTIONS_PER_ADDRESS) -> int:
        """See `Lobby`."""
        return self.rooms.open(address, self._clocks.monotonic_ms(), most)

    async def join(
        self, connection: int, join: Join, servers: tuple[IceServer, ...], *, may_open: bool = True
    ) -> Claims:
        """See `Lobby`."""
        now_s = self._clocks.unix_s()
        claims = self.tokens.verify(join, now_s)
        # A token is used up only by a join that succeeds: somebody turned away at a full room may come back.
        self.rooms.check_join(connection, join.room, join.role)
        if not may_open and not self.rooms.is_occupied(join.room):
            raise Refused(ErrorCode.BUSY)
        self.tokens.spend(claims, now_s)
        self._do(self.rooms.join(connection, join.room, join.role, servers))
        return claims

    async def relay(self, connection: int, message: Relayed) -> None:
        """See `Lobby`."""
        self._do(self.rooms.relay(connection, message))

    async def leave(self, connection: int, reason: str) -> None:
        """See `Lobby`."""
        self._do(self.rooms.leave(connection, reason, self._clocks.monotonic_ms()))

    async def renew(self, join: Join) -> str:
        """See `Lobby`."""
        return self.tokens.renew(join, self._clocks.unix_s())

    async def poll(self) -> None:
        """See `Lobby`."""
        self._do(self.rooms.poll(self._clocks.monotonic_ms()))
        self.tokens.forget_expired(self._clocks.unix_s())

    def _do(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._carry_out(effect)
