"""receiver.batching.queue, in made-up time."""

from receiver.batching.queue import BatchQueue
from shared.limits import RENDER_ACTIVE_MS, RENDER_BATCH_MAX, RENDER_BATCH_WAIT_MS, RENDER_QUEUE

ACTIVE_US, WAIT_US = RENDER_ACTIVE_MS * 1000, RENDER_BATCH_WAIT_MS * 1000


def queue(batch_max: int = RENDER_BATCH_MAX) -> BatchQueue[str]:
    return BatchQueue(RENDER_QUEUE, batch_max, ACTIVE_US)


def test_a_call_that_is_alone_never_waits_for_company() -> None:
    one = queue()
    for now_us in (0, 40_000, 80_000):
        one.put(1, "picture", now_us)
        assert one.ready_us(now_us, WAIT_US) == now_us
        assert one.take() == [(1, "picture")] and one.ready_us(now_us, WAIT_US) is None


def test_the_first_picture_waits_for_those_of_other_calls_until_the_deadline_and_not_longer() -> None:
    two = queue()
    two.put(1, "a", 0)
    two.put(2, "b", 0)
    assert two.ready_us(0, WAIT_US) == 0 and two.take() == [(1, "a"), (2, "b")]
    two.put(1, "c", 40_000)
    assert two.ready_us(40_000, WAIT_US) == 40_000 + WAIT_US
    two.put(2, "d", 40_000 + WAIT_US - 1)
    assert two.ready_us(40_000 + WAIT_US - 1, WAIT_US) == 40_000 + WAIT_US - 1, "nobody else is to come"


def test_a_call_that_has_been_quiet_is_waited_for_as_long_as_the_limit_and_no_longer() -> None:
    for past_us, waits in ((0, True), (1, False)):
        two = queue()
        two.put(2, "quiet", 0)
        two.take()
        now_us = ACTIVE_US + past_us
        two.put(1, "a", now_us)
        assert (two.ready_us(now_us, WAIT_US) == now_us + WAIT_US) is waits


def test_what_waited_for_too_long_itself_is_ready() -> None:
    slow = queue()
    slow.put(1, "a", 0)
    assert slow.ready_us(10 * ACTIVE_US, WAIT_US) == 10 * ACTIVE_US


def test_a_batch_holds_as_many_calls_as_its_limit_and_the_next_is_ready_at_once() -> None:
    full = queue()
    for call_id in range(RENDER_BATCH_MAX + 1):
        full.put(call_id, "x", 0)
    assert full.ready_us(0, WAIT_US) == 0
    assert [call_id for call_id, _ in full.take()] == list(range(RENDER_BATCH_MAX))
    assert full.ready_us(WAIT_US, WAIT_US) == WAIT_US and full.take() == [(RENDER_BATCH_MAX, "x")]


def test_the_newest_items_of_a_call_win_and_a_batch_takes_one_of_each_call() -> None:
    one = queue()
    assert [one.put(1, item, 0) for item in ("a", "b", "c", "d")] == [None, None, "a", "b"]
    one.put(2, "x", 0)
    assert one.take() == [(1, "c"), (2, "x")]
    assert one.take() == [(1, "d")]


def test_when_there_are_too_many_calls_each_is_served_as_often_and_sheds_as_much() -> None:
    """Eight calls put a picture in every round, the network makes four."""
    crowd, served, lost = queue(4), [0] * 8, [0] * 8
    for now in range(100):
        for call_id in range(8):
            lost[call_id] += crowd.put(call_id, "x", now) is not None
        for call_id, _ in crowd.take():
            served[call_id] += 1
    assert set(served) == {50} and max(lost) - min(lost) <= 1 and min(lost) > 40


def test_a_call_that_asks_more_often_is_not_served_more_often() -> None:
    crowd, served = queue(1), {1: 0, 2: 0}
    for now in range(100):
        for _ in range(5):
            crowd.put(1, "greedy", now)
        crowd.put(2, "modest", now)
        served[crowd.take()[0][0]] += 1
    assert served == {1: 50, 2: 50}


def test_a_call_that_is_dropped_is_neither_served_nor_waited_for() -> None:
    two = queue()
    two.put(1, "a", 0)
    two.put(2, "b", 0)
    two.drop(2)
    assert two.ready_us(0, WAIT_US) == 0 and two.take() == [(1, "a")]
    two.put(1, "c", 1)
    two.clear()
    assert len(two) == 0 and two.ready_us(1, WAIT_US) is None
