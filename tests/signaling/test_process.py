"""The service as people run it: a process that starts, is asked to end or is killed, and leaves clients informed."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from shared.signaling_messages import Bye, Join, Joined, Role, serialise
from signaling.keys import new_secret
from tests.signaling.bench import closed_with, hear

pytestmark = [pytest.mark.network, pytest.mark.e2e]
ROOT = Path(__file__).parents[2]


@dataclass
class Running:
    process: asyncio.subprocess.Process
    url: str
    secret_file: Path

    def token(self, role: Role) -> str:
        command = [sys.executable, "-m", "signaling", "token", "--room", "r", "--role", role.value]
        return subprocess.check_output(
            [*command, "--secret-file", self.secret_file], cwd=ROOT, text=True
        ).strip()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    secret_file = tmp_path / "secret"
    secret_file.write_text(new_secret())
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "signaling", "serve", "--port", str(port), "--secret-file", str(secret_file)),
        "--drain-seconds=30",
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(20):
        while b'"listening"' not in await process.stderr.readline():
            pass
    yield Running(process, f"http://127.0.0.1:{port}/ws", secret_file)
    if process.returncode is None:
        process.kill()
    await process.communicate()


@pytest.mark.parametrize("endings", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT,)])
async def test_asked_to_end_at_once_it_says_goodbye_and_ends_cleanly(
    running: Running, endings: tuple[signal.Signals, ...]
) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(running.url) as client:
        await client.send_str(serialise(Join("r", Role.SENDER, running.token(Role.SENDER))))
        assert isinstance(await hear(client), Joined)
        for ending in endings[:-1]:
            running.process.send_signal(ending)
            await asyncio.sleep(0.05)  # equal signals that wait together are one
        running.process.send_signal(endings[-1])
        assert await hear(client) == Bye("server stopping")
        assert await closed_with(client) == aiohttp.WSCloseCode.GOING_AWAY
    async with asyncio.timeout(10):
        assert await running.process.wait() == 0


async def test_it_drains_on_sigterm_and_ends_with_its_last_call(running: Running) -> None:
    base = running.url.removesuffix("/ws")
    tokens = {role: running.token(role) for role in (Role.SENDER, Role.RECEIVER)}
    async with aiohttp.ClientSession() as session:
        first, second = [await session.ws_connect(running.url) for _ in range(2)]
        await first.send_str(serialise(Join("r", Role.SENDER, tokens[Role.SENDER])))
        assert isinstance(await hear(first), Joined)
        running.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            while (await session.get(f"{base}/readyz")).status != 503:
                await asyncio.sleep(0.01)
        assert (await session.get(f"{base}/healthz")).status == 200
        await second.send_str(serialise(Join("r", Role.RECEIVER, tokens[Role.RECEIVER])))
        assert isinstance(await hear(second), Joined), "the other end of a call that is under way"
        for client in (first, second):
            await client.close()
    async with asyncio.timeout(10):
        assert await running.process.wait() == 0


async def test_killed_it_leaves_clients_with_a_closed_connection(running: Running) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(running.url) as client:
        await client.send_str(serialise(Join("r", Role.SENDER, running.token(Role.SENDER))))
        assert isinstance(await hear(client), Joined)
        running.process.kill()
        assert await closed_with(client) == aiohttp.WSCloseCode.ABNORMAL_CLOSURE


async def test_a_port_that_is_taken_is_one_clear_line(running: Running) -> None:
    port = running.url.split(":")[2].split("/")[0]
    second = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "signaling",
            "serve",
            "--port",
            port,
            "--secret-file",
            str(running.secret_file),
        ),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, error = await second.communicate()
    last = error.decode().splitlines()[-1]
    assert second.returncode == 2
    assert last.startswith(f"signaling: Cannot listen on 127.0.0.1 port {port}")
    assert "Traceback" not in error.decode()
