"""receiver.batching.lane: the thread around the queue."""

import threading
from collections.abc import Callable

from receiver.batching.lane import BatchLane
from shared.limits import RENDER_BATCH_WAIT_MS

Batch = list[tuple[int, str]]


class Handler:
    """Takes batches, each when it is let go; a step of the clock passes meanwhile."""

    def __init__(self, step_us: int = 0) -> None:
        self.batches: list[Batch] = []
        self.entered, self.go, self.done = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)
        self.now, self.step_us = 0, step_us

    def now_us(self) -> int:
        return self.now

    def __call__(self, batch: Batch) -> None:
        self.entered.set()
        self.go.acquire()
        self.now += self.step_us
        self.batches.append(batch)
        self.done.release()

    def finished(self, batches: int) -> None:
        for _ in range(batches):
            assert self.done.acquire(timeout=10)


def lane(handler: Callable[[Batch], None], clock: Handler, batch_max: int = 8) -> BatchLane[str]:
    return BatchLane("test", 2, batch_max, handler, clock.now_us)


def test_what_comes_while_a_batch_is_made_goes_into_the_next_one() -> None:
    handler = Handler()
    batches = lane(handler, handler)
    batches.put(1, "a")
    handler.entered.wait(10)
    for call_id, item in ((1, "b"), (2, "c"), (3, "d"), (2, "e")):
        batches.put(call_id, item)
    for _ in range(3):
        handler.go.release()
    handler.finished(3)
    batches.close()
    assert handler.batches == [[(1, "a")], [(1, "b"), (2, "c"), (3, "d")], [(2, "e")]]


def test_gathering_takes_as_long_as_the_last_batch_did_and_at_most_the_limit() -> None:
    for step_us, expected_us in ((3_000, 3_000), (50_000, RENDER_BATCH_WAIT_MS * 1000)):
        handler = Handler(step_us)
        batches = lane(handler, handler)
        batches.put(1, "a")
        handler.go.release()
        handler.finished(1)
        batches.close()
        assert batches._patience_us == expected_us


def test_a_picture_does_not_wait_for_a_call_that_stays_away() -> None:
    handler = Handler()
    batches = BatchLane("test", 2, 8, handler)  # on the real clock
    for call_id in (1, 2, 1):
        batches.put(call_id, "x")
        handler.go.release()
    handler.finished(2)
    batches.close()
    assert sum(len(batch) for batch in handler.batches) == 3 or len(handler.batches) == 2


def test_a_batch_that_fails_does_not_end_the_lane() -> None:
    clock, done = Handler(), threading.Event()

    def handle(batch: Batch) -> None:
        if batch[0][1] == "bad":
            raise RuntimeError("broken")
        done.set()

    batches = lane(handle, clock)
    batches.put(1, "bad")
    batches.put(1, "good")
    assert done.wait(10)
    batches.close()


def test_dropping_a_call_waits_for_its_batch_and_leaves_the_others_their_items() -> None:
    handler = Handler()
    batches = lane(handler, handler)
    batches.put(1, "a")
    handler.entered.wait(10)
    batches.put(1, "b")
    batches.put(2, "c")
    batches.drop(3)  # of no batch: returns at once
    threading.Timer(0.05, handler.go.release, (5,)).start()
    batches.drop(1)
    assert handler.batches[0] == [(1, "a")]
    handler.finished(2)
    batches.close()
    assert handler.batches == [[(1, "a")], [(2, "c")]]
