"""receiver.health over a real port: alive, ready, and not ready while it drains."""

import aiohttp
import pytest

from receiver.health import HealthServer
from shared.errors import UserError

pytestmark = pytest.mark.network


async def _get(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.text()


async def test_it_says_whether_it_lives_and_whether_it_is_ready() -> None:
    ready = [True]
    server = HealthServer(lambda: ready[0], lambda: b"some_metric 1\n")
    port = await server.start("127.0.0.1", 0)
    try:
        assert await _get(port, "/healthz") == (200, "ok\n")
        assert await _get(port, "/readyz") == (200, "ready\n")
        assert await _get(port, "/metrics") == (200, "some_metric 1\n")
        ready[0] = False
        assert await _get(port, "/readyz") == (503, "not ready\n")
        ready[0], server.draining = True, True
        assert await _get(port, "/readyz") == (503, "not ready\n")
        assert await _get(port, "/healthz") == (200, "ok\n")
    finally:
        await server.close()


async def test_without_metrics_there_is_no_such_page_and_a_taken_port_is_a_user_error() -> None:
    server, second = HealthServer(lambda: True), HealthServer(lambda: True)
    port = await server.start("127.0.0.1", 0)
    try:
        assert (await _get(port, "/metrics"))[0] == 404
        with pytest.raises(UserError, match="--health-port"):
            await second.start("127.0.0.1", port)
    finally:
        await server.close()
