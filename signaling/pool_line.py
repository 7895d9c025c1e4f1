"""What the pools of several signaling processes tell each other, and the line by which they do when there is one process only.

    a worker's word --PoolDesk--> Line.tell --> every other process's PoolDesk.told_by
    a room for a worker of another process --> Line.give --> that process's PoolDesk.given
    where a room is shown --> Line.show --> Line.shown, asked by any process

No I/O here. Invariant: what goes over a line is of bounded size and of a fixed number of kinds; a line that is away costs the
others' workers, after POOL_LEASE_MS, and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from shared.pool_messages import Assign, Capacity, Register, Released


@dataclass(frozen=True, slots=True)
class Gone:
    """The worker's connection is closed."""


WorkerWord = Register | Released | Gone
"""What is said of a worker. Register, without its token, is also the heartbeat: who hears of a worker late knows it then."""


@dataclass(frozen=True, slots=True)
class Far:
    """A worker of another process. process: its name, 1 to 32 letters and digits."""

    process: str
    number: int


class Ears(Protocol):
    """Who is told by a line."""

    def told_by(self, far: Far, address: str, word: WorkerWord) -> None:
        """Another process's worker said this, from a keyed hash of an address."""

    def given(self, number: int, assign: Assign) -> None:
        """Another process gives a room to a worker of this one."""


class Line(Protocol):
    """Methods never wait and never raise, but `start` and `shown`."""

    async def start(self, ears: Ears) -> None:
        """Call first. Raises UserError."""

    async def close(self) -> None:
        """Lets go of what `start` opened."""

    def tell(self, number: int, address: str, word: WorkerWord) -> None:
        """To every other process."""

    def give(self, far: Far, assign: Assign) -> None:
        """To one of them."""

    def show(self, shown: Mapping[str, tuple[str, str]]) -> None:
        """Base address and key of every room that this process gave away and that is served; call at every poll."""

    async def shown(self, room: str) -> tuple[str, str] | None:
        """Where another process's room is shown. Raises `Refused` when nobody can be asked."""


class NoLine:
    """One process: there is nobody to talk to."""

    async def start(self, ears: Ears) -> None:
        """See `Line`."""

    async def close(self) -> None:
        """See `Line`."""

    def tell(self, number: int, address: str, word: WorkerWord) -> None:
        """See `Line`."""

    def give(self, far: Far, assign: Assign) -> None:
        """See `Line`."""

    def show(self, shown: Mapping[str, tuple[str, str]]) -> None:
        """See `Line`."""

    async def shown(self, room: str) -> tuple[str, str] | None:
        """See `Line`."""
        return None


def heartbeat(worker: Register, message: Register | Capacity) -> Register:
    """What other processes are told of a worker: without its token, with what it could take now."""
    return Register("", worker.name, message.calls, worker.watch)
