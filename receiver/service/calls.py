"""The calls that a service renders: who is taken, who is refused, and what is left when one has ended.

    assignment --take--> RunningCall (a task of its own) --ended--> on_end(room)

Must not import engines. Invariant: never more calls than places; a room has one call; the end of a call, however it comes,
frees its place and touches no other call.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

from receiver.batching.load import LoadLevel
from receiver.render_worker import RenderWorker
from receiver.service.running_call import FAILED, Assignment, RunningCall

MakeCall = Callable[[Assignment], RunningCall]


class Calls:
    """Use it in one event loop. `on_begin`, `on_end`: called with each call; they must return at once and not raise."""

    def __init__(
        self,
        worker: RenderWorker,
        places: int,
        make_call: MakeCall,
        on_begin: Callable[[RunningCall], None] = lambda call: None,
        on_end: Callable[[RunningCall], None] = lambda call: None,
    ) -> None:
        """places: most calls at once."""
        self._worker, self._places, self._make_call = worker, places, make_call
        self._on_begin, self._on_end = on_begin, on_end
        self._running: dict[str, RunningCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.draining = False
        """Set it when the process was asked to end: no call is taken any more, those that run go on."""
        self.ended: Counter[str] = Counter()
        """Calls that are over, by why."""

    @property
    def running(self) -> tuple[RunningCall, ...]:
        """Calls under way."""
        return tuple(self._running.values())

    @property
    def free(self) -> int:
        """How many calls could be taken now."""
        if self.draining or self._worker.load is LoadLevel.FULL:
            return 0
        return max(0, self._places - len(self._running))

    def take(self, assignment: Assignment) -> bool:
        """Begin a call, or go on with the one in its room by the new token. False: there is no place for it."""
        known = self._running.get(assignment.room)
        if known is not None:
            known.renew(assignment)
            return True
        if self.free == 0:
            return False
        call = self._running[assignment.room] = self._make_call(assignment)
        self._on_begin(call)
        task = asyncio.get_running_loop().create_task(self._run(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def wait(self, seconds: float) -> bool:
        """Wait until no call is left, so long; whether that came about."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)
        return not self._tasks

    async def close(self) -> None:
        """Hang up every call in good order."""
        self.draining = True
        for call in self.running:
            call.stop()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _run(self, call: RunningCall) -> None:
        reason = FAILED
        try:
            reason = await call.run()
        finally:
            del self._running[call.room]
            self.ended[reason] += 1
            self._on_end(call)
