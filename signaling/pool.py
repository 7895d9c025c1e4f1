"""The pool of receivers: which worker takes which room. No I/O and no clock; time is handed in as `now_ms`.

    want() -> WAITING --a worker is free--> ASSIGNED --its receiver comes in--> SERVED --sender leaves--> forgotten
                 ^                              |                                 |
                 +------ too late, or the worker is gone, or the receiver left ---+   (at most POOL_TRIES_PER_MINUTE a room)

Must import `shared` and `signaling.refusal` only. Invariant: a room has one worker at most and, while somebody receives in it,
gets no other; a worker is never given more rooms than it said it could take; rooms that wait are served oldest first.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shared import limits
from shared.signaling_messages import ErrorCode
from signaling.refusal import Refused

_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Assigned:
    """Tell this worker to take the room; watch_key: 256 random bits for the room's viewers."""

    worker: int
    room: str
    watch_key: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """This worker was silent for too long, or came back on another connection: close its socket."""

    worker: int


PoolEffect = Assigned | Dropped


@dataclass(slots=True)
class _Worker:
    name: str
    free: int
    watch: str
    heard_ms: int
    turn: int = 0


@dataclass(slots=True)
class _Room:
    """worker: who has it. served: somebody receives in it. before: who had it last and gets it again only for want of another."""

    since: int
    worker: int | None = None
    served: bool = False
    assigned_ms: int = 0
    watch_key: str = ""
    before: int | None = None


@dataclass(slots=True)
class _Tries:
    minute_ms: int
    count: int = 0


@dataclass(frozen=True, slots=True)
class PoolNumbers:
    """What the pool looks like now; assignments and re-assignments since the start."""

    workers: int
    free: int
    waiting: int
    assignments: int
    reassignments: int


class Pool:
    """All workers of one process and the rooms that want one."""

    def __init__(self, new_key: Callable[[], str] = lambda: secrets.token_urlsafe(32)) -> None:
        self._new_key = new_key
        self._workers: dict[int, _Worker] = {}
        self._rooms: dict[str, _Room] = {}
        self._tries: dict[str, _Tries] = {}
        self._turns = 0
        self._assignments = 0
        self._reassignments = 0

    @property
    def numbers(self) -> PoolNumbers:
        """For metrics."""
        waiting = sum(room.worker is None and not room.served for room in self._rooms.values())
        free = sum(worker.free for worker in self._workers.values())
        return PoolNumbers(len(self._workers), free, waiting, self._assignments, self._reassignments)

    # --- workers --------------------------------------------------------------------------------------------------------

    def register(self, worker: int, name: str, free: int, watch: str, now_ms: int) -> list[PoolEffect]:
        """A worker comes in, or comes back: the one of the same name goes. Raises `Refused` when the pool is full."""
        if worker in self._workers:
            raise Refused(ErrorCode.ALREADY_JOINED)
        same = [number for number, known in self._workers.items() if known.name == name]
        if not same and len(self._workers) >= limits.POOL_WORKERS_MAX:
            raise Refused(ErrorCode.TOO_MANY_CONNECTIONS)
        gone = [effect for number in same for effect in self._drop(number)]
        self._workers[worker] = _Worker(name, free, watch, now_ms)
        return [*gone, *self._match(now_ms)]

    def capacity(self, worker: int, free: int, now_ms: int) -> list[PoolEffect]:
        """What the worker says it could take, less the rooms that it was given and has not come into yet."""
        known = self._worker(worker)
        known.heard_ms = now_ms
        under_way = sum(room.worker == worker and not room.served for room in self._rooms.values())
        known.free = max(0, free - under_way)
        return self._match(now_ms)

    def released(self, worker: int, room: str, now_ms: int) -> list[PoolEffect]:
        """The worker's call in the room has ended: unless somebody still receives there, it wants another worker."""
        self._worker(worker).heard_ms = now_ms
        wish = self._rooms.get(room)
        if wish is not None and wish.worker == worker and not wish.served:
            self._give_up(wish)
        return self._match(now_ms)

    def leave(self, worker: int, now_ms: int) -> list[PoolEffect]:
        """The worker's connection is gone; one that is gone already is no error."""
        self._drop(worker)
        return self._match(now_ms)

    # --- rooms ----------------------------------------------------------------------------------------------------------

    def want(self, room: str, now_ms: int, *, served: bool = False) -> list[PoolEffect]:
        """A sender that asks for a receiver of the pool sits in the room; served: somebody receives there already."""
        self._turns += 1
        self._rooms[room] = _Room(self._turns, served=served)
        return self._match(now_ms)

    def receiver_came(self, room: str) -> None:
        """Somebody receives in the room, sent by the pool or not."""
        if room in self._rooms:
            self._rooms[room].served = True

    def receiver_left(self, room: str, now_ms: int) -> list[PoolEffect]:
        """Nobody receives in the room any more; while its sender is there, it wants another worker."""
        if room in self._rooms:
            self._give_up(self._rooms[room])
        return self._match(now_ms)

    def forget(self, room: str) -> None:
        """The sender left. How often the room was assigned is remembered for the rest of its minute."""
        self._rooms.pop(room, None)

    def watch(self, room: str) -> tuple[str, str] | None:
        """Base address and bearer key for viewers of the room; None: nobody shows it now."""
        wish = self._rooms.get(room)
        if wish is None or not wish.served or wish.worker not in self._workers:
            return None
        base = self._workers[wish.worker].watch
        return (base, wish.watch_key) if base else None

    def poll(self, now_ms: int) -> list[PoolEffect]:
        """What time alone brings about: silent workers go, rooms whose worker did not come are given to another."""
        silent = [n for n, known in self._workers.items() if known.heard_ms + limits.POOL_LEASE_MS <= now_ms]
        gone = [effect for number in silent for effect in self._drop(number)]
        for wish in self._rooms.values():
            late = wish.assigned_ms + limits.POOL_JOIN_MS <= now_ms
            if wish.worker is not None and not wish.served and late:
                self._give_up(wish)
        self._tries = {r: t for r, t in self._tries.items() if t.minute_ms + _MINUTE_MS > now_ms}
        return [*gone, *self._match(now_ms)]

    # --- who takes what -------------------------------------------------------------------------------------------------

    def _match(self, now_ms: int) -> list[PoolEffect]:
        waiting = [(w.since, name) for name, w in self._rooms.items() if w.worker is None and not w.served]
        effects: list[PoolEffect] = []
        for _, name in sorted(waiting):
            if not any(worker.free for worker in self._workers.values()):
                break
            if self._may_try(name, now_ms):
                effects.append(self._assign(name, now_ms))
        return effects

    def _assign(self, name: str, now_ms: int) -> Assigned:
        wish = self._rooms[name]
        free = [number for number, worker in self._workers.items() if worker.free]
        # The worker that had the room last only when there is no other; then the most free calls; then the longest unused.
        chosen = min(free, key=lambda n: (n == wish.before, -self._workers[n].free, self._workers[n].turn, n))
        self._turns += 1
        self._workers[chosen].turn = self._turns
        self._workers[chosen].free -= 1
        self._assignments += 1
        self._reassignments += wish.before is not None
        self._tries.setdefault(name, _Tries(now_ms)).count += 1
        wish.worker, wish.assigned_ms, wish.watch_key = chosen, now_ms, self._new_key()
        return Assigned(chosen, name, wish.watch_key)

    def _may_try(self, name: str, now_ms: int) -> bool:
        tries = self._tries.get(name)
        if tries is not None and tries.minute_ms + _MINUTE_MS <= now_ms:
            del self._tries[name]
            return True
        return tries is None or tries.count < limits.POOL_TRIES_PER_MINUTE

    def _give_up(self, wish: _Room) -> None:
        """The room is without worker; the next one gets another key."""
        wish.before = wish.worker if wish.worker is not None else wish.before
        wish.worker, wish.served, wish.watch_key = None, False, ""

    def _drop(self, worker: int) -> list[PoolEffect]:
        if self._workers.pop(worker, None) is None:
            return []
        for wish in self._rooms.values():
            # A room in which somebody still receives keeps its seat: another receiver would find it taken.
            if wish.worker == worker and not wish.served:
                self._give_up(wish)
        return [Dropped(worker)]

    def _worker(self, worker: int) -> _Worker:
        if worker not in self._workers:
            raise Refused(ErrorCode.NOT_JOINED)
        return self._workers[worker]
