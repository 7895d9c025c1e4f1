"""Run one call on loopback: signaling, receiver and sender as separate processes, in real time, with their
memory watched.

Must not import codecs or measures. Invariant: when `run_call` returns or raises, no child is left, and what
the receiver had rendered by then is in its files.
"""

import contextlib
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from experiments.demo.processes import Child, Children, Report, wait_until
from shared.errors import FacewireError, UserError
from shared.signaling_messages import Role
from signaling.tokens import sign_token

HOST: Final = "127.0.0.1"
ROOM: Final = "demo"
SIGNALING_START_S: Final = 15.0
"""A cold start of Python and aiohttp on a slow disk."""
CALL_START_S: Final = 60.0
"""Loading the models on both ends, on two slow cores."""
RECEIVER_END_S: Final = 15.0
"""The receiver writes out what it has after the sender is gone; its own rule for a silent peer takes 10 s."""
TOKEN_LIFE_S: Final = 300
WATCH_S: Final = 0.25

Watch = Callable[[str, Report], None]


@dataclass(frozen=True, slots=True)
class Addresses:
    """WebSocket addresses at which the two ends find signaling."""

    sender: str
    receiver: str


Route = Callable[[str], AbstractContextManager[Addresses]]
"""From the service's address to those given to the ends; what stands between them lives while the call does."""


def direct(url: str) -> AbstractContextManager[Addresses]:
    """Nothing in between."""
    return contextlib.nullcontext(Addresses(url, url))


class CallFailed(FacewireError):
    """A child ended with an error; the text names it and repeats its last line."""

    def __init__(self, child: Child) -> None:
        super().__init__(f"the {child.name} failed: {child.last_words}")
        self.status = child.status


@dataclass(frozen=True, slots=True)
class CallSettings:
    """source: what `sender --source` takes. seconds: of the call. out: folder of the results (exists).

    bundle_ms: None leaves it to the sender. film: also record what people would see (costs the receiver an H.264 encoder).
    more: further flags of the sender. weights: a folder of one's own for both ends, None: the shipped ones. size: of the network.
    """

    source: str
    seconds: float
    bundle_ms: int | None
    out: Path
    film: bool = True
    more: tuple[str, ...] = ()
    weights: Path | None = None
    size: str = "auto"

    @property
    def weights_flags(self) -> tuple[str, ...]:
        """What both ends are told about weights."""
        return () if self.weights is None else ("--weights", str(self.weights))


@dataclass(frozen=True, slots=True)
class CallFiles:
    """What a call leaves behind.

    The crops and the lossless recording are for measuring; reconstructed is to be shown.
    """

    crops: Path
    lossless: Path
    reconstructed: Path
    sender_stats: Path
    receiver_stats: Path


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """files, the peak resident memory of each end in bytes, and the cores that each used in the call's last seconds (None for a
    call that was too short to tell).
    """

    files: CallFiles
    sender_rss_bytes: int
    receiver_rss_bytes: int
    sender_cores: float | None
    receiver_cores: float | None


def files_in(out: Path) -> CallFiles:
    """Names of a call's files in a folder."""
    work = out / "work"
    return CallFiles(
        crops=work / "original.mkv",
        lossless=work / "rebuilt.mkv",
        reconstructed=out / "reconstructed.mp4",
        sender_stats=work / "sender.json",
        receiver_stats=work / "receiver.json",
    )


def run_call(settings: CallSettings, watch: Watch, route: Route = direct) -> CallOutcome:
    """One call from start to end; `watch(end, report)` gets each JSON line of "sender" and "receiver".

    route: what stands between the ends and signaling, an impaired network for instance.

    Raises CallFailed when a child fails, UserError when signaling cannot start. KeyboardInterrupt ends the
    call cleanly.
    """
    files = files_in(settings.out)
    files.crops.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="facewire-demo-") as folder, Children() as children:
        private = Path(folder)
        with route(_start_signaling(children, private)) as urls:
            receiver = children.start(
                "receiver",
                _receiver_arguments(settings, files, urls.receiver, private / "receiver.token"),
                lambda r: watch("receiver", r),
            )
            sender = children.start(
                "sender",
                _sender_arguments(settings, files, urls.sender, private / "sender.token"),
                lambda r: watch("sender", r),
            )
            _follow(sender, receiver, settings.seconds)
            if receiver.wait(RECEIVER_END_S) and receiver.status != 0:
                raise CallFailed(receiver)
            receiver.stop()  # one that did not notice the end of the call writes its files when it is interrupted
            return CallOutcome(
                files, sender.peak_rss_bytes, receiver.peak_rss_bytes, sender.cores, receiver.cores
            )


def _follow(sender: Child, receiver: Child, seconds: float) -> None:
    """Until the sender has ended by itself; CallFailed when either end fails or the call never ends."""
    end = time.monotonic() + CALL_START_S + seconds * 1.5
    while sender.status is None:
        for child in (sender, receiver):
            child.sample_use()
        if receiver.status not in (None, 0):
            sender.stop()
            raise CallFailed(receiver)
        if time.monotonic() > end:
            raise UserError(
                f"The call did not end within {CALL_START_S + seconds * 1.5:.0f} s. Is this machine busy? Try again "
                "with fewer --seconds."
            )
        time.sleep(WATCH_S)
    if sender.status != 0:
        raise CallFailed(sender)


def _start_signaling(children: Children, private: Path) -> str:
    """Start the service on a free port; write one token for each end. Returns the WebSocket's address."""
    secret = secrets.token_urlsafe(32)
    secret_file = _write_private(private / "secret", secret)
    for role in (Role.SENDER, Role.RECEIVER):
        token = sign_token(secret, ROOM, role, TOKEN_LIFE_S, time.time())
        _write_private(private / f"{role.value}.token", token)
    port = _free_port()
    arguments = ["signaling", "serve", "--host", HOST, "--port", str(port), "--secret-file", str(secret_file)]
    service = children.start("signaling service", arguments)
    wait_until(lambda: service.status is not None or _listens(port), SIGNALING_START_S)
    if service.status is not None:
        raise CallFailed(service)
    if not _listens(port):
        raise UserError(f"The signaling service did not start within {SIGNALING_START_S:.0f} s. Try again.")
    return f"ws://{HOST}:{port}/ws"


def _sender_arguments(settings: CallSettings, files: CallFiles, url: str, token: Path) -> list[str]:
    bundle = () if settings.bundle_ms is None else ("--bundle-ms", str(settings.bundle_ms))
    return [
        *("sender", "--source", settings.source, "--signaling", url, "--token-file", str(token)),
        *("--stats", str(files.sender_stats), "--record-crop", str(files.crops)),
        *("--seconds", f"{settings.seconds:g}", *bundle, *settings.weights_flags, *settings.more),
    ]


def _receiver_arguments(settings: CallSettings, files: CallFiles, url: str, token: Path) -> list[str]:
    film = ("--sink", f"mp4:{files.reconstructed}") if settings.film else ()
    return [
        *("receiver", "--signaling", url, "--token-file", str(token), "--stats", str(files.receiver_stats)),
        *(*film, "--sink", f"lossless:{files.lossless}", "--size", settings.size, *settings.weights_flags),
    ]


def _write_private(path: Path, text: str) -> Path:
    """A file that only this user can read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text + "\n")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=0.5):
        return True
    return False
