"""Where a load runs: in this process, or spread over several that each hold the network and a share of the calls.

One process runs Python on one core. A fast GPU serves more calls than one core can decode, mix and mark; several receivers on the
same GPU, each with its own copy of the weights, are how an operator uses the rest.

Must not import engines before they are asked for. Invariant: however many processes, a load is one `Load` over all its calls.
"""

import asyncio
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol, TypeVar

from models.runtime.base import ModelInfo
from models.runtime.choose import choose_backend
from models.runtime.warm_up import warm_up
from models.weights import use_weights
from receiver.bench.calls import Load, run_calls
from receiver.bench.machine import rss_mb
from receiver.bench.tape import read_tape
from receiver.render_worker import RenderWorker
from shared.errors import UserError

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Choice:
    """What was asked for; see `models.runtime.choose.choose_backend`. weights: one's own, or None."""

    backend: str
    size: str
    threads: int | None
    weights: Path | None


@dataclass(frozen=True, slots=True)
class Described:
    """What was opened for it."""

    backend: str
    device: str
    model: ModelInfo
    batch_max: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A load and the memory of all processes at its end, in MB; None where the system does not tell."""

    load: Load
    rss_mb: float | None


class Engine(Protocol):
    """A network, ready, in one process or several."""

    described: Described

    def run(self, calls: int, seconds: float, batch_max: int) -> Outcome:
        """Serve so many calls for so long, in batches of at most batch_max."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class LocalEngine:
    """In this process."""

    def __init__(self, choice: Choice) -> None:
        """Raises UserError when the backend cannot be opened."""
        if choice.weights:
            use_weights(choice.weights)
        self._backend = choose_backend(choice.backend, choice.size, choice.threads)
        warm_up(self._backend)
        self._tape = read_tape()
        backend = self._backend
        self.described = Described(backend.name, backend.device, backend.model, backend.batch_max)

    def run(self, calls: int, seconds: float, batch_max: int) -> Outcome:
        """With a worker of its own, which no load before has tired."""
        worker = RenderWorker(self._backend, batch_max)
        try:
            load = asyncio.run(run_calls(worker, self._tape, calls, seconds))
            return Outcome(load, rss_mb())
        finally:
            worker.close()

    def close(self) -> None:
        """Nothing outlives the process."""


class SpreadEngine:
    """In several processes, which begin each load together."""

    def __init__(self, choice: Choice, processes: int) -> None:
        """Raises UserError when one of them cannot open the backend."""
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        for _ in range(processes):
            ours, theirs = context.Pipe()
            context.Process(target=_serve, args=(theirs, choice), daemon=True).start()
            self._pipes.append(ours)
        try:
            ready = [_answer(pipe, Described) for pipe in self._pipes]
        except Exception:
            self.close()
            raise
        self.described = ready[0]

    def run(self, calls: int, seconds: float, batch_max: int) -> Outcome:
        """Each process takes an equal share of the calls, none when there are not enough."""
        shares = [len(range(place, calls, len(self._pipes))) for place in range(len(self._pipes))]
        busy = [(pipe, share) for pipe, share in zip(self._pipes, shares, strict=True) if share]
        for pipe, share in busy:
            pipe.send((share, seconds, batch_max))
        return joined([_answer(pipe, Outcome) for pipe, _ in busy])

    def close(self) -> None:
        """End the processes."""
        for pipe in self._pipes:
            pipe.close()


def joined(outcomes: Sequence[Outcome]) -> Outcome:
    """One load of all calls; memory is the sum where all of it is known."""
    memory = [one.rss_mb for one in outcomes]
    known = [mb for mb in memory if mb is not None]
    load = Load(
        sum(one.load.calls for one in outcomes),
        outcomes[0].load.seconds,
        tuple(ms for one in outcomes for ms in one.load.latency_ms),
        sum(one.load.shed for one in outcomes),
    )
    return Outcome(load, round(sum(known), 1) if len(known) == len(memory) else None)


def _serve(pipe: Connection, choice: Choice) -> None:
    """In a process of its own: open, then run what is asked for until nobody asks any more."""
    try:
        engine = LocalEngine(choice)
        pipe.send(engine.described)
        while True:
            pipe.send(engine.run(*pipe.recv()))
    except EOFError:
        return
    except Exception as error:  # told to the process that asked, which decides
        pipe.send(UserError(str(error)) if isinstance(error, UserError) else RuntimeError(repr(error)))


def _answer(pipe: Connection, kind: type[Answer]) -> Answer:
    """What a process says next. Raises what went wrong there."""
    try:
        answer = pipe.recv()
    except EOFError:
        answer = RuntimeError("a process of the measurement ended unasked")
    if isinstance(answer, kind):
        return answer
    raise answer
