"""receiver.lane."""

import threading

from receiver.lane import Lane


def test_the_newest_items_win_and_calls_take_turns() -> None:
    gate, done = threading.Event(), threading.Event()
    order: list[tuple[int, str]] = []

    def handle(call_id: int, item: str) -> None:
        gate.wait()
        order.append((call_id, item))
        if item == "last":
            done.set()

    lane = Lane("test", 2, handle)
    lane.put(9, "first")
    while lane._queues[9]:
        pass
    assert [lane.put(1, item) for item in ("a", "b", "c", "d")] == [None, None, "a", "b"]
    lane.put(2, "x")
    lane.put(3, "y")
    lane.put(3, "last")
    gate.set()
    assert done.wait(5)
    lane.close()
    assert order == [(9, "first"), (1, "c"), (2, "x"), (3, "y"), (1, "d"), (3, "last")]


def test_a_failing_item_does_not_end_the_lane() -> None:
    done = threading.Event()

    def handle(call_id: int, item: str) -> None:
        if item == "bad":
            raise RuntimeError("broken")
        done.set()

    lane = Lane("test", 2, handle)
    lane.put(1, "bad")
    lane.put(2, "good")
    assert done.wait(5)
    lane.close()


def test_drop_waits_for_the_item_at_hand_and_forgets_the_rest() -> None:
    entered, gate = threading.Event(), threading.Event()
    finished: list[str] = []

    def handle(call_id: int, item: str) -> None:
        entered.set()
        gate.wait()
        finished.append(item)

    lane = Lane("test", 2, handle)
    lane.put(1, "one")
    entered.wait()
    lane.put(1, "two")
    threading.Timer(0.05, gate.set).start()
    lane.drop(1)
    assert finished == ["one"]
    lane.close()
    assert finished == ["one"]
