"""One thread that works for many calls in turn, each with a short queue in which the newest wins.

Must import the standard library only. Invariant: no call waits for more than one item of each other call; an item that
fails is reported to its own call and to nobody else.
"""

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

_LOG = logging.getLogger("facewire.receiver")
Item = TypeVar("Item")


class Lane(Generic[Item]):
    """handle(call_id, item) runs in the lane's thread; what it raises is logged without its text and forgotten."""

    def __init__(self, name: str, waiting: int, handle: Callable[[int, Item], None]) -> None:
        """waiting: items of one call that may wait; one more pushes out the oldest."""
        self._waiting = waiting
        self._handle = handle
        self._queues: OrderedDict[int, deque[Item]] = OrderedDict()
        self._changed = threading.Condition()
        self._closing = False
        self._busy: int | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, call_id: int, item: Item) -> Item | None:
        """Queue an item; returns the older one that had to go for it, if any."""
        with self._changed:
            queue = self._queues.setdefault(call_id, deque())
            queue.append(item)
            self._changed.notify_all()
            return queue.popleft() if len(queue) > self._waiting else None

    def drop(self, call_id: int) -> None:
        """Forget a call's items and wait until none of them is being worked on."""
        with self._changed:
            self._queues.pop(call_id, None)
            if threading.current_thread() is not self._thread:
                self._changed.wait_for(lambda: self._busy != call_id)

    def close(self) -> None:
        """Finish the item at hand and end the thread."""
        with self._changed:
            self._closing = True
            self._queues.clear()
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while (found := self._next()) is not None:
            try:
                self._handle(*found)
            except Exception as error:  # one call's failure is not another's; texts may hold what a peer sent
                _LOG.error("an item of one call failed: %s", type(error).__name__)

    def _next(self) -> tuple[int, Item] | None:
        with self._changed:
            self._busy = None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closing or any(self._queues.values()))
            if self._closing:
                return None
            call_id = next(key for key, queue in self._queues.items() if queue)
            self._queues.move_to_end(call_id)
            self._busy = call_id
            return call_id, self._queues[call_id].popleft()
