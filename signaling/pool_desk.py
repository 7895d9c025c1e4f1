"""What the connections of this process mean for the pool of receivers, and the pool for them.

    a sender's seat:      entered, heard, left --+                    +--> Assign --> the worker's WebSocket
    a worker's WebSocket: told, gone ------------+--> Pool, effects --+--> close

Must not read sockets. Invariant: a room is wished for as long as the sender that asked sits in it, in this process; whoever
may watch a room is told where by `watch`, and nobody else.
"""

from collections import Counter
from typing import Final

from aiohttp import WSCloseCode

from shared import limits
from shared.pool_messages import Assign, Capacity, PoolMessage, Register, Released
from shared.signaling_messages import ErrorCode, Joined, Message, PeerJoined, PeerLeft, Role
from signaling.lobby import Clocks
from signaling.outbox import Outbox
from signaling.pool import Assigned, Pool, PoolEffect, PoolNumbers
from signaling.pool_tokens import check_pool_token
from signaling.refusal import Refused
from signaling.tokens import sign_token

MORE_PER_WORKER: Final = limits.RENDER_CALLS_MAX
"""Connections that an address may have beyond others for each worker that registered from it: one for each of its calls."""


class PoolDesk:
    """The pool of one process."""

    def __init__(self, secret: str, clocks: Clocks) -> None:
        self._secret, self._clocks = secret, clocks
        self._pool = Pool()
        self._outboxes: dict[int, Outbox[PoolMessage]] = {}
        self._addresses: dict[int, str] = {}
        self._accompanied: set[int] = set()
        self._wishes: dict[int, str] = {}

    @property
    def numbers(self) -> PoolNumbers:
        """For metrics."""
        return self._pool.numbers

    def connections_of(self, address: str) -> int:
        """How many connections this address may have."""
        workers = Counter(self._addresses.values())[address]
        return limits.SIGNALING_CONNECTIONS_PER_ADDRESS + MORE_PER_WORKER * workers

    # --- workers ----------------------------------------------------------------------------------------------------------

    def is_registered(self, number: int) -> bool:
        """Whether this connection is a worker's."""
        return number in self._outboxes

    def told(self, number: int, address: str, message: PoolMessage, outbox: Outbox[PoolMessage]) -> None:
        """A worker's message; raises `Refused`."""
        now_ms = self._clocks.monotonic_ms()
        match message:
            case Register(token, name, calls, watch):
                check_pool_token(self._secret, token, self._clocks.unix_s())
                effects = self._pool.register(number, name, calls, watch, now_ms)
                self._outboxes[number], self._addresses[number] = outbox, address
                self._carry_out(effects)
            case Capacity(calls):
                self._carry_out(self._pool.capacity(number, calls, now_ms))
            case Released(room):
                self._carry_out(self._pool.released(number, room, now_ms))
            case _:
                raise Refused(ErrorCode.MALFORMED)

    def gone(self, number: int) -> None:
        """The connection is closed; one that was no worker's is no error."""
        self._outboxes.pop(number, None)
        self._addresses.pop(number, None)
        self._carry_out(self._pool.leave(number, self._clocks.monotonic_ms()))

    def stop(self) -> None:
        """The process ends: workers register elsewhere, or here again."""
        for outbox in self._outboxes.values():
            outbox.close(WSCloseCode.GOING_AWAY)

    # --- rooms ------------------------------------------------------------------------------------------------------------

    def heard(self, connection: int, message: Message) -> None:
        """What a peer of this process is told; call with everything, in order."""
        match message:
            case Joined(peer_present=accompanied):
                if accompanied:
                    self._accompanied.add(connection)
            case PeerJoined():
                self._accompanied.add(connection)
                if connection in self._wishes:
                    self._pool.receiver_came(self._wishes[connection])
            case PeerLeft():
                self._accompanied.discard(connection)
                if connection in self._wishes:
                    room = self._wishes[connection]
                    self._carry_out(self._pool.receiver_left(room, self._clocks.monotonic_ms()))

    def entered(self, connection: int, room: str) -> None:
        """A sender that wants a receiver of the pool sits in the room."""
        self._wishes[connection] = room
        served = connection in self._accompanied
        self._carry_out(self._pool.want(room, self._clocks.monotonic_ms(), served=served))

    def left(self, connection: int) -> None:
        """A peer of this process is gone; one that was never here is no error."""
        self._accompanied.discard(connection)
        room = self._wishes.pop(connection, None)
        # The sender may have come back on another connection before this one was found dead.
        if room is not None and room not in self._wishes.values():
            self._pool.forget(room)

    def watch(self, room: str) -> tuple[str, str] | None:
        """Base address and bearer key for viewers of the room; None: nobody shows it now."""
        return self._pool.watch(room)

    def poll(self) -> None:
        """What time alone brings about; call about once a second."""
        self._carry_out(self._pool.poll(self._clocks.monotonic_ms()))

    def _carry_out(self, effects: list[PoolEffect]) -> None:
        for effect in effects:
            outbox = self._outboxes.get(effect.worker)
            if outbox is None:
                continue
            if isinstance(effect, Assigned):
                outbox.put(Assign(effect.room, self._seat_token(effect.room), effect.watch_key))
            else:
                outbox.close(WSCloseCode.GOING_AWAY)

    def _seat_token(self, room: str) -> str:
        seconds, now_s = limits.SIGNALING_PAGE_TOKEN_S, self._clocks.unix_s()
        return sign_token(self._secret, room, Role.RECEIVER, seconds, now_s, seat=True)
