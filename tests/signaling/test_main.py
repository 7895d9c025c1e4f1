"""signaling.__main__: the commands, and one clear line for what a person can mend."""

import json
import time
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from shared import limits
from shared.signaling_messages import Join, Role
from signaling.__main__ import main
from signaling.keys import checked_secret, new_secret
from signaling.pool_tokens import check_pool_token, check_watch_token
from signaling.tokens import TokenVerifier


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(new_secret())
    return path


def test_secret_prints_a_strong_secret(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["secret"]) == 0
    checked_secret(capsys.readouterr().out, "test")


def test_token_prints_a_token_that_admits(secret_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "--room", "r", "--role", "sender", "--secret-file", str(secret_file)]) == 0
    token = capsys.readouterr().out.strip()
    claims = TokenVerifier(secret_file.read_text()).verify(Join("r", Role.SENDER, token), time.time())
    assert claims.expires_s == pytest.approx(time.time() + limits.SIGNALING_TOKEN_DEFAULT_S, abs=10)


def test_the_pool_s_tokens_admit_where_they_say(
    secret_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, given = secret_file.read_text(), ["--secret-file", str(secret_file)]
    assert main(["pool-token", *given]) == 0
    check_pool_token(secret, capsys.readouterr().out.strip(), time.time())
    assert main(["watch-token", "--room", "r", *given]) == 0
    check_watch_token(secret, capsys.readouterr().out.strip(), "r", time.time())
    assert main(["token", "--room", "r", "--role", "sender", "--pool-receiver", *given]) == 0
    token = capsys.readouterr().out.strip()
    assert TokenVerifier(secret).verify(Join("r", Role.SENDER, token), time.time()).pool
    assert main(["token", "--room", "r", "--role", "receiver", "--pool-receiver", *given]) == 2


def test_print_config_shows_where_the_secret_is_and_not_what_it_is(
    secret_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--secret-file", str(secret_file), "--port", "9", "--print-config"]) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown)["port"] == 9
    assert secret_file.read_text() not in shown


@pytest.mark.parametrize("secret", ["", "short", "changeme" * 8, "x" * 64])
@pytest.mark.parametrize("command", [["serve"], ["token", "--room", "r", "--role", "peer"]])
def test_a_weak_secret_ends_the_command(
    command: list[str], secret: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "weak"
    path.write_text(secret)
    assert main([*command, "--secret-file", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("signaling: The secret in") and error.count("\n") == 1


def test_serve_refuses_a_weak_turn_secret(
    secret_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weak = tmp_path / "turn"
    weak.write_text("north")
    command = ["serve", "--secret-file", str(secret_file), "--ice-server", "turn:a:1"]
    assert main([*command, "--turn-secret-file", str(weak)]) == 2
    assert "shorter" in capsys.readouterr().err


def test_a_secret_must_be_named() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve"])
    assert ended.value.code == 2


def test_a_link_carries_its_token_behind_the_hash(
    secret_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["link", "--page", "https://call.test/#old", "--room", "r", "--role", "peer"]
    assert main([*arguments, "--secret-file", str(secret_file)]) == 0
    address, fragment = capsys.readouterr().out.strip().split("#")
    assert address == "https://call.test/"
    assert parse_qs(fragment)["room"] == ["r"] and len(parse_qs(fragment)["token"][0]) > 100
