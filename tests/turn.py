"""A real TURN relay (coturn) on this machine, for ends that may reach nothing else; it can be killed and started again.

Must not start where coturn is missing: ask `has_coturn`. Invariant: it listens on this machine's own address and believes
credentials of one secret, made as `signaling.ice` makes them. docker-compose.yml's relay reaches no private address, so two
ends on one machine cannot meet through that one; its settings have a test of their own (tests/containers/test_relay.py).
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from signaling.keys import new_secret

COTURN_MISSING: Final = "coturn is not installed: apt install coturn"
_START_S: Final = 10.0
_STEP_S: Final = 0.05


def has_coturn() -> bool:
    """Whether there is one to start."""
    return shutil.which("turnserver") is not None


class Turn:
    """The relay. url: as `--ice-server` takes it. log: what it says of its sessions. It has the same address after a restart."""

    def __init__(self, folder: Path) -> None:
        self._host, self._folder = _own_address(), folder
        self._port = _free_port(self._host)
        self.secret_file, self.log, self._pid = (folder / name for name in ("secret", "log", "pid"))
        self.url = f"turn:{self._host}:{self._port}?transport=udp"
        secret = new_secret()
        self.secret_file.write_text(secret)
        (folder / "turnserver.conf").write_text(f"static-auth-secret={secret}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it listens. Raises RuntimeError, with its own words, when it does not."""
        self._pid.unlink(missing_ok=True)
        command = [
            "turnserver", "-c", "turnserver.conf", f"--listening-ip={self._host}", f"--relay-ip={self._host}",
            f"--listening-port={self._port}", f"--pidfile={self._pid}", f"--userdb={self._folder / 'db'}",
            "--log-file=stdout", "--verbose", "--use-auth-secret", "--realm=facewire", "--fingerprint", "--no-cli",
            "--no-tls", "--no-dtls", "--allow-loopback-peers",
        ]  # fmt: skip
        with self.log.open("ab") as file:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=file, stderr=subprocess.STDOUT)
        begun_s = time.monotonic()
        while not (self._pid.is_file() and self._pid.stat().st_size):
            if self._process.poll() is not None or time.monotonic() - begun_s > _START_S:
                raise RuntimeError(f"coturn did not start: {self.log.read_text(errors='replace')}")
            time.sleep(_STEP_S)

    def kill(self) -> None:
        """Without a word: who relied on it is left alone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_START_S)
            self._process = None


@contextmanager
def coturn(folder: Path) -> Iterator[Turn]:
    """The relay, for as long as the block lasts."""
    turn = Turn(folder)
    try:
        turn.start()
        yield turn
    finally:
        turn.kill()


def _own_address() -> str:
    """The address that this machine would send from; its loopback where it has no other. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind((host, 0))
        return int(made.getsockname()[1])
