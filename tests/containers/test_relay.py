"""The relay of docker-compose.yml, as a program on loopback: its own script with other paths, credentials from our code."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from aioice.stun import TransactionFailed
from aioice.turn import create_turn_endpoint

from signaling.ice import turn_credential
from signaling.keys import new_secret

ROOT = Path(__file__).parents[2]
START_S = 10.0
pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(
        shutil.which("turnserver") is None, reason="coturn is not installed: apt install coturn"
    ),
]


@dataclass(frozen=True, slots=True)
class Relay:
    port: int
    secret: str
    log: Path
    healthy: str
    """The health check's command."""


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    service = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["coturn"]
    secret, log, port = new_secret(), tmp_path / "log", _free_port()
    (tmp_path / "turn_secret").write_text(secret + "\n", encoding="utf-8")
    script = _moved(service["command"][0], tmp_path)
    script = script.replace(
        "exec turnserver", f"exec turnserver --listening-ip=127.0.0.1 --listening-port={port}"
    )
    healthy = _moved(service["healthcheck"]["test"][1], tmp_path)
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*service["entrypoint"], script],
            env={**os.environ, "TURN_HOST": "127.0.0.1"}, cwd=tmp_path, stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        begun = time.monotonic()
        while _status(healthy) != 0:
            assert process.poll() is None and time.monotonic() - begun < START_S, log.read_text()
            time.sleep(0.05)
        yield Relay(port, secret, log, healthy)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_S)


def _moved(script: str, folder: Path) -> str:
    """The script as a shell sees it, with the container's places moved into folder."""
    return (
        script.replace("$$", "$")
        .replace("/run/secrets/", f"{folder}/")
        .replace("/tmp/turn", f"{folder}/turn")
    )


def _status(script: str) -> int:
    return subprocess.run(["/bin/sh", "-c", script], stderr=subprocess.DEVNULL, check=False).returncode


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


async def _allocate(relay: Relay, secret: str) -> tuple[str, int]:
    user, password = turn_credential(secret, "somebody", time.time())
    transport, _ = await create_turn_endpoint(
        asyncio.DatagramProtocol, ("127.0.0.1", relay.port), user, password
    )
    address: tuple[str, int] = transport.get_extra_info("sockname")
    transport.close()
    await asyncio.sleep(0.1)  # its farewell is sent by a task of its own
    return address


async def test_a_credential_of_ours_opens_a_place_in_the_relay_within_its_ports(relay: Relay) -> None:
    host, port = await _allocate(relay, relay.secret)
    assert host == "127.0.0.1" and 49_160 <= port <= 49_259


async def test_a_credential_of_another_secret_is_refused(relay: Relay) -> None:
    with pytest.raises(TransactionFailed):
        await _allocate(relay, new_secret())


def test_the_relay_starts_without_a_complaint(relay: Relay) -> None:
    said = relay.log.read_text(encoding="utf-8", errors="replace")
    assert "ERROR" not in said and "cannot" not in said.replace("cannot support STUN CHANGE_REQUEST", "")
