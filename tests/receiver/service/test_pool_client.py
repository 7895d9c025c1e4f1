"""receiver.service.pool_client: against a real WebSocket service on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import islice

import pytest

from receiver.service import pool_client
from receiver.service.pool_client import PoolClient, PoolPlace, retry_pauses_ms
from receiver.service.running_call import Assignment
from shared.errors import UserError
from shared.limits import POOL_RETRY_MAX_MS, POOL_RETRY_MIN_MS
from shared.pool_messages import Assign, Capacity, Register
from shared.signaling_messages import Error, ErrorCode
from tests.receiver.service.pool_server import PoolServer, pool_server
from tests.shared.transport.whip_client import until

pytestmark = pytest.mark.network
KEY = "k" * 43


class Worker:
    """A client, and what it would take. free: its places."""

    def __init__(self, url: str, free: int = 2) -> None:
        self.free, self.taken, self.token = free, list[Assignment](), "token"
        place = PoolPlace(url, lambda: self.token, "worker", "http://127.0.0.1:1")
        self.client = PoolClient(place, lambda: self.free, self.take, jitter=lambda: 0.0)
        self.task = asyncio.ensure_future(self.client.run())

    def take(self, assignment: Assignment) -> bool:
        if self.free == 0:
            return False
        self.free -= 1
        self.taken.append(assignment)
        return True

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.wait({self.task})


@pytest.fixture
async def pool(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PoolServer]:
    monkeypatch.setattr(pool_client, "POOL_HEARTBEAT_MS", 100)
    monkeypatch.setattr(pool_client, "POOL_RETRY_MIN_MS", 20)
    monkeypatch.setattr(pool_client, "POOL_SAY_MIN_MS", 5)
    async with pool_server() as made:
        yield made


@pytest.fixture
async def worker(pool: PoolServer) -> AsyncIterator[Worker]:
    made = Worker(pool.url)
    yield made
    await made.close()


async def test_it_registers_and_says_again_and_again_what_is_free(pool: PoolServer, worker: Worker) -> None:
    assert await pool.registered() == Register("token", "worker", 2, "http://127.0.0.1:1")
    assert not worker.client.registered, "nobody has said yes before a heartbeat without a no"
    await until(lambda: len(pool.of(Capacity)) >= 3)
    assert worker.client.registered and pool.free == 2


async def test_an_assignment_is_taken_and_told_at_once(pool: PoolServer, worker: Worker) -> None:
    await pool.registered()
    await pool.say(Assign("a", "join", KEY))
    await until(lambda: pool.free == 1)
    assert worker.taken == [Assignment("a", "join", KEY)] and pool.released == []
    worker.free += 1
    worker.client.released("a")
    await until(lambda: pool.released == ["a"] and pool.free == 2)


async def test_a_room_too_many_is_given_back(pool: PoolServer, worker: Worker) -> None:
    worker.free = 0
    await pool.registered()
    await pool.say(Assign("a", "join", KEY))
    await until(lambda: pool.released == ["a"])
    assert worker.taken == [] and pool.free == 0


async def test_rooms_that_end_together_are_all_told(pool: PoolServer, worker: Worker) -> None:
    await pool.registered()
    rooms = [f"room{number}" for number in range(20)]
    for room in rooms:
        worker.client.released(room)
    await until(lambda: pool.released == rooms)


async def test_a_pool_that_goes_away_or_talks_nonsense_is_found_again(
    pool: PoolServer, worker: Worker
) -> None:
    await pool.registered()
    await until(lambda: worker.client.registered)
    await pool.sockets[-1].close()
    await pool.registered(2)
    await pool.say("{nonsense")
    worker.token = "a fresh one"
    assert (await pool.registered(3)).token == "a fresh one"
    await until(lambda: worker.client.registered)


async def test_a_pool_that_is_not_there_yet_is_waited_for(
    pool: PoolServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(pool.url.replace("/pool", "/elsewhere"))
    await asyncio.sleep(0.1)
    assert not worker.task.done() and not worker.client.registered
    await worker.close()


@pytest.mark.parametrize("code", [ErrorCode.BAD_TOKEN, ErrorCode.EXPIRED_TOKEN])
async def test_a_first_registration_that_is_refused_is_the_users_to_mend(
    pool: PoolServer, code: ErrorCode
) -> None:
    pool.refuse_with = Error(code, "make a new one")
    worker = Worker(pool.url)
    with pytest.raises(UserError, match="make a new one"):
        async with asyncio.timeout(5):
            await worker.task


async def test_a_token_that_expires_later_does_not_end_the_service(pool: PoolServer, worker: Worker) -> None:
    await until(lambda: worker.client.registered)
    pool.refuse_with = Error(ErrorCode.EXPIRED_TOKEN, "it has expired")
    await pool.sockets[-1].close()
    await pool.registered(3)
    assert not worker.task.done() and not worker.client.registered
    pool.refuse_with = None
    await until(lambda: worker.client.registered)


async def test_a_pool_that_is_busy_is_tried_again(pool: PoolServer) -> None:
    pool.refuse_with = Error(ErrorCode.BUSY, "later")
    worker = Worker(pool.url)
    await pool.registered(2)
    pool.refuse_with = None
    await until(lambda: worker.client.registered)
    await worker.close()
    with suppress(asyncio.CancelledError):
        await worker.task


def test_pauses_grow_to_the_limit_and_not_past_it() -> None:
    pauses_ms = list(islice(retry_pauses_ms(), 12))
    assert pauses_ms[:2] == [POOL_RETRY_MIN_MS, 2 * POOL_RETRY_MIN_MS]
    assert max(pauses_ms) == pauses_ms[-1] == POOL_RETRY_MAX_MS
