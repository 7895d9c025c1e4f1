"""The programs as people start them: one signaling service, tokens, senders and receivers as processes."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from experiments.demo.call import HOST, _free_port, _listens
from experiments.demo.processes import Child, Children, Report, wait_until
from shared.signaling_messages import Role
from signaling.tokens import sign_token
from tests.e2e.media import SAMPLE

START_S = 60.0
"""Imports and networks of two programs on two busy cores."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running signaling service."""

    url: str
    secret: str
    children: Children
    folder: Path

    def token(self, room: str, role: Role, now_s: float | None = None, secret: str | None = None) -> Path:
        """A file with a token that lives five minutes from now_s (default: now)."""
        text = sign_token(secret or self.secret, room, role, 300, time.time() if now_s is None else now_s)
        path = self.folder / f"{secrets.token_hex(6)}.token"
        path.write_text(text)
        path.chmod(0o600)
        return path

    def sender(self, token: Path, *more: str, rejoin_seconds: float = 0) -> Child:
        """A sender that plays the sample over and over; rejoin_seconds: how long it waits for a peer that is lost."""
        arguments = ["sender", "--source", str(SAMPLE), "--loop", "--signaling", self.url]
        arguments += ["--rejoin-seconds", str(rejoin_seconds)]
        return self.children.start("sender", [*arguments, "--token-file", str(token), *more])

    def receiver(self, token: Path, *more: str, reports: list[Report] | None = None) -> Child:
        """A receiver that needs no trained network, and waits for no peer that is lost."""
        arguments = ["receiver", "--backend", "mesh-warp", "--signaling", self.url, "--rejoin-seconds", "0"]
        heard: list[Report] = [] if reports is None else reports
        return self.children.start("receiver", [*arguments, "--token-file", str(token), *more], heard.append)


@dataclass(frozen=True, slots=True)
class Running:
    """Two programs in a call. reports: what the receiver says once a second."""

    sender: Child
    receiver: Child
    film: Path
    reports: list[Report]


@contextmanager
def serving(folder: Path) -> Iterator[Service]:
    """A service on a free port; it and everybody who came is ended at the end."""
    secret = secrets.token_urlsafe(32)
    file = folder / "secret"
    file.write_text(secret)
    file.chmod(0o600)
    port = _free_port()
    with Children() as children:
        arguments = ["signaling", "serve", "--host", HOST, "--port", str(port), "--secret-file", str(file)]
        service = children.start("signaling", arguments)
        assert wait_until(lambda: _listens(port), START_S), service.last_words
        yield Service(f"ws://{HOST}:{port}/ws", secret, children, folder)


def start_call(service: Service, room: str, rejoin_seconds: float = 0) -> Running:
    """A call in which faces are shown already, recorded to an mp4."""
    film, reports = service.folder / f"{room}.mp4", list[Report]()
    receiver = service.receiver(service.token(room, Role.RECEIVER), "--sink", f"mp4:{film}", reports=reports)
    sender = service.sender(service.token(room, Role.SENDER), rejoin_seconds=rejoin_seconds)
    seen = wait_until(lambda: sum(r["state"] in ("fresh", "interpolated") for r in reports) >= 3, START_S)
    assert seen, f"no call: {sender.last_words} / {receiver.last_words}"
    return Running(sender, receiver, film, reports)
