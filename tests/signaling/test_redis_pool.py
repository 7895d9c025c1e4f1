"""Pools of two signaling processes with one Redis: a sender here, a receiver there, viewers anywhere."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from shared import limits
from shared.pool_messages import Assign, Capacity, Register, Released, serialise
from signaling.keys import new_secret
from signaling.lobby import Clocks
from signaling.pool_line import Far, Gone, WorkerWord
from signaling.pool_tokens import sign_pool_token
from signaling.server import make_app
from signaling.service import SignalingService
from tests.shared.transport.whip_client import until
from tests.signaling.bench import CONFIG, SECRET, Bench, Time
from tests.signaling.redis_process import RedisProcess
from tests.signaling.test_pool_service import sender, watch, worker

pytestmark = pytest.mark.network
House = Callable[[], Awaitable[Bench]]


@pytest.fixture
def redis() -> Iterator[RedisProcess]:
    process = RedisProcess()
    process.start()
    yield process
    process.kill()


@pytest.fixture
async def house(redis: RedisProcess, tmp_path: Path) -> AsyncIterator[House]:
    """Starts a signaling process's service; all of them share the Redis."""
    from signaling.redis_lobby import RedisLobby
    from signaling.redis_pool import RedisLine

    clients: list[TestClient] = []  # type: ignore[type-arg]

    async def start() -> Bench:
        clocks, time = Clocks(), Time()
        time.unix_s = clocks.unix_s()
        lobby, line = RedisLobby(redis.url, SECRET, clocks), RedisLine(redis.url)
        service = SignalingService(CONFIG, SECRET, new_secret(), clocks, lobby, line)
        client = TestClient(TestServer(make_app(service, tmp_path / "no-page")))
        clients.append(client)
        await client.start_server()
        return Bench(client, service, time)

    yield start
    for client in clients:
        await client.close()


async def knows(bench: Bench, workers: int) -> None:
    await until(lambda: bench.service.pool.numbers.workers == workers)


async def test_a_sender_here_is_given_a_receiver_there_and_watched_through_any_process(house: House) -> None:
    here, there = await house(), await house()
    one = await worker(there, "one", 1)
    await knows(here, 1)
    await sender(here, "r")
    given = await one.takes("r")
    await until(lambda: here.service.pool.numbers.waiting == 0)
    here.service.pool.poll()
    told = (200, {"url": "https://watch.test/whep/r", "key": given.watch_key})
    async with asyncio.timeout(5):
        while await watch(there, "r") != told:
            await asyncio.sleep(0.5)
    assert await watch(here, "r") == told
    await one.say(Capacity(0))
    await until(lambda: here.service.pool.numbers.free == 0)
    await sender(here, "s")
    assert here.service.pool.numbers.waiting == 1
    await one.say(Capacity(1))
    assert isinstance(await one.hear(), Assign)


async def test_a_receiver_killed_there_is_replaced_by_one_here_and_the_other_way(house: House) -> None:
    here, there = await house(), await house()
    one = await worker(there, "one")
    await knows(here, 1)
    await sender(here, "r")
    await one.takes("r")
    two = await worker(here, "two")
    await knows(there, 2)
    there.sockets[-1]._writer.transport.abort()  # type: ignore[union-attr]
    one.socket._writer.transport.abort()  # type: ignore[union-attr]
    await two.takes("r")
    await knows(here, 1)
    await knows(there, 1)


async def test_a_receiver_that_moves_to_another_process_is_known_once(house: House) -> None:
    here, there = await house(), await house()
    old = await worker(here, "one", 2)
    await knows(there, 1)
    new = await worker(there, "one", 3, sign_pool_token(SECRET, 60, there.time.unix_s))
    await until(lambda: here.service.pool.numbers.free == there.service.pool.numbers.free == 3)
    assert here.service.pool.numbers.workers == there.service.pool.numbers.workers == 1
    await old.socket.close()
    await sender(here, "r")
    await new.takes("r")


async def test_a_process_that_comes_later_knows_receivers_by_their_next_heartbeat(house: House) -> None:
    here = await house()
    one = await worker(here, "one", 2)
    late = await house()
    assert late.service.pool.numbers.workers == 0
    await one.say(Capacity(2))
    await knows(late, 1)
    assert late.service.pool.connections_of("127.0.0.1") == here.service.pool.connections_of("127.0.0.1")


async def test_a_redis_that_restarts_is_found_again_and_calls_are_given_meanwhile(
    house: House, redis: RedisProcess
) -> None:
    here, there = await house(), await house()
    one = await worker(there, "one")
    await knows(here, 1)
    redis.kill()
    await until(lambda: not here.service.lobby.ready and not there.service.lobby.ready)
    redis.start()
    await until(lambda: here.service.lobby.ready and there.service.lobby.ready)
    async with asyncio.timeout(10):
        while here.service.pool.numbers.free != 7:
            await one.say(Capacity(7))
            await asyncio.sleep(0.2)
    await sender(here, "r")
    await one.takes("r")


class Heard:
    """Ears that keep what they are told."""

    def __init__(self) -> None:
        self.words: list[tuple[int, WorkerWord]] = []
        self.rooms: list[str] = []

    def told_by(self, far: Far, address: str, word: WorkerWord) -> None:
        self.words.append((far.number, word))

    def given(self, number: int, assign: Assign) -> None:
        self.rooms.append(assign.room)


async def test_what_is_no_word_of_a_process_is_passed_over(redis: RedisProcess) -> None:
    from signaling.redis_pool import RedisLine

    one, other, heard = RedisLine(redis.url), RedisLine(redis.url), Heard()
    await one.start(heard)
    await other.start(Heard())
    broken = ["", "x", "p 1 a {", "p one a " + serialise(Released("r")), "p 1 a " + serialise(Capacity(1))]
    async with asyncio.timeout(5):
        while not heard.words:
            for text in broken:
                await other._redis.publish("facewire:pool", text)
            await other._redis.publish(f"facewire:pool:{one._process}", "1 {")
            await other._redis.publish(f"facewire:pool:{one._process}", "1 " + serialise(Capacity(1)))
            other.tell(3, "a", Gone())
            await asyncio.sleep(0.05)
    assert set(heard.words) == {(3, Gone())} and heard.rooms == []
    for line in (one, other):
        await line.close()


async def test_words_that_wait_for_a_redis_are_bounded_and_the_newest_stay(redis: RedisProcess) -> None:
    from signaling.redis_pool import RedisLine

    line = RedisLine(redis.url)
    for number in range(limits.POOL_LINE_WAITING + 1):
        line.tell(number, "a", Register("", "one", 1, ""))
    assert len(line._waiting) == limits.POOL_LINE_WAITING
    assert line._waiting[0][1].split(" ")[1] == "1"
    await line.close()


async def test_where_a_room_is_shown_is_forgotten_when_its_process_says_so_no_more(
    redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    from signaling.redis_pool import RedisLine

    monkeypatch.setattr(limits, "POOL_SHOWN_MS", 300)
    line = RedisLine(redis.url)
    await line.start(Heard())
    line.show({"r": ("https://watch.test", "k")})
    async with asyncio.timeout(5):
        while await line.shown("r") != ("https://watch.test", "k"):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.4)
    assert await line.shown("r") is None
    await line.close()
