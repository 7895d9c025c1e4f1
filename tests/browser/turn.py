"""A real TURN relay (coturn) on this machine, for pages that may reach nothing else.

Must not start where coturn is missing: ask `has_coturn`. Invariant: it listens on this machine's own address and believes
credentials of one secret, made as `signaling.ice` makes them. docker-compose.yml's relay reaches no private address, so two
pages of one machine cannot meet through that one; its settings have a test of their own (tests/containers/test_relay.py).
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from signaling.keys import new_secret

COTURN_MISSING: Final = "coturn is not installed: apt install coturn"
_START_S: Final = 10.0
_STEP_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Turn:
    """A running relay. url: as `--ice-server` takes it. log: what it says of its sessions."""

    url: str
    secret_file: Path
    log: Path


def has_coturn() -> bool:
    """Whether there is one to start."""
    return shutil.which("turnserver") is not None


@contextmanager
def coturn(folder: Path) -> Iterator[Turn]:
    """The relay, for as long as the block lasts. Raises RuntimeError, with its own words, when it does not start."""
    host, secret = _own_address(), new_secret()
    port = _free_port(host)
    secret_file, configuration, pid, log = (
        folder / name for name in ("secret", "turnserver.conf", "pid", "log")
    )
    secret_file.write_text(secret)
    configuration.write_text(f"static-auth-secret={secret}\n")
    command = [
        "turnserver", "-c", str(configuration), f"--listening-ip={host}", f"--relay-ip={host}",
        f"--listening-port={port}", f"--pidfile={pid}", f"--userdb={folder / 'db'}", "--log-file=stdout", "--verbose",
        "--use-auth-secret", "--realm=facewire", "--fingerprint", "--no-cli", "--no-tls", "--no-dtls",
        "--allow-loopback-peers",
    ]  # fmt: skip
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, stdout=file, stderr=subprocess.STDOUT)
    try:
        begun_s = time.monotonic()
        while not (pid.is_file() and pid.stat().st_size):
            if process.poll() is not None or time.monotonic() - begun_s > _START_S:
                raise RuntimeError(f"coturn did not start: {log.read_text(errors='replace')}")
            time.sleep(_STEP_S)
        yield Turn(f"turn:{host}:{port}?transport=udp", secret_file, log)
    finally:
        process.terminate()
        process.wait(_START_S)


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
