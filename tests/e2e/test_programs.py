"""Programs that are interrupted, killed, or refused, and the film that stays playable all the while."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from experiments.demo.processes import Child, Report, wait_until
from shared.limits import PEER_SILENCE_MS
from shared.signaling_messages import Role
from tests.e2e.programs import START_S, Service, serving, start_call
from tests.receiver.sinks.media import pictures_of, voice_of
from tests.sender.media_files import write_sound

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.network,
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals"),
]
ROOT = Path(__file__).resolve().parents[2]
NOTICED_S = PEER_SILENCE_MS / 1000 + 8
"""The silence that counts as gone, the last pictures, and the closing of files on a busy machine."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("service")) as running:
        yield running


def send_signal(child: Child, number: signal.Signals) -> None:
    child._process.send_signal(number)


def assert_plays(film: Path) -> None:
    pictures = pictures_of(film)
    assert len(pictures) >= 25 and len(voice_of(film)) >= 24_000


def test_a_third_guest_is_refused_and_ctrl_c_ends_the_call_in_order_at_both_ends(service: Service) -> None:
    call = start_call(service, "interrupted")
    third = service.receiver(service.token("interrupted", Role.RECEIVER))
    assert third.wait(30) and third.status == 2 and "(room-full)" in third.last_words
    heard = len(call.reports)
    time.sleep(2.2)
    assert len(call.reports) >= heard + 2 and call.reports[-1]["fps"], "the call goes on"
    send_signal(call.receiver, signal.SIGINT)
    assert call.receiver.wait(15) and call.receiver.status == 0
    assert call.sender.wait(15) and call.sender.status == 0
    assert_plays(call.film)


def test_killed_programs_leave_a_playable_film_and_are_missed_by_the_other_end(service: Service) -> None:
    widowed, killed = start_call(service, "sender-killed"), start_call(service, "receiver-killed")
    send_signal(widowed.sender, signal.SIGKILL)
    send_signal(killed.receiver, signal.SIGKILL)
    assert killed.receiver.wait(5)
    assert_plays(killed.film)
    for survivor in (widowed.receiver, killed.sender):
        assert survivor.wait(NOTICED_S), "it never noticed"
        assert survivor.status == 1 and "the other end is gone" in survivor.last_words
    assert_plays(widowed.film)


def test_a_receiver_that_starts_again_finds_its_sender_waiting(service: Service) -> None:
    call = start_call(service, "again", rejoin_seconds=30)
    send_signal(call.receiver, signal.SIGKILL)
    assert call.receiver.wait(5)
    reports: list[Report] = []
    again = service.receiver(service.token("again", Role.RECEIVER), reports=reports)
    assert wait_until(lambda: any(r["state"] in ("fresh", "interpolated") for r in reports), START_S), (
        f"no second call: {call.sender.last_words} / {again.last_words}"
    )
    send_signal(call.sender, signal.SIGINT)
    assert call.sender.wait(15) and call.sender.status == 0 and again.wait(15) and again.status == 0


def test_a_wrong_and_an_expired_token_are_refused_in_one_line(service: Service) -> None:
    wrong = service.receiver(
        service.token("r", Role.RECEIVER, secret="another secret, just as long as it must")
    )
    expired = service.receiver(service.token("r", Role.RECEIVER, now_s=time.time() - 301))
    for guest, code in ((wrong, "(bad-token)"), (expired, "(expired-token)")):
        assert guest.wait(30) and guest.status == 2
        assert guest.last_words.startswith("receiver: ") and code in guest.last_words


def corrupt(path: Path) -> Path:
    path.write_bytes(b"\x00\x00\x00\x18ftypmp42" + os.urandom(4000))
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [(write_sound, "has no video in it"), (corrupt, "cannot be opened as a video")],
    ids=["no video", "corrupt"],
)
def test_a_file_that_is_no_video_ends_the_sender_with_one_line(
    tmp_path: Path, service: Service, make: Callable[[Path], Path], words: str
) -> None:
    clip, token = make(tmp_path / "clip.mp4"), service.token("nobody", Role.SENDER)
    command = [sys.executable, "-m", "sender", "--source", str(clip), "--signaling", service.url]
    done = subprocess.run(
        [*command, "--token-file", str(token)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2 and words in done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("sender: ")
