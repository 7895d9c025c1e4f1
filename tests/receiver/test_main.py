"""receiver.__main__: the command, alone and in a real call over WebRTC."""

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver.__main__ import _shown, main
from receiver.config import ReceiverConfig
from receiver.session_maker import motion_model
from shared.join_token import join_from_token
from shared.limits import PEER_SILENCE_MS
from shared.signaling_messages import Role
from shared.transport.signaling_client import connect_call
from signaling.tokens import sign_token
from tests.receiver.remote import Remote
from tests.receiver.sinks.media import pictures_of, voice_of

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def test_print_config_shows_the_result_and_makes_no_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print-config", "--sink", "window", "--sink", "mp4:a.mp4", "--threads", "1"]) == 0
    assert 'sink = ["window", "mp4:a.mp4"]' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ([], "--signaling"),
        (["--signaling", "ws://127.0.0.1:1/ws"], "--token-file"),
        (["--signaling", "ws://127.0.0.1:1/ws", "--token-file", "/no/such/file"], "cannot be read"),
        (["--threads", "0"], "choose 1 to 64"),
        (["--weights", "/no/such/folder"], "models.export"),
    ],
)
def test_what_one_can_mend_is_one_line_and_status_2(
    arguments: list[str], advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert advice in error and error.startswith("receiver: ") and error.count("\n") == 1


def test_statistics_name_sinks_without_their_addresses() -> None:
    config = ReceiverConfig(signaling="ws://a/ws", token_file="t", sink=("push:rtmp://host/app/key", "none"))
    shown = _shown(config)
    assert shown["sink"] == ["push", "none"]
    assert not {"signaling", "token_file", "token_env"} & set(shown)


def test_the_doctor_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--backend", "mesh-warp"]) == 0
    assert "mesh-warp" in capsys.readouterr().out


class Service:
    """A signaling process and tokens for its room."""

    def __init__(self, folder: Path) -> None:
        self.secret = secrets.token_urlsafe(32)
        (folder / "secret").write_text(self.secret)
        (folder / "secret").chmod(0o600)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"ws://127.0.0.1:{port}/ws"
        command = ["signaling", "serve", "--host", "127.0.0.1", "--port", str(port), "--secret-file"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command, str(folder / "secret")], cwd=ROOT, stderr=subprocess.DEVNULL
        )
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.5).close()
                return
            except OSError:
                assert self.process.poll() is None
                time.sleep(0.05)

    def token(self, role: Role) -> str:
        return str(sign_token(self.secret, "room", role, 300, time.time()))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    made.process.terminate()
    made.process.wait()


class Receiver:
    """A receiver process with an mp4 sink and statistics."""

    def __init__(self, folder: Path, service: Service, *more: str) -> None:
        self.mp4, self.stats = folder / "call.mp4", folder / "stats.json"
        token = folder / "receiver.token"
        token.write_text(service.token(Role.RECEIVER))
        arguments = ["--signaling", service.url, "--token-file", str(token), "--backend", "mesh-warp"]
        arguments += ["--sink", f"mp4:{self.mp4}", "--stats", str(self.stats), *more]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "receiver", *arguments],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    async def end(self) -> int:
        self.output, self.errors = await asyncio.to_thread(self.process.communicate, timeout=30)
        return self.process.returncode


async def meet(service: Service) -> Remote:
    transport = await connect_call(service.url, join_from_token(service.token(Role.SENDER)))
    return Remote(transport, model=motion_model())


@pytest.mark.e2e
@pytest.mark.network
async def test_a_whole_call_is_recorded_and_measured(tmp_path: Path, service: Service) -> None:
    receiver = Receiver(tmp_path, service)
    remote = await meet(service)
    service.process.kill()
    await remote.talk(2500)
    status = await receiver.end()
    await remote.leave()
    await remote.transport.close()
    assert status == 0, receiver.errors
    stats = json.loads(receiver.stats.read_text())
    assert stats["reason"] == "the other end hung up" and stats["counts"]["fresh"] > 5
    assert stats["wire"]["reverse_packets"] > 20 and stats["model"] == {"name": "mesh-warp", "sha256": ""}
    secret_things = (service.url, "room", service.secret, "token")
    assert not any(thing in receiver.stats.read_text() for thing in secret_things)
    assert len(pictures_of(receiver.mp4)) > 30 and len(voice_of(receiver.mp4)) > 48_000
    assert {"state", "media_s", "fps"} <= set(json.loads(receiver.output.splitlines()[0]))


@pytest.mark.e2e
@pytest.mark.network
async def test_an_interrupt_ends_the_call_in_good_order(tmp_path: Path, service: Service) -> None:
    receiver = Receiver(tmp_path, service)
    remote = await meet(service)
    talking = asyncio.ensure_future(remote.talk(20_000))
    await asyncio.sleep(2.0)
    receiver.process.send_signal(signal.SIGINT)
    assert await receiver.end() == 0, receiver.errors
    await talking
    await remote.leave()
    await remote.transport.close()
    assert json.loads(receiver.stats.read_text())["reason"] == "stopped"
    assert len(pictures_of(receiver.mp4)) > 10 and "Traceback" not in receiver.errors


@pytest.mark.e2e
@pytest.mark.network
async def test_an_interrupt_while_nobody_has_come_ends_quietly(tmp_path: Path, service: Service) -> None:
    receiver = Receiver(tmp_path, service)
    assert receiver.process.stderr is not None
    await asyncio.to_thread(receiver.process.stderr.readline)
    await asyncio.sleep(0.7)
    receiver.process.send_signal(signal.SIGTERM)
    assert await receiver.end() == 0 and "Traceback" not in receiver.errors


async def a_killed_peer(service: Service) -> None:
    """Talks for 2.5 s in a process of its own, which then dies without a word."""
    arguments = [service.url, service.token(Role.SENDER), motion_model()]
    command = [sys.executable, "-m", "tests.receiver.peer_process", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as peer:
        assert peer.stdout is not None
        assert await asyncio.to_thread(peer.stdout.readline) == "talking\n"
        await asyncio.sleep(2.5)
        peer.kill()


@pytest.mark.e2e
@pytest.mark.network
@pytest.mark.slow
async def test_a_peer_that_starts_again_is_seen_again_within_three_seconds_in_the_same_file(
    tmp_path: Path, service: Service
) -> None:
    receiver = Receiver(tmp_path, service)
    await a_killed_peer(service)
    back_us = time.monotonic_ns() // 1000
    remote = await meet(service)
    await remote.talk(2500)
    assert await receiver.end() == 0, receiver.errors
    await remote.leave()
    await remote.transport.close()
    stats = json.loads(receiver.stats.read_text())
    assert stats["counts"]["connections"] == 2 and stats["reason"] == "the other end hung up"
    seen_us = [row["shown_us"] for row in stats["pictures"] if row["state"] == "FRESH"]
    again_us = min(us for us in seen_us if us > back_us)
    assert (again_us - back_us) / 1000 < 3000
    times_s = [time_s for time_s, _ in pictures_of(receiver.mp4)]
    assert times_s == sorted(times_s) and times_s[-1] > 4.5


@pytest.mark.e2e
@pytest.mark.network
@pytest.mark.slow
async def test_a_killed_peer_is_noticed_and_the_recording_is_whole(tmp_path: Path, service: Service) -> None:
    receiver = Receiver(tmp_path, service, "--rejoin-seconds", "0")
    await a_killed_peer(service)
    killed_s = time.monotonic()
    assert await receiver.end() == 1 and "gone" in receiver.errors
    assert time.monotonic() - killed_s < PEER_SILENCE_MS / 1000 + 5
    assert json.loads(receiver.stats.read_text())["reason"] == "the other end is gone"
    assert len(pictures_of(receiver.mp4)) > 20
