"""The programs that a page talks to, as processes: signaling service, Python sender and receiver."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from experiments.sample import SAMPLE_PATH
from shared.errors import UserError
from shared.signaling_messages import Role
from signaling.keys import new_secret
from signaling.tokens import sign_token

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 20
STOP_TIMEOUT_S = 10


@dataclass
class Service:
    """A running signaling service that serves the page, and the programs started beside it."""

    folder: Path
    port: int
    secret: str
    processes: list["subprocess.Popen[str]"] = field(default_factory=list)

    @property
    def page(self) -> str:
        """The page's address, without an invitation."""
        return f"http://127.0.0.1:{self.port}/"

    def token(self, room: str, role: Role) -> str:
        """Admits once."""
        return sign_token(self.secret, room, role, 600, time.time())

    def link(self, room: str, role: Role = Role.PEER) -> str:
        """An invitation."""
        fields = {"room": room, "role": role.value, "token": self.token(room, role)}
        return f"{self.page}#{urlencode(fields)}"

    def sender(self, room: str, seconds: float) -> "subprocess.Popen[str]":
        """Python's sender of the project's own sample, over and over."""
        source = ("--source", f"file:{SAMPLE_PATH}", "--loop", "--seconds", str(seconds))
        return self._peer("sender", room, Role.SENDER, *source)

    def receiver(self, room: str, video: Path | None, seconds: float) -> "subprocess.Popen[str]":
        """Python's receiver, which keeps what it shows in `video`; None: it looks at nothing and takes little time."""
        sink = "none" if video is None else f"mp4:{video}"
        return self._peer("receiver", room, Role.RECEIVER, "--sink", sink, "--seconds", str(seconds))

    def _peer(self, module: str, room: str, role: Role, *arguments: str) -> "subprocess.Popen[str]":
        token_file = self.folder / f"{room}-{module}.token"
        token_file.write_text(self.token(room, role))
        where = ("--signaling", f"ws://127.0.0.1:{self.port}/ws", "--token-file", str(token_file))
        return self.start(module, *arguments, *where)

    def words(self, process: "subprocess.Popen[str]") -> str:
        """What a program has printed so far."""
        (log,) = self.folder.glob(f"*-{self.processes.index(process)}.log")
        return log.read_text()

    def start(self, module: str, *arguments: str) -> "subprocess.Popen[str]":
        """`python -m module`; what it prints goes into a file of the folder."""
        log = (self.folder / f"{module}-{len(self.processes)}.log").open("w")
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
        log.close()
        self.processes.append(process)
        return process

    def stop(self) -> None:
        """End the service and all that was started beside it."""
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def start_service(folder: Path, *arguments: str) -> Service:
    """A service on a free port, ready to answer. arguments: more of `signaling serve`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    service = Service(folder, port, new_secret())
    (folder / "secret").write_text(service.secret)
    secret = ("--secret-file", str(folder / "secret"))
    service.start("signaling", "serve", "--port", str(port), "--open-rooms", *secret, *arguments)
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        try:
            with urllib.request.urlopen(f"{service.page}readyz", timeout=2):
                return service
        except OSError:
            time.sleep(0.1)
    service.stop()
    raise UserError("The signaling service did not start.")
