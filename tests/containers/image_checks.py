"""What an image of ours must do before it is called good: its own programs, run as docker-compose.yml runs them.

    Image --(tests.containers.as_compose)--> programs in its root --> Check(name, ok, seconds, said)

Imports no code of the roles: what is asked is the installation inside the image. Invariant: every check runs a program of the
image and can fail; a service that was started has ended when its checks are done.
"""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tests.containers.as_compose import Service, start

COMPOSE_USER: Final = 1000
"""Whom docker-compose.yml runs receiver and demo as when it is told nothing."""
READY_S: Final = 20.0
END_S: Final = 10.0
_WRITES: Final = "import sys; [open(f'{place}/x', 'w') for place in sys.argv[1:]]"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. said: the last line that the program printed."""

    name: str
    ok: bool
    seconds: float
    said: str


@dataclass(frozen=True, slots=True)
class Image:
    """A built image. root: its files, mounted. config: as the image states it. command: of its service in
    docker-compose.yml. scratch: a folder for what the checks leave.
    """

    root: Path
    config: dict[str, Any]
    command: list[str]
    scratch: Path

    @property
    def user(self) -> int:
        """Number of the user that the image asks for; 0 is root."""
        return int(self.config["User"] or 0)

    def service(
        self, command: Sequence[str], user: int | None = None, is_program: bool = False, **rest: Any
    ) -> Service:
        """The image's ENTRYPOINT with command behind it, or with is_program the command alone."""
        words = [*([] if is_program else self.config["Entrypoint"]), *command]
        environment = dict(pair.split("=", 1) for pair in self.config["Env"])
        folder = self.config.get("WorkingDir") or "/"
        return Service(self.root, words, environment, self.user if user is None else user, folder, **rest)

    def run(self, name: str, service: Service, timeout_s: float, must_fail: bool = False) -> Check:
        """Runs a program to its end."""
        output, begun = self.scratch / f"{name.replace(' ', '_').replace('/', '')}.txt", time.monotonic()
        process = start(service, output)
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        lines = output.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [""]
        ok = (status not in (0, -signal.SIGKILL)) if must_fail else status == 0
        return Check(name, ok, round(time.monotonic() - begun, 2), lines[-1].strip()[:200])


def signaling(image: Image) -> list[Check]:
    """Help, a secret of its own, then the service: ready, page, networks, numbers, health check, an orderly end."""
    secrets = _folder(image.scratch / "secrets")
    made = image.run("secret", image.service(["secret"]), 30)
    (secrets / "join_secret").write_text(made.said + "\n", encoding="utf-8")
    checks = [_is_nobody(image), image.run("help", image.service(["--help"]), 30), _root_is_closed(image)]
    checks.append(replace(made, said=f"{len(made.said)} characters"))
    command = [*image.config["Cmd"], "--metrics-port", "9101"]
    serving = start(image.service(command, secrets=secrets), image.scratch / "serve.txt")
    try:
        checks.append(_answers("ready", "http://127.0.0.1:8080/readyz", READY_S))
        checks.append(_answers("page", "http://127.0.0.1:8080/"))
        checks.append(_answers("the page's engine", "http://127.0.0.1:8080/ort/ort-wasm-simd-threaded.wasm"))
        checks.append(_answers("a network of the page", "http://127.0.0.1:8080/weights/nano/render.onnx"))
        checks.append(_answers("metrics", "http://127.0.0.1:9101/metrics"))
        checks.append(image.run("health check", _health(image), 10))
    finally:
        checks.append(_ends(serving))
    return [*checks, image.run("health check of a service that is gone", _health(image), 10, must_fail=True)]


def receiver(image: Image) -> list[Check]:
    """Help and the doctor with no network, and the health check with a folder that can be written and with one that cannot."""
    out = _folder(image.scratch / "out", COMPOSE_USER)
    closed = _folder(image.scratch / "closed")
    return [
        _is_nobody(image),
        image.run("help", image.service(["receiver", "--help"], has_network=False), 60),
        _root_is_closed(image),
        image.run(
            "doctor", image.service(["receiver", "doctor"], COMPOSE_USER, out=out, has_network=False), 180
        ),
        image.run("health check", _health(image, COMPOSE_USER, out=out), 10),
        image.run(
            "health check without a place to write",
            _health(image, COMPOSE_USER, out=closed),
            10,
            must_fail=True,
        ),
    ]


def demo(image: Image) -> list[Check]:
    """A whole call without a network, as the service `demo` of docker-compose.yml makes it; its report must be there."""
    out = _folder(image.scratch / "out", COMPOSE_USER)
    called = image.run("a call", image.service(image.command, COMPOSE_USER, out=out, has_network=False), 300)
    report = out / "report.json"
    there = report.is_file() and report.stat().st_size > 0
    return [
        _is_nobody(image),
        called,
        Check("its report", there, 0.0, report.name if there else "no report.json"),
    ]


CHECKS: Final[dict[str, Callable[[Image], list[Check]]]] = {
    "signaling": signaling,
    "receiver": receiver,
    "demo": demo,
}


def _is_nobody(image: Image) -> Check:
    return Check("user", image.user >= 10_000, 0.0, str(image.user))


def _root_is_closed(image: Image) -> Check:
    """Its own user may write /tmp, and neither / nor where the program lies."""
    may = image.run("writes its tmp", image.service(["python", "-c", _WRITES, "/tmp"], is_program=True), 10)
    tried = [
        image.run(
            f"writes {place}",
            image.service(["python", "-c", _WRITES, place], is_program=True),
            10,
            must_fail=True,
        )
        for place in ("/", "/opt/facewire", "/etc")
    ]
    ok = may.ok and all(check.ok and "Read-only file system" in check.said for check in tried)
    return Check("root is read-only, /tmp is not", ok, may.seconds, tried[0].said)


def _health(image: Image, user: int | None = None, **rest: Any) -> Service:
    return image.service(image.config["Healthcheck"]["Test"][1:], user, is_program=True, **rest)


def _answers(name: str, url: str, patience_s: float = 0.0) -> Check:
    """A GET that is answered with 200, within patience_s."""
    begun, said = time.monotonic(), ""
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                said, ok = f"{len(answer.read())} bytes", True
        except (OSError, urllib.error.URLError) as error:
            said, ok = str(error), False
        waited = time.monotonic() - begun
        if ok or waited >= patience_s:
            return Check(name, ok, round(waited, 2), said)
        time.sleep(0.05)


def _ends(process: subprocess.Popen[bytes]) -> Check:
    begun = time.monotonic()
    process.terminate()
    try:
        status = process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
    return Check("ends at SIGTERM", status == 0, round(time.monotonic() - begun, 2), f"status {status}")


def _folder(place: Path, owner: int | None = None) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    if owner is not None:
        os.chown(place, owner, owner)
    return place.resolve()
