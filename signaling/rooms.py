"""The state machine of rooms: who is connected, who sits where, who is told what. No I/O and no clock.

Everything that can change a room stands here. Calls return `Effect`s for the shell to carry out, or raise `Refused`
and have changed nothing. Time is handed in as `now_ms`.

    open() -> PENDING --join()--> JOINED --leave()--> gone
                 \\--deadline in poll()--> gone

Invariant: at most two peers a room, never two senders or two receivers; rooms and connections stay within their
limits, in total and per address; a room that nobody is in is forgotten after its time to live.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared import limits
from shared.signaling_messages import (
    ErrorCode,
    IceServer,
    Joined,
    Message,
    PeerJoined,
    PeerLeft,
    Relayed,
    Role,
)
from signaling.refusal import Refused


@dataclass(frozen=True, slots=True)
class Deliver:
    """Send `message` to this connection."""

    connection: int
    message: Message


@dataclass(frozen=True, slots=True)
class Close:
    """Tell this connection why, then close it; `leave` has been done already."""

    connection: int
    code: ErrorCode


Effect = Deliver | Close


@dataclass(slots=True)
class _Connection:
    address: str
    deadline_ms: int
    room: str | None = None
    role: Role = Role.PEER


@dataclass(slots=True)
class _Room:
    opener: str
    members: list[int] = field(default_factory=list)
    empty_since_ms: int | None = None


class Rooms:
    """All rooms and connections of one process."""

    def __init__(self) -> None:
        self._connections: dict[int, _Connection] = {}
        self._rooms: dict[str, _Room] = {}
        self._next_connection = 1

    @property
    def room_count(self) -> int:
        """Rooms, those that wait for their time to live included."""
        return len(self._rooms)

    @property
    def connection_count(self) -> int:
        """Connections, those that have not joined included."""
        return len(self._connections)

    def is_open(self, connection: int) -> bool:
        """False once a connection has left or passed its deadline."""
        return connection in self._connections

    def has_joined(self, connection: int) -> bool:
        """True while the connection sits in a room."""
        return connection in self._connections and self._connections[connection].room is not None

    def is_occupied(self, room: str) -> bool:
        """True while somebody sits in the room."""
        return room in self._rooms and bool(self._rooms[room].members)

    def open(self, address: str, now_ms: int, most: int = limits.SIGNALING_CONNECTIONS_PER_ADDRESS) -> int:
        """The number of a new connection, which must join before its deadline; raises `Refused`. most: of this address."""
        same = sum(c.address == address for c in self._connections.values())
        if len(self._connections) >= limits.SIGNALING_CONNECTIONS_MAX or same >= most:
            raise Refused(ErrorCode.TOO_MANY_CONNECTIONS)
        number = self._next_connection
        self._next_connection += 1
        self._connections[number] = _Connection(address, now_ms + limits.SIGNALING_JOIN_DEADLINE_MS)
        return number

    def check_join(self, connection: int, room: str, role: Role) -> None:
        """Raises `Refused` when `join` with the same arguments would."""
        peer = self._peer(connection)
        if peer.room is not None:
            raise Refused(ErrorCode.ALREADY_JOINED)
        if room not in self._rooms:
            self._check_new_room(peer.address)
            return
        members = self._rooms[room].members
        if len(members) >= limits.SIGNALING_PEERS_PER_ROOM:
            raise Refused(ErrorCode.ROOM_FULL)
        if role is not Role.PEER and any(self._connections[other].role is role for other in members):
            raise Refused(ErrorCode.ROLE_TAKEN)

    def join(
        self, connection: int, room: str, role: Role, ice_servers: tuple[IceServer, ...]
    ) -> list[Effect]:
        """Seats the connection; the newcomer hears `Joined`, the other one `PeerJoined`. Raises `Refused`."""
        self.check_join(connection, room, role)
        peer = self._peer(connection)
        seats = self._rooms.setdefault(room, _Room(peer.address))
        others = list(seats.members)
        seats.members.append(connection)
        seats.empty_since_ms = None
        peer.room, peer.role = room, role
        # The one who was there first is polite: its own offer yields when two cross (perfect negotiation).
        joined = Joined(role, peer_present=bool(others), polite=not others, ice_servers=ice_servers)
        return [Deliver(connection, joined), *_to(others, PeerJoined(role))]

    def relay(self, connection: int, message: Relayed) -> list[Effect]:
        """Passes a description or candidate on to the other one; raises `Refused`."""
        if self._peer(connection).room is None:
            raise Refused(ErrorCode.NOT_JOINED)
        others = self._others(connection)
        if not others:
            raise Refused(ErrorCode.NO_PEER)
        return _to(others, message)

    def leave(self, connection: int, reason: str, now_ms: int) -> list[Effect]:
        """Forgets the connection and tells the other one; a connection that is gone already is no error."""
        if connection not in self._connections:
            return []
        others = self._others(connection)
        room = self._connections.pop(connection).room
        if room is not None:
            seats = self._rooms[room]
            seats.members.remove(connection)
            seats.empty_since_ms = None if seats.members else now_ms
        return _to(others, PeerLeft(reason))

    def poll(self, now_ms: int) -> list[Effect]:
        """What time alone brings about: connections past their deadline close, rooms past theirs vanish."""
        late = [n for n, c in self._connections.items() if c.room is None and c.deadline_ms <= now_ms]
        for number in late:
            del self._connections[number]
        oldest_ms = now_ms - limits.SIGNALING_EMPTY_ROOM_TTL_MS
        self._rooms = {
            name: room
            for name, room in self._rooms.items()
            if room.empty_since_ms is None or room.empty_since_ms > oldest_ms
        }
        return [Close(number, ErrorCode.JOIN_DEADLINE) for number in late]

    def _peer(self, connection: int) -> _Connection:
        if connection not in self._connections:
            raise Refused(ErrorCode.NOT_JOINED)
        return self._connections[connection]

    def _check_new_room(self, address: str) -> None:
        same = sum(room.opener == address for room in self._rooms.values())
        if len(self._rooms) >= limits.SIGNALING_ROOMS_MAX or same >= limits.SIGNALING_ROOMS_PER_ADDRESS:
            raise Refused(ErrorCode.TOO_MANY_ROOMS)

    def _others(self, connection: int) -> list[int]:
        room = self._connections[connection].room
        return [] if room is None else [n for n in self._rooms[room].members if n != connection]


def _to(connections: Iterable[int], message: Message) -> list[Effect]:
    return [Deliver(connection, message) for connection in connections]
