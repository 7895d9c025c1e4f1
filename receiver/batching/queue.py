"""Which pictures of which calls make up the next batch, and when it is taken.

    call 1: [p q] --+
    call 2: [r]   --+--> [p r s], one of each call, who waits longest first
    call 3: [s]   --+

Must import the standard library only; no clock, no threads. Invariant: a call has at most `waiting` items here, the newest win;
a batch holds at most one item of a call, and a call that is served goes behind all that wait. Nobody waits for company that
cannot come: a call that is alone, or an engine that takes one picture at a time, never waits.
"""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class BatchQueue(Generic[Item]):
    """Items by call. Times are microseconds of one monotonic clock."""

    def __init__(self, waiting: int, batch_max: int, active_us: int) -> None:
        """waiting: items of a call; one more pushes out its oldest. active_us: a call that put nothing for this long is not
        waited for.
        """
        self._waiting, self._batch_max, self._active_us = waiting, batch_max, active_us
        self._items: OrderedDict[int, deque[Item]] = OrderedDict()
        self._seen_us: OrderedDict[int, int] = OrderedDict()
        self._first_us = 0

    def __len__(self) -> int:
        """Calls that have something waiting."""
        return len(self._items)

    def put(self, call_id: int, item: Item, now_us: int) -> Item | None:
        """Queue an item; returns the older one of the same call that had to go for it, if any."""
        if not self._items:
            self._first_us = now_us
        self._seen_us[call_id] = now_us
        self._seen_us.move_to_end(call_id)
        queue = self._items.setdefault(call_id, deque())
        queue.append(item)
        return queue.popleft() if len(queue) > self._waiting else None

    def drop(self, call_id: int) -> None:
        """Forget a call."""
        self._items.pop(call_id, None)
        self._seen_us.pop(call_id, None)

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self._seen_us.clear()

    def ready_us(self, now_us: int, patience_us: int) -> int | None:
        """When to `take`, not after now_us: now. None: nothing waits. patience_us: longest wait of the first for the others."""
        if not self._items:
            return None
        while self._seen_us and now_us - next(iter(self._seen_us.values())) > self._active_us:
            self._seen_us.popitem(last=False)
        expected = min(self._batch_max, len(self._seen_us))
        return now_us if len(self._items) >= expected else self._first_us + patience_us

    def take(self) -> list[tuple[int, Item]]:
        """The next batch: one item each of the calls that wait longest. What is left over has waited: it is ready at once."""
        batch = []
        for call_id in list(self._items)[: self._batch_max]:
            queue = self._items.pop(call_id)
            batch.append((call_id, queue.popleft()))
            if queue:
                self._items[call_id] = queue
        return batch
