"""A signaling service in a process of its own, for as long as a measurement lasts.

Must not import the service itself: what is measured is the program that people start. Invariant: the process is ended, whatever
happens.
"""

import asyncio
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from shared.errors import UserError

SECRET: Final = secrets.token_urlsafe(32)
HOST: Final = "127.0.0.1"
START_S: Final = 10.0
END_S: Final = 10.0
_POLL_S: Final = 0.05
_ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: its WebSocket's address and its process."""

    url: str
    process: psutil.Process

    def rss_mb(self) -> float:
        """Resident memory, MB (10^6 bytes)."""
        return float(self.process.memory_info().rss) / 1e6


@asynccontextmanager
async def serving(folder: Path, *more: str, port: int | None = None) -> AsyncIterator[Service]:
    """Start one, listening; raises UserError when it does not. folder: a private one, for the secret. more: further flags."""
    secret = folder / "join.secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    port = port or free_port()
    log = folder / f"signaling-{port}.log"
    with log.open("ab") as stderr:
        started = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "signaling", "serve", "--host", HOST, "--port", str(port)),
            *("--secret-file", str(secret), *more),
            cwd=_ROOT,
            stderr=stderr,
        )
    try:
        await _listening(started, port, log)
        yield Service(f"ws://{HOST}:{port}/ws", psutil.Process(started.pid))
    finally:
        await _ended(started)


def free_port() -> int:
    """A TCP port that nobody has just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def _listening(started: asyncio.subprocess.Process, port: int, log: Path) -> None:
    end_s = asyncio.get_running_loop().time() + START_S
    while asyncio.get_running_loop().time() < end_s and started.returncode is None:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(_POLL_S)
            continue
        writer.close()
        return
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise UserError(f"The signaling service did not start: {said[-1] if said else 'it said nothing'}")


async def _ended(started: asyncio.subprocess.Process) -> None:
    if started.returncode is None:
        started.terminate()
        try:
            await asyncio.wait_for(started.wait(), END_S)
        except TimeoutError:
            started.kill()
            await started.wait()
