"""signaling.lobby and signaling.redis_lobby: one contract, and what two processes with one Redis keep together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from shared import limits
from shared.errors import UserError
from shared.signaling_messages import ErrorCode, Join, Joined, Message, Offer, PeerJoined, PeerLeft, Role
from signaling.keys import new_secret
from signaling.lobby import Lobby, MemoryLobby
from signaling.refusal import Refused
from signaling.rooms import Close, Deliver, Effect
from signaling.tokens import sign_token
from tests.signaling.bench import SECRET, Time
from tests.signaling.redis_process import RedisProcess

pytestmark = pytest.mark.network
OFFER = Offer("v=0\r\n")


class House:
    """One process's lobby, with what its connections were told."""

    def __init__(self, lobby: Lobby, time: Time) -> None:
        self.lobby, self.time = lobby, time
        self.effects: list[Effect] = []

    async def start(self) -> "House":
        await self.lobby.start(self.effects.append)
        return self

    def join_of(self, room: str = "r", role: Role = Role.PEER) -> Join:
        return Join(room, role, sign_token(SECRET, room, role, 60, self.time.unix_s))

    async def enter(self, room: str = "r", role: Role = Role.PEER, address: str = "a") -> int:
        number = await self.lobby.open(address)
        await self.lobby.join(number, self.join_of(room, role), ())
        return number

    async def told(self, number: int, message: Message) -> None:
        """Waits until the connection was told; what comes from another process takes a moment."""
        async with asyncio.timeout(5):
            while Deliver(number, message) not in self.effects:
                await asyncio.sleep(0.002)

    async def pass_time(self, ms: int) -> None:
        """Time for this process alone, polled as the service does."""
        for _ in range(ms // 1000):
            self.time.ms += 1000
            self.time.unix_s += 1
            await self.lobby.poll()


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisProcess]:
    process = RedisProcess()
    process.start()
    yield process
    process.kill()


Start = Callable[[], Awaitable[House]]


@pytest.fixture
async def house_in_redis(redis: RedisProcess) -> AsyncIterator[Start]:
    """Starts processes that share one Redis, empty at first, and one clock."""
    from signaling.redis_lobby import RedisLobby

    time = Time()
    houses: list[House] = []

    async def start() -> House:
        lobby = RedisLobby(redis.url, SECRET, time.clocks())
        if not houses:
            await lobby._redis.flushall()
        houses.append(await House(lobby, time).start())
        return houses[-1]

    yield start
    for house in houses:
        await house.lobby.close()


@pytest.fixture(params=["memory", "redis"])
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    time = Time()
    lobby: Lobby = MemoryLobby(SECRET, time.clocks())
    if request.param == "redis":
        process: RedisProcess = request.getfixturevalue("redis")
        from signaling.redis_lobby import RedisLobby

        lobby = RedisLobby(process.url, SECRET, time.clocks())
        await lobby._redis.flushall()
    yield await House(lobby, time).start()
    await lobby.close()


async def refusal(act: Awaitable[object]) -> ErrorCode:
    with pytest.raises(Refused) as refused:
        await act
    return refused.value.code


# --- the contract of both ------------------------------------------------------------------------------------------------


async def test_two_meet_the_second_offers_and_messages_are_relayed(house: House) -> None:
    first, second = await house.enter(role=Role.RECEIVER), await house.enter(role=Role.SENDER)
    await house.told(first, Joined(Role.RECEIVER, False, True, ()))
    await house.told(second, Joined(Role.SENDER, True, False, ()))
    await house.told(first, PeerJoined(Role.SENDER))
    await house.lobby.relay(second, OFFER)
    await house.told(first, OFFER)
    await house.lobby.leave(second, "hung up")
    await house.told(first, PeerLeft("hung up"))
    assert await refusal(house.lobby.relay(first, OFFER)) is ErrorCode.NO_PEER


async def test_seats_roles_and_used_tokens_are_refused(house: House) -> None:
    await house.enter(role=Role.SENDER)
    number, taken = await house.lobby.open("b"), house.join_of(role=Role.SENDER)
    assert await refusal(house.lobby.join(number, taken, ())) is ErrorCode.ROLE_TAKEN
    used = house.join_of()
    await house.lobby.join(number, used, ())
    assert await refusal(house.lobby.join(number, house.join_of("s"), ())) is ErrorCode.ALREADY_JOINED
    third = await house.lobby.open("c")
    assert await refusal(house.lobby.join(third, house.join_of(), ())) is ErrorCode.ROOM_FULL
    assert await refusal(house.lobby.join(third, used, ())) is ErrorCode.USED_TOKEN
    assert not house.lobby.has_joined(third) and house.lobby.is_open(third)


async def test_a_token_is_renewed_once_by_who_was_let_in(house: House) -> None:
    join = house.join_of()
    assert await refusal(house.lobby.renew(join)) is ErrorCode.USED_TOKEN
    number = await house.lobby.open("a")
    await house.lobby.join(number, join, ())
    again = Join("r", Role.PEER, await house.lobby.renew(join))
    assert await refusal(house.lobby.renew(join)) is ErrorCode.USED_TOKEN
    await house.lobby.join(await house.lobby.open("a"), again, ())


async def test_rooms_of_an_address_are_limited_until_empty_ones_are_forgotten(house: House) -> None:
    for number in range(limits.SIGNALING_ROOMS_PER_ADDRESS):
        await house.lobby.leave(await house.enter(f"room{number}"), "")
    number = await house.lobby.open("a")
    assert await refusal(house.lobby.join(number, house.join_of("more"), ())) is ErrorCode.TOO_MANY_ROOMS
    await house.lobby.leave(number, "")
    await house.pass_time(limits.SIGNALING_EMPTY_ROOM_TTL_MS)
    await house.enter("more")


async def test_connections_of_an_address_are_limited(house: House) -> None:
    numbers = [await house.lobby.open("a") for _ in range(limits.SIGNALING_CONNECTIONS_PER_ADDRESS)]
    assert await refusal(house.lobby.open("a")) is ErrorCode.TOO_MANY_CONNECTIONS
    await house.lobby.open("b")
    await house.lobby.leave(numbers[0], "")
    await house.lobby.open("a")


async def test_an_address_has_one_rate(house: House) -> None:
    burst = limits.SIGNALING_ADDRESS_MESSAGES_BURST
    assert sum([await house.lobby.take("a") for _ in range(burst + 1)]) == burst
    house.time.ms += 100
    house.time.unix_s += 0.1
    taken = sum([await house.lobby.take("a") for _ in range(burst)])
    assert taken == pytest.approx(limits.SIGNALING_ADDRESS_MESSAGES_PER_S / 10, abs=1)


async def test_who_does_not_join_in_time_is_closed(house: House) -> None:
    number = await house.lobby.open("a")
    await house.pass_time(limits.SIGNALING_JOIN_DEADLINE_MS)
    assert house.effects == [Close(number, ErrorCode.JOIN_DEADLINE)]
    assert not house.lobby.is_open(number)


async def test_a_draining_process_opens_no_room(house: House) -> None:
    await house.enter()
    number = await house.lobby.open("a")
    assert await refusal(house.lobby.join(number, house.join_of("s"), (), may_open=False)) is ErrorCode.BUSY
    await house.lobby.join(number, house.join_of(), (), may_open=False)


# --- many processes, one Redis -------------------------------------------------------------------------------------------


async def test_peers_of_two_processes_meet(house_in_redis: Start) -> None:
    one, two = await house_in_redis(), await house_in_redis()
    first, second = await one.enter(), await two.enter()
    await one.told(first, PeerJoined(Role.PEER))
    for number in range(20):
        await two.lobby.relay(second, Offer(str(number)))
    await one.told(first, Offer("19"))
    assert [
        e.message.sdp for e in one.effects if isinstance(e, Deliver) and isinstance(e.message, Offer)
    ] == [str(number) for number in range(20)]
    await two.lobby.leave(second, "hung up")
    await one.told(first, PeerLeft("hung up"))


async def test_tokens_limits_and_rates_hold_across_processes(house_in_redis: Start) -> None:
    one, two = await house_in_redis(), await house_in_redis()
    join = one.join_of()
    await one.lobby.join(await one.lobby.open("a"), join, ())
    other = await two.lobby.open("a")
    assert await refusal(two.lobby.join(other, join, ())) is ErrorCode.USED_TOKEN
    for number in range(1, limits.SIGNALING_ROOMS_PER_ADDRESS):
        await (one, two)[number % 2].enter(f"room{number}")
    assert await refusal(two.lobby.join(other, two.join_of("more"), ())) is ErrorCode.TOO_MANY_ROOMS
    burst = limits.SIGNALING_ADDRESS_MESSAGES_BURST
    for _ in range(burst // 2):
        assert await one.lobby.take("z") and await two.lobby.take("z")
    assert not await one.lobby.take("z") and not await two.lobby.take("z")


async def test_all_rooms_together_are_limited(house_in_redis: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SIGNALING_SHARED_ROOMS_MAX", 2)
    one, two = await house_in_redis(), await house_in_redis()
    await one.enter("r1", address="a")
    await two.enter("r2", address="b")
    number = await two.lobby.open("c")
    assert await refusal(two.lobby.join(number, two.join_of("r3"), ())) is ErrorCode.TOO_MANY_ROOMS


async def test_the_seats_of_a_killed_process_are_free_when_their_leases_end(house_in_redis: Start) -> None:
    one, two = await house_in_redis(), await house_in_redis()
    await one.enter()
    second = await two.enter()
    await two.pass_time(limits.SIGNALING_LEASE_MS - 1000)
    assert await refusal(two.lobby.join(await two.lobby.open("b"), two.join_of(), ())) is ErrorCode.ROOM_FULL
    await two.pass_time(1000 + 2 * limits.SIGNALING_LEASE_RENEW_MS)
    assert Deliver(second, PeerLeft("connection lost")) in two.effects
    await two.enter()


async def test_redis_holds_no_address(house_in_redis: Start) -> None:
    one = await house_in_redis()
    await one.lobby.take("192.0.2.7")
    await one.enter(address="192.0.2.7")
    from signaling.redis_lobby import RedisLobby

    assert isinstance(one.lobby, RedisLobby)
    names = [name async for name in one.lobby._redis.scan_iter()]
    assert names and not [name for name in names if "192.0" in name]


async def test_a_redis_that_restarts_is_found_again_and_seats_are_kept() -> None:
    from signaling.redis_lobby import RedisLobby

    process, time = RedisProcess(), Time()
    process.start()
    houses = [await House(RedisLobby(process.url, SECRET, time.clocks()), time).start() for _ in range(2)]
    one, two = houses
    try:
        first, second = await one.enter(), await two.enter()
        process.kill()
        assert await refusal(one.lobby.relay(first, OFFER)) is ErrorCode.BUSY
        assert await refusal(one.lobby.open("b")) is ErrorCode.BUSY
        await one.pass_time(limits.SIGNALING_LEASE_RENEW_MS)
        async with asyncio.timeout(5):
            while any(house.lobby.ready for house in houses):
                await asyncio.sleep(0.01)
        process.start()
        async with asyncio.timeout(5):
            while not all(house.lobby.ready for house in houses):
                await asyncio.sleep(0.01)
        await one.pass_time(1000)
        await two.pass_time(1000)
        third = await two.lobby.open("c")
        assert await refusal(two.lobby.join(third, two.join_of(), ())) is ErrorCode.ROOM_FULL, (
            "both seats are back"
        )
        await two.lobby.relay(second, OFFER)
        await one.told(first, OFFER)
    finally:
        for house in houses:
            await house.lobby.close()
        process.kill()


async def test_no_redis_at_start_is_one_clear_line() -> None:
    pytest.importorskip("redis", reason="the Python package redis is not installed")
    from signaling.redis_lobby import RedisLobby

    lobby = RedisLobby("redis://127.0.0.1:1/0", new_secret(), Time().clocks())
    with pytest.raises(UserError, match=r"127\.0\.0\.1:1 does not answer"):
        await lobby.start(lambda effect: None)
    await lobby.close()


async def test_a_redis_that_never_answers_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("redis", reason="the Python package redis is not installed")
    from signaling.redis_lobby import RedisLobby

    monkeypatch.setattr(limits, "SIGNALING_STORE_TIMEOUT_S", 0.05)
    writers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda reader, writer: writers.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    lobby = RedisLobby(f"redis://127.0.0.1:{port}/0", new_secret(), Time().clocks())
    async with asyncio.timeout(5):
        with pytest.raises(UserError, match="does not answer"):
            await lobby.start(lambda effect: None)
    await lobby.close()
    silent.close()
    for writer in writers:
        writer.close()
        await writer.wait_closed()
