"""sender.config and the command line: ranges, order of precedence, and messages that help."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sender.__main__ import EXIT_OK, EXIT_USER, main
from sender.config import MAX_KBPS_LEAST, MAX_KBPS_MOST, SenderConfig, load_config, print_config
from sender.crop_recorder import CropRecorder
from sender.stats import write_report
from shared.core.bundler import longest_packet_ms
from shared.core.ladder import MAX_DEFAULT_KBPS, Ladder
from shared.errors import UserError
from shared.frames import Rung
from shared.join_token import join_from_environment, join_from_file, join_from_token
from shared.limits import (
    BUNDLE_MAX_MS,
    BUNDLE_MIN_MS,
    KEYFRAME_IMAGE_MIN_BYTES,
    KEYFRAME_SENDER_MAX_BYTES,
    OPUS_BITRATE_MAX_BPS,
    OPUS_BITRATE_MIN_BPS,
    SIGNALING_MESSAGE_MAX_BYTES,
)
from shared.signaling_messages import Role


def token(**claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


@pytest.mark.parametrize(
    ("name", "low", "high", "step"),
    [
        ("bundle_ms", BUNDLE_MIN_MS, BUNDLE_MAX_MS, 1),
        ("max_kbps", MAX_KBPS_LEAST, MAX_KBPS_MOST, 1),
        ("voice_kbps", OPUS_BITRATE_MIN_BPS / 1000, OPUS_BITRATE_MAX_BPS / 1000, 0.001),
        ("keyframe_bytes", KEYFRAME_IMAGE_MIN_BYTES, KEYFRAME_SENDER_MAX_BYTES, 1),
        ("keyframe_kbps", 1, 10_000, 1),
        ("seconds", 0.1, 604_800, 0.1),
    ],
)
def test_each_number_is_accepted_at_its_limits_and_refused_one_past(
    name: str, low: float, high: float, step: float
) -> None:
    for good in (low, high):
        assert getattr(load_config({name: good}), name) == good
    for bad in (low - step, high + step, float("nan")):
        with pytest.raises(UserError, match=f"{name} = .* choose"):
            load_config({name: bad})


@pytest.mark.parametrize(
    ("bundle_ms", "packet_ms"),
    [(40, 40), (60, 60), (80, 80), (100, 100), (120, 120), (160, 80), (200, 100), (90, 60)],
)
def test_voice_packets_fill_bundles_evenly(bundle_ms: int, packet_ms: int) -> None:
    assert longest_packet_ms(bundle_ms) == packet_ms


def test_a_chosen_packet_length_must_exist() -> None:
    with pytest.raises(UserError, match="choose one of"):
        SenderConfig(voice_frame_ms=30)


@pytest.mark.parametrize("rung", [None, *Rung])
def test_a_rung_is_chosen_by_its_name(rung: Rung | None) -> None:
    config = SenderConfig(rung="auto" if rung is None else rung.name.lower())
    assert config.ladder.rung is rung
    assert Ladder(config.ladder).plan.rung is (Rung.MOTION if rung is None else rung)


def test_a_rung_that_does_not_exist_is_explained() -> None:
    with pytest.raises(UserError, match="choose one of auto, voice, motion, thumbnail, video"):
        SenderConfig(rung="hologram")


@pytest.mark.parametrize("settings", [{}, {"bundle_ms": 40}, {"voice_kbps": 24.0}, {"bundle_ms": 160}])
def test_what_the_user_chose_for_motion_is_never_above_the_default_limit(settings: dict[str, Any]) -> None:
    config = SenderConfig(**settings)
    plan = Ladder(config.ladder).plan
    assert plan.rung is Rung.MOTION and plan.motion_fps == 25.0
    assert plan.bundle_ms == (config.bundle_ms or 80) and plan.voice_kbps == config.voice_kbps
    assert config.ladder.max_kbps >= MAX_DEFAULT_KBPS


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "sender.toml"
    file.write_text('bundle_ms = 120\nvoice_kbps = 8\nsource = "a.mp4"\n')
    config = load_config({"bundle_ms": 160}, file)
    assert (config.bundle_ms, config.voice_kbps, config.source, config.keyframe_bytes) == (
        160,
        8,
        "a.mp4",
        2048,
    )


def test_printed_settings_can_be_read_again(tmp_path: Path) -> None:
    config = SenderConfig(source='odd "name" \\ here.mp4', loop=True, seconds=2.5, voice_frame_ms=60)
    file = tmp_path / "sender.toml"
    file.write_text(print_config(config))
    assert load_config({}, file) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bundle = 80", "there is no setting 'bundle'"),
        ('bundle_ms = "80"', "wrong kind"),
        ("bundle_ms = true", "wrong kind"),
        ("bundle_ms = 80.5", "wrong kind"),
        ("loop = 1", "wrong kind"),
        ("bundle_ms = ", "cannot be read"),
        ("bundle_ms = 1000", "choose"),
    ],
)
def test_a_wrong_settings_file_is_explained(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "sender.toml"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        load_config({}, file)
    with pytest.raises(UserError, match="cannot be read"):
        load_config({}, tmp_path / "absent.toml")


def test_a_token_tells_room_and_role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = token(room="blue-room", role="sender")
    join = join_from_token(f" {text}\n")
    assert (join.room, join.role, join.token) == ("blue-room", Role.SENDER, text)
    (tmp_path / "token").write_text(text + "\n")
    monkeypatch.setenv("FACEWIRE_TOKEN", text)
    assert join_from_file(tmp_path / "token") == join_from_environment("FACEWIRE_TOKEN") == join


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2",
        "a.b.c",
        "a.%%%.c",
        token(room="r"),
        token(role="sender"),
        token(room="r", role="king"),
        token(room="a b", role="sender"),
        token(room=3, role="sender"),
        token(room="r", role=[1]),
        "a." + base64.urlsafe_b64encode(b"[" * 5000).decode() + ".c",
    ],
)
def test_what_is_no_token_is_explained_without_being_quoted(text: str) -> None:
    with pytest.raises(UserError, match="python -m signaling token") as caught:
        join_from_token(text)
    assert not text or text not in str(caught.value)


def test_a_token_that_cannot_be_read_is_explained(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"a" * (SIGNALING_MESSAGE_MAX_BYTES + 1))
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    for path in (tmp_path / "absent", tmp_path, large, binary):
        with pytest.raises(UserError, match="token file"):
            join_from_file(path)
    with pytest.raises(UserError, match="holds no token"):
        join_from_environment("FACEWIRE_NO_SUCH_TOKEN")


def test_what_cannot_be_written_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--record-crop"):
        CropRecorder(tmp_path / "absent" / "crops.mkv")
    with pytest.raises(UserError, match="--stats"):
        write_report(tmp_path / "absent" / "stats.json", {})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--signaling"),
        (["--signaling", "ws://127.0.0.1:1/ws"], "--token-file or --token-env"),
        (["--bundle-ms", "10"], "bundle_ms = 10"),
        (["--signaling", "ws://127.0.0.1:1/ws", "--token-file", "absent"], "token file"),
        (
            ["--signaling", "ws://127.0.0.1:1/ws", "--token-file", "TOKEN", "--source", "absent.mp4"],
            "does not exist",
        ),
        (["--signaling", "ws://127.0.0.1:1/ws", "--token-file", "TOKEN", "--source", "camera:99"], "Plug in"),
        (["--config", "absent.toml"], "cannot be read"),
        (["--weights", "absent"], "models.export"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    file = tmp_path / "token"
    file.write_text(token(room="r", role="sender"))
    assert main([str(file) if word == "TOKEN" else word for word in arguments]) == EXIT_USER
    error = capsys.readouterr().err
    assert message in error and error.startswith("sender: ") and error.count("\n") == 1


def test_settings_are_printed_without_a_call(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--bundle-ms", "120", "--voice-frame-ms", "auto", "--rung", "thumbnail", "--max-kbps", "30"]
    assert main(["--print-config", *flags]) == EXIT_OK
    printed = capsys.readouterr().out
    assert all(line in printed for line in ("bundle_ms = 120", 'rung = "thumbnail"', "max_kbps = 30"))
    assert main(["--print-config", "--bundle-ms", "auto"]) == EXIT_OK
    assert "bundle_ms" not in capsys.readouterr().out


@pytest.mark.e2e
def test_help_teaches() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "sender", "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    for word in ("examples:", "--token-env", "pattern", "Ctrl-C", "--print-config"):
        assert word in run.stdout


@pytest.mark.e2e
@pytest.mark.model
def test_a_signaling_service_that_is_not_there_is_one_line_and_status_2(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(token(room="r", role="sender"))
    arguments = ["--signaling", "ws://127.0.0.1:1/ws", "--token-file", str(file), "--source", "pattern"]
    run = subprocess.run(
        [sys.executable, "-m", "sender", *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == EXIT_USER
    assert run.stderr.startswith("sender: ") and run.stderr.count("\n") == 1
