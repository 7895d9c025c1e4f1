"""receiver.service.config and what the command refuses before it calls anybody."""

from pathlib import Path

import pytest

from receiver.__main__ import main
from receiver.service.config import ServiceConfig, load_config, watch_base
from shared.errors import UserError
from shared.limits import RENDER_CALLS_MAX, SIGNALING_DRAIN_MAX_S


def test_the_limits_themselves_are_allowed() -> None:
    for calls in (0, 1, RENDER_CALLS_MAX):
        assert load_config({"calls": calls}).calls == calls
    assert load_config({"drain_seconds": SIGNALING_DRAIN_MAX_S}).drain_seconds == SIGNALING_DRAIN_MAX_S
    assert load_config({"name": "a" * 64}).name == "a" * 64


@pytest.mark.parametrize(
    "values",
    [
        {"calls": -1},
        {"calls": RENDER_CALLS_MAX + 1},
        {"drain_seconds": -1.0},
        {"drain_seconds": SIGNALING_DRAIN_MAX_S + 1},
        {"name": "a" * 65},
        {"name": "a b"},
        {"threads": 0},
        {"health_port": 65_536},
        {"pool": "http://host/pool"},
        {"pool": "ws://host/ws"},
        {"watch_url": "watch.example.org"},
    ],
)
def test_one_past_them_and_nonsense_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(UserError):
        load_config(values)


def test_rooms_are_entered_where_the_pool_is() -> None:
    assert ServiceConfig(pool="wss://host:1/base/pool").signaling == "wss://host:1/base/ws"


def test_viewers_are_told_an_address_that_they_can_reach() -> None:
    here = ServiceConfig(watch="127.0.0.1:0")
    assert watch_base(here, here.watch_access(), 77) == "http://127.0.0.1:77"
    everywhere = ServiceConfig(watch="0.0.0.0:88")
    with pytest.raises(UserError, match="--watch-url"):
        watch_base(everywhere, everywhere.watch_access(), 88)
    named = ServiceConfig(watch="0.0.0.0:88", watch_url="https://w.example/")
    assert watch_base(named, named.watch_access(), 88) == "https://w.example"
    assert watch_base(ServiceConfig(), None, 0) == ""


@pytest.mark.parametrize(
    "watch", ["127.0.0.1", "127.0.0.1:1/path", "127.0.0.1:1?token-env=A", "127.0.0.1:1?x=1"]
)
def test_a_port_for_viewers_that_cannot_be_is_refused(watch: str) -> None:
    with pytest.raises(UserError, match="--watch"):
        ServiceConfig(watch=watch).watch_access()


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ([], "--pool ws://"),
        (["--pool", "ws://127.0.0.1:1/pool"], "--pool-token-file"),
        (["--pool", "ws://127.0.0.1:1/pool", "--pool-token-env", "X"], "--watch"),
        (["--pool", "ws://127.0.0.1:1/pool", "--pool-token-env", "X", "--record", "/no/such"], "not there"),
        (
            ["--pool", "ws://a/pool", "--pool-token-file", "/no/such", "--watch", "127.0.0.1:0"],
            "cannot be read",
        ),
        (
            ["--pool", "ws://a/pool", "--pool-token-env", "NOT_SET_ANYWHERE", "--watch", "127.0.0.1:0"],
            "no token",
        ),
    ],
)
def test_what_one_can_mend_is_one_line_and_status_2(
    arguments: list[str], advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *arguments]) == 2
    error = capsys.readouterr().err
    assert advice in error and error.startswith("receiver: ") and error.count("\n") == 1


def test_print_config_shows_settings_that_can_be_read_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["serve", "--print-config", "--calls", "4", "--watch", "127.0.0.1:1", "--rejoin-seconds", "3"])
        == 0
    )
    file = tmp_path / "serve.toml"
    file.write_text(capsys.readouterr().out)
    assert load_config({}, file) == ServiceConfig(calls=4, watch="127.0.0.1:1", rejoin_seconds=3.0)
