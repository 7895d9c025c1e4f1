"""Fixtures: a real signaling service on a loopback port."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from signaling.keys import new_secret
from signaling.server import make_app
from signaling.service import SignalingService
from tests.signaling.bench import CONFIG, SECRET, Bench, Time


@pytest.fixture
async def start_bench() -> AsyncIterator[Callable[[Path], Awaitable[Bench]]]:
    clients: list[TestClient] = []  # type: ignore[type-arg]

    async def start(web_folder: Path) -> Bench:
        time = Time()
        service = SignalingService(CONFIG, SECRET, new_secret(), time.clocks())
        client = TestClient(TestServer(make_app(service, web_folder)))
        clients.append(client)
        await client.start_server()
        return Bench(client, service, time)

    yield start
    for client in clients:
        await client.close()


@pytest.fixture
async def bench(start_bench: Callable[[Path], Awaitable[Bench]], tmp_path: Path) -> Bench:
    return await start_bench(tmp_path / "no-page")
