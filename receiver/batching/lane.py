"""One thread that works through the batches of many calls.

Must import the standard library and this package only. Invariant: the first item of a batch waits for others at most
RENDER_BATCH_WAIT_MS, and never longer than the last batch took: gathering pays only as far as the work itself is what takes
the time.
"""

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from receiver.batching.queue import BatchQueue
from receiver.clock import monotonic_us
from shared.limits import RENDER_ACTIVE_MS, RENDER_BATCH_WAIT_MS

_LOG = logging.getLogger("facewire.receiver")
Item = TypeVar("Item")
Batch = list[tuple[int, Item]]


class BatchLane(Generic[Item]):
    """handle(batch) runs in the lane's thread; it must not raise, and what it raises is logged without its text."""

    def __init__(
        self,
        name: str,
        waiting: int,
        batch_max: int,
        handle: Callable[[Batch[Item]], None],
        now_us: Callable[[], int] = monotonic_us,
    ) -> None:
        """waiting: items of one call that may wait. batch_max: most items, each of another call, that are handled at once."""
        self._queue: BatchQueue[Item] = BatchQueue(waiting, batch_max, RENDER_ACTIVE_MS * 1000)
        self._handle, self._now_us = handle, now_us
        self._patience_us = 0
        self._changed = threading.Condition()
        self._closing = False
        self._busy: frozenset[int] = frozenset()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, call_id: int, item: Item) -> Item | None:
        """Queue an item; returns the older one of the same call that had to go for it, if any."""
        with self._changed:
            now_us = self._now_us()
            pushed_out = self._queue.put(call_id, item, now_us)
            ready_us = self._queue.ready_us(now_us, self._patience_us)
            # Waking the thread for each of hundreds of items would cost more than the batch.
            if len(self._queue) == 1 or (ready_us is not None and ready_us <= now_us):
                self._changed.notify_all()
            return pushed_out

    def drop(self, call_id: int) -> None:
        """Forget a call's items and wait until none of them is being worked on."""
        with self._changed:
            self._queue.drop(call_id)
            if threading.current_thread() is not self._thread:
                self._changed.wait_for(lambda: call_id not in self._busy)

    def close(self) -> None:
        """Finish the batch at hand and end the thread."""
        with self._changed:
            self._closing = True
            self._queue.clear()
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            start_us = self._now_us()
            try:
                self._handle(batch)
            except Exception as error:  # texts may hold what a peer sent
                _LOG.error("a batch of pictures failed: %s", type(error).__name__)
            self._patience_us = min(self._now_us() - start_us, RENDER_BATCH_WAIT_MS * 1000)

    def _next(self) -> Batch[Item] | None:
        with self._changed:
            self._busy = frozenset()
            self._changed.notify_all()
            while not self._closing:
                now_us = self._now_us()
                ready_us = self._queue.ready_us(now_us, self._patience_us)
                if ready_us is not None and ready_us <= now_us:
                    batch = self._queue.take()
                    self._busy = frozenset(call_id for call_id, _ in batch)
                    return batch
                self._changed.wait(None if ready_us is None else (ready_us - now_us) / 1_000_000)
            return None
