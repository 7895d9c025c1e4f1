"""signaling.pool: who takes which room, in which order, and what happens when a worker does not."""

import pytest

from shared import limits
from shared.signaling_messages import ErrorCode
from signaling.pool import Assigned, Dropped, Pool, PoolEffect
from signaling.refusal import Refused

BASE = "https://watch.test"


def pool_of(*free: int) -> Pool:
    """A pool of workers 1, 2, ... with so many free calls."""
    pool = Pool()
    for number, calls in enumerate(free, 1):
        pool.register(number, f"worker{number}", calls, BASE, 0)
    return pool


def given(effects: list[PoolEffect]) -> list[tuple[int, str]]:
    return [(e.worker, e.room) for e in effects if isinstance(e, Assigned)]


def test_the_most_free_worker_takes_the_room_and_ties_go_round() -> None:
    pool = pool_of(1, 3, 2)
    taken = [given(pool.want(f"r{n}", 0)) for n in range(6)]
    assert [worker for ((worker, _),) in taken] == [2, 3, 2, 1, 3, 2]


def test_a_full_pool_lets_rooms_wait_and_serves_the_oldest_first() -> None:
    pool = pool_of(0)
    assert [pool.want(room, 0) for room in ("c", "a", "b")] == [[], [], []]
    assert pool.numbers.waiting == 3
    assert given(pool.capacity(1, 2, 0)) == [(1, "c"), (1, "a")]
    # The two rooms that it has not come into yet are not free calls.
    assert given(pool.capacity(1, 2, 0)) == []
    assert given(pool.capacity(1, 3, 0)) == [(1, "b")]


@pytest.mark.parametrize("gone", ["left", "late", "released", "pool socket"])
def test_a_room_whose_worker_fails_goes_to_another(gone: str) -> None:
    pool = pool_of(2, 1)
    ((first, _),) = given(pool.want("r", 0))
    assert first == 1
    if gone == "left":
        pool.receiver_came("r")
        effects = pool.receiver_left("r", 10)
    elif gone == "late":
        assert given(pool.poll(limits.POOL_JOIN_MS - 1)) == []
        effects = pool.poll(limits.POOL_JOIN_MS)
    elif gone == "released":
        effects = pool.released(1, "r", 10)
    else:
        effects = pool.leave(1, 10)
    assert given(effects) == [(2, "r")]
    assert pool.numbers.reassignments == 1


def test_an_occupied_room_gets_nobody_else_while_its_receiver_sits_there() -> None:
    pool = pool_of(1, 1)
    pool.want("r", 0)
    pool.receiver_came("r")
    assert given(pool.leave(1, 10)) == []
    assert pool.watch("r") is None
    assert given(pool.receiver_left("r", 20)) == [(2, "r")]


def test_a_room_that_kills_its_workers_rests_for_the_minute_even_when_its_sender_comes_anew() -> None:
    pool = pool_of(200, 200)
    effects = pool.want("r", 0)
    for number in range(limits.POOL_TRIES_PER_MINUTE):
        assert len(given(effects)) == 1, number
        effects = pool.receiver_left("r", number)
    assert given(effects) == []
    pool.forget("r")
    assert given(pool.want("r", 100)) == []
    for worker in (1, 2):
        pool.capacity(worker, 1, 59_999)
    assert given(pool.poll(59_999)) == []
    assert len(given(pool.poll(60_000))) == 1


def test_a_silent_worker_is_out_at_its_lease_and_not_before() -> None:
    pool = pool_of(1)
    assert pool.poll(limits.POOL_LEASE_MS - 1) == []
    assert pool.poll(limits.POOL_LEASE_MS) == [Dropped(1)]
    with pytest.raises(Refused) as refused:
        pool.capacity(1, 1, limits.POOL_LEASE_MS)
    assert refused.value.code is ErrorCode.NOT_JOINED


def test_workers_are_limited_and_one_that_comes_back_takes_its_own_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "POOL_WORKERS_MAX", 2)
    pool = pool_of(1, 1)
    with pytest.raises(Refused) as refused:
        pool.register(3, "another", 1, "", 0)
    assert refused.value.code is ErrorCode.TOO_MANY_CONNECTIONS
    assert pool.register(3, "worker1", 1, "", 0) == [Dropped(1)]
    assert pool.numbers.workers == 2


def test_viewers_learn_the_address_and_a_key_that_changes_with_the_worker() -> None:
    pool = pool_of(1, 1)
    pool.want("r", 0)
    assert pool.watch("r") is None
    pool.receiver_came("r")
    first = pool.watch("r")
    assert first is not None and first[0] == BASE and len(first[1]) == 43
    pool.receiver_left("r", 0)
    pool.receiver_came("r")
    assert pool.watch("r") not in (None, first)
    assert pool.watch("other") is None
