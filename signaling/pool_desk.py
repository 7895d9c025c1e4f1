"""What the connections of this process mean for the pool of receivers, and the pool for them.

    a sender's seat:      entered, heard, left --+                    +--> Assign --> the worker's WebSocket
    a worker's WebSocket: told, gone ------------+--> Pool, effects --+--> close
    other processes' workers: told_by, given ----+                    +--> Line --> another process's worker

Must not read sockets. Invariant: a room is wished for as long as the sender that asked sits in it, in this process, which alone
gives it away; every process knows all workers, so two may give one the same place: it declines the second and the room goes on.
"""

import hashlib
import hmac
from collections import Counter
from typing import Final

from aiohttp import WSCloseCode

from shared import limits
from shared.pool_messages import Assign, Capacity, PoolMessage, Register, Released
from shared.signaling_messages import ErrorCode, Joined, Message, PeerJoined, PeerLeft, Role
from signaling.lobby import Clocks
from signaling.outbox import Outbox
from signaling.pool import Assigned, Pool, PoolEffect, PoolNumbers
from signaling.pool_line import Far, Gone, Line, NoLine, WorkerWord, heartbeat
from signaling.pool_tokens import check_pool_token
from signaling.refusal import Refused
from signaling.tokens import sign_token

MORE_PER_WORKER: Final = limits.RENDER_CALLS_MAX
"""Connections that an address may have beyond others for each worker that registered from it: one for each of its calls."""


class PoolDesk:
    """The pool as one process sees it."""

    def __init__(self, secret: str, clocks: Clocks, line: Line | None = None) -> None:
        """line: to the other processes; None: there are none."""
        self._secret, self._clocks = secret, clocks
        self._line: Line = line or NoLine()
        self._pool = Pool()
        self._outboxes: dict[int, Outbox[PoolMessage]] = {}
        self._workers: dict[int, Register] = {}
        self._far: dict[Far, int] = {}
        self._next_far = -1
        self._addresses: dict[int, str] = {}
        self._accompanied: set[int] = set()
        self._wishes: dict[int, str] = {}

    @property
    def numbers(self) -> PoolNumbers:
        """For metrics."""
        return self._pool.numbers

    def connections_of(self, address: str) -> int:
        """How many connections this address may have."""
        workers = Counter(self._addresses.values())[self._hidden(address)]
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
                self._outboxes[number], self._addresses[number] = outbox, self._hidden(address)
                self._workers[number] = message
                self._line.tell(number, self._addresses[number], heartbeat(message, message))
                self._carry_out(effects)
            case Capacity(calls):
                self._carry_out(self._pool.capacity(number, calls, now_ms))
                self._line.tell(number, self._addresses[number], heartbeat(self._workers[number], message))
            case Released(room):
                self._carry_out(self._pool.released(number, room, now_ms))
                self._line.tell(number, self._addresses[number], message)
            case _:
                raise Refused(ErrorCode.MALFORMED)

    def gone(self, number: int) -> None:
        """The connection is closed; one that was no worker's is no error."""
        self._outboxes.pop(number, None)
        address = self._addresses.pop(number, None)
        if self._workers.pop(number, None) is not None and address is not None:
            self._line.tell(number, address, Gone())
        self._carry_out(self._pool.leave(number, self._clocks.monotonic_ms()))

    def told_by(self, far: Far, address: str, word: WorkerWord) -> None:
        """See `Ears`: a worker of another process, known here by a number below zero."""
        number, now_ms = self._far.get(far), self._clocks.monotonic_ms()
        match word:
            case Register(_, name, calls, watch) if number is None:
                number, self._next_far = self._next_far, self._next_far - 1
                effects = self._pool.register(number, name, calls, watch, now_ms)
                self._far[far], self._addresses[number] = number, address
                self._carry_out(effects)
            case Register(calls=calls) if number is not None:
                self._carry_out(self._pool.capacity(number, calls, now_ms))
            case Released(room) if number is not None:
                self._carry_out(self._pool.released(number, room, now_ms))
            case Gone() if number is not None:
                self._forget_far(number)
                self._carry_out(self._pool.leave(number, now_ms))

    def given(self, number: int, assign: Assign) -> None:
        """See `Ears`; a worker that is gone meanwhile is missed by the other process within POOL_JOIN_MS."""
        if number in self._outboxes:
            self._outboxes[number].put(assign)

    async def start(self) -> None:
        """Opens the line; call first. Raises UserError."""
        await self._line.start(self)

    async def close(self) -> None:
        """Closes the line; call last."""
        await self._line.close()

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

    async def watch(self, room: str) -> tuple[str, str] | None:
        """Base address and bearer key for viewers of the room; None: nobody shows it now. Raises `Refused`."""
        return self._pool.watch(room) or await self._line.shown(room)

    def poll(self) -> None:
        """What time alone brings about; call about once a second."""
        self._carry_out(self._pool.poll(self._clocks.monotonic_ms()))
        told = {room: self._pool.watch(room) for room in self._wishes.values()}
        self._line.show({room: where for room, where in told.items() if where is not None})

    def _carry_out(self, effects: list[PoolEffect]) -> None:
        for effect in effects:
            outbox = self._outboxes.get(effect.worker)
            if isinstance(effect, Assigned):
                assign = Assign(effect.room, self._seat_token(effect.room), effect.watch_key)
                if outbox is not None:
                    outbox.put(assign)
                elif (far := self._far_of(effect.worker)) is not None:
                    self._line.give(far, assign)
            elif outbox is not None:
                outbox.close(WSCloseCode.GOING_AWAY)
            else:
                self._forget_far(effect.worker)

    def _far_of(self, number: int) -> Far | None:
        return next((far for far, known in self._far.items() if known == number), None)

    def _forget_far(self, number: int) -> None:
        far = self._far_of(number)
        if far is not None:
            del self._far[far]
            self._addresses.pop(number, None)

    def _hidden(self, address: str) -> str:
        """An address as other processes see it: equal for all of them, and nobody's address."""
        return hmac.new(self._secret.encode(), address.encode(), hashlib.sha256).hexdigest()[:32]

    def _seat_token(self, room: str) -> str:
        seconds, now_s = limits.SIGNALING_PAGE_TOKEN_S, self._clocks.unix_s()
        return sign_token(self._secret, room, Role.RECEIVER, seconds, now_s, seat=True)
