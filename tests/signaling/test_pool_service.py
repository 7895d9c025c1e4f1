"""The pool over real WebSockets: receivers register, rooms are given to them and given on, viewers are told where."""

import asyncio
from dataclasses import dataclass

import pytest
from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType

from shared import limits
from shared.pool_messages import Assign, Capacity, PoolMessage, Register, Released, parse, serialise
from shared.signaling_messages import Bye, Error, ErrorCode, Joined, Role
from shared.signaling_messages import serialise as serialise_signaling
from signaling.pool_tokens import sign_pool_token, sign_watch_token
from signaling.tokens import sign_token
from tests.shared.transport.whip_client import until
from tests.signaling.bench import SECRET, Bench, closed_with, hear

pytestmark = pytest.mark.network
BASE = "https://watch.test"


@dataclass
class Worker:
    """A receiver's WebSocket at the pool."""

    bench: Bench
    socket: ClientWebSocketResponse

    async def say(self, message: PoolMessage | str) -> None:
        await self.socket.send_str(message if isinstance(message, str) else serialise(message))

    async def hear(self) -> PoolMessage:
        frame = await self.socket.receive(timeout=5)
        assert frame.type is WSMsgType.TEXT, frame
        return parse(frame.data)

    async def takes(self, room: str) -> Assign:
        """Hears that it shall take the room, and takes it."""
        given = await self.hear()
        assert isinstance(given, Assign) and given.room == room
        _, joined = await self.bench.join(room, Role.RECEIVER, given.token)
        assert isinstance(joined, Joined)
        return given


async def worker(bench: Bench, name: str, calls: int = 4, token: str | None = None) -> Worker:
    made = Worker(bench, await bench.client.ws_connect("/pool"))
    before = bench.service.pool.numbers.workers
    await made.say(
        Register(
            sign_pool_token(SECRET, 60, bench.time.unix_s) if token is None else token, name, calls, BASE
        )
    )
    if token is None:
        await until(lambda: bench.service.pool.numbers.workers > before)
    return made


async def sender(bench: Bench, room: str) -> ClientWebSocketResponse:
    """One that wants a receiver of the pool."""
    token = sign_token(SECRET, room, Role.SENDER, 60, bench.time.unix_s, pool=True)
    socket, joined = await bench.join(room, Role.SENDER, token)
    assert isinstance(joined, Joined)
    return socket


async def watch(bench: Bench, room: str, token: str | None = None) -> tuple[int, dict[str, str]]:
    given = sign_watch_token(SECRET, room, 60, bench.time.unix_s) if token is None else token
    async with bench.client.post("/watch", json={"room": room, "token": given}) as response:
        return response.status, await response.json() if response.status == 200 else {}


async def test_a_sender_that_asks_is_given_the_receiver_with_most_room(bench: Bench) -> None:
    small, large = await worker(bench, "small", 1), await worker(bench, "large", 2)
    talking = await sender(bench, "r")
    given = await large.takes("r")
    assert (await hear(talking)).__class__.__name__ == "PeerJoined"
    assert await watch(bench, "r") == (200, {"url": f"{BASE}/whep/r", "key": given.watch_key})
    await sender(bench, "s")
    await small.takes("s")


async def test_an_ordinary_sender_is_given_nobody(bench: Bench) -> None:
    await worker(bench, "one")
    await bench.join("r", Role.SENDER)
    assert bench.service.pool.numbers.assignments == bench.service.pool.numbers.waiting == 0
    assert (await watch(bench, "r"))[0] == 404


async def test_rooms_wait_for_a_receiver_and_are_forgotten_with_their_sender(bench: Bench) -> None:
    first, _ = await sender(bench, "first"), await sender(bench, "second")
    assert bench.service.pool.numbers.waiting == 2
    await first.send_str(serialise_signaling(Bye("")))
    await until(lambda: bench.service.pool.numbers.waiting == 1)
    await (await worker(bench, "one")).takes("second")


async def test_a_killed_receiver_s_rooms_are_given_to_another_at_once_with_another_key(bench: Bench) -> None:
    one = await worker(bench, "one")
    await sender(bench, "r")
    before = await one.takes("r")
    two = await worker(bench, "two")
    bench.sockets[-1]._writer.transport.abort()  # type: ignore[union-attr]  # its seat, and its place: nothing is said
    one.socket._writer.transport.abort()  # type: ignore[union-attr]
    after = await two.takes("r")
    assert after.watch_key != before.watch_key
    assert bench.service.pool.numbers.reassignments == 1


async def test_a_receiver_that_does_not_come_loses_the_room(bench: Bench) -> None:
    one = await worker(bench, "one")
    await sender(bench, "r")
    assert isinstance(await one.hear(), Assign)
    two = await worker(bench, "two")
    bench.time.ms += limits.POOL_JOIN_MS
    await bench.service.tick()
    await two.takes("r")


async def test_a_receiver_that_ends_a_call_while_the_sender_stays_may_be_asked_again(bench: Bench) -> None:
    one = await worker(bench, "one", 1)
    await sender(bench, "r")
    await one.takes("r")
    await bench.sockets[-1].close()
    await one.say(Released("r"))
    await one.say(Capacity(1))
    await one.takes("r")


async def test_a_silent_receiver_is_out_and_is_told_by_the_close(bench: Bench) -> None:
    one = await worker(bench, "one")
    bench.time.ms += limits.POOL_LEASE_MS - 1
    await bench.service.tick()
    assert bench.service.pool.numbers.workers == 1
    bench.time.ms += 1
    await bench.service.tick()
    assert await closed_with(one.socket) == WSCloseCode.GOING_AWAY
    assert bench.service.pool.numbers.workers == 0


@pytest.mark.parametrize("token", ["", "a.b.c", "join"])
async def test_who_has_no_token_of_the_pool_is_refused_and_closed(bench: Bench, token: str) -> None:
    stranger = await worker(bench, "one", token=bench.token() if token == "join" else token)
    refused = await stranger.hear()
    assert isinstance(refused, Error) and refused.code is ErrorCode.BAD_TOKEN
    assert await closed_with(stranger.socket) == WSCloseCode.POLICY_VIOLATION
    assert bench.service.pool.numbers.workers == 0


@pytest.mark.parametrize(
    "said",
    [
        "{}",
        "[",
        '{"type":"capacity","calls":1}',
        '{"type":"join"}',
        serialise(Assign("r", "t", "k" * 43)),
        b"\0",
    ],
)
async def test_what_is_no_registration_closes_the_connection_and_no_other(
    bench: Bench, said: str | bytes
) -> None:
    one = await worker(bench, "one")
    stranger = await bench.client.ws_connect("/pool")
    await (stranger.send_bytes(said) if isinstance(said, bytes) else stranger.send_str(said))
    assert await closed_with(stranger) == WSCloseCode.POLICY_VIOLATION
    await sender(bench, "r")
    await one.takes("r")


async def test_who_never_registers_meets_the_deadline(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signaling.service.JOIN_DEADLINE_S", 0.05)
    silent = await bench.client.ws_connect("/pool")
    assert await closed_with(silent) == WSCloseCode.POLICY_VIOLATION
    assert bench.lobby.connection_count == 0


async def test_an_address_has_a_connection_more_for_each_call_of_its_receivers(bench: Bench) -> None:
    ours = "127.0.0.1"
    assert bench.service.pool.connections_of(ours) == limits.SIGNALING_CONNECTIONS_PER_ADDRESS
    one = await worker(bench, "one")
    assert (
        bench.service.pool.connections_of(ours)
        == limits.SIGNALING_CONNECTIONS_PER_ADDRESS + limits.RENDER_CALLS_MAX
    )
    sockets = []
    for _ in range(limits.SIGNALING_CONNECTIONS_PER_ADDRESS + 1):
        await asyncio.sleep(1 / limits.SIGNALING_ADDRESS_MESSAGES_PER_S)
        bench.time.ms += 1000
        await one.say(Capacity(4))
        sockets.append(await bench.connect())
    assert bench.lobby.connection_count == limits.SIGNALING_CONNECTIONS_PER_ADDRESS + 1
    await one.socket.close()
    await until(lambda: bench.service.pool.connections_of(ours) == limits.SIGNALING_CONNECTIONS_PER_ADDRESS)


async def test_receivers_beyond_the_limit_are_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "POOL_WORKERS_MAX", 1)
    await worker(bench, "one")
    more = await worker(bench, "two", token=sign_pool_token(SECRET, 60, bench.time.unix_s))
    refused = await more.hear()
    assert isinstance(refused, Error) and refused.code is ErrorCode.TOO_MANY_CONNECTIONS


async def test_a_viewer_is_told_only_with_a_token_for_that_room(bench: Bench) -> None:
    one = await worker(bench, "one")
    await sender(bench, "r")
    await one.takes("r")
    assert (await watch(bench, "r"))[0] == 200
    other = sign_watch_token(SECRET, "s", 60, bench.time.unix_s)
    for token in ("", "a.b.c", other, bench.token("r", Role.RECEIVER)):
        bench.time.ms += 1000
        assert (await watch(bench, "r", token))[0] == 403
    async with bench.client.post("/watch", data=b"{") as response:
        assert response.status == 403
    async with bench.client.post("/watch", headers={"Origin": "https://evil.test"}) as response:
        assert response.status == 403


async def test_a_service_that_stops_sends_its_receivers_away(bench: Bench) -> None:
    one = await worker(bench, "one")
    bench.service.stop()
    assert await closed_with(one.socket) == WSCloseCode.GOING_AWAY
