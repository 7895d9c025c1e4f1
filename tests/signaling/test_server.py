"""signaling.server: routes and Origin."""

import pytest
from aiohttp import WSServerHandshakeError

from shared import limits
from tests.signaling.bench import Bench

pytestmark = pytest.mark.network


async def test_health_and_readiness_are_answered(bench: Bench) -> None:
    for path, text in (("/healthz", "ok\n"), ("/readyz", "ready\n")):
        async with bench.client.get(path) as response:
            assert (response.status, await response.text()) == (200, text)


async def test_a_stopping_service_is_alive_but_not_ready(bench: Bench) -> None:
    bench.service.stop()
    async with bench.client.get("/readyz") as response:
        assert response.status == 503
    async with bench.client.get("/healthz") as response:
        assert response.status == 200


async def test_a_full_service_is_not_ready(bench: Bench) -> None:
    for number in range(limits.SIGNALING_CONNECTIONS_MAX):
        bench.lobby.rooms.open(f"a{number}", 0)
    async with bench.client.get("/readyz") as response:
        assert response.status == 503


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "https://call.test.evil.test", ""])
async def test_a_page_of_a_foreign_origin_is_forbidden(bench: Bench, origin: str) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await bench.client.ws_connect("/ws", headers={"Origin": origin})
    assert refused.value.status == 403


async def test_a_listed_page_may_connect(bench: Bench) -> None:
    socket = await bench.client.ws_connect("/ws", headers={"Origin": "https://call.test"})
    await socket.close()


async def test_one_connection_past_the_limit_of_an_address_is_refused(bench: Bench) -> None:
    for _ in range(limits.SIGNALING_CONNECTIONS_PER_ADDRESS):
        await bench.connect()
    with pytest.raises(WSServerHandshakeError) as refused:
        await bench.connect()
    assert refused.value.status == 503


async def test_an_address_that_connects_too_fast_is_refused(bench: Bench) -> None:
    for _ in range(limits.SIGNALING_ADDRESS_MESSAGES_BURST):
        bench.lobby.addresses.take("127.0.0.1", 0)
    with pytest.raises(WSServerHandshakeError) as refused:
        await bench.connect()
    assert refused.value.status == 429


async def test_the_socket_address_says_that_it_speaks_websocket(bench: Bench) -> None:
    async with bench.client.get("/ws") as response:
        assert response.status == 426
