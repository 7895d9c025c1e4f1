"""signaling.config: settings are checked and can be shown."""

import json
from pathlib import Path

import pytest

from shared import limits
from shared.errors import UserError
from signaling.config import checked_config


def test_settings_can_be_printed() -> None:
    config = checked_config("127.0.0.1", 8080, "file s", ice_urls=["stun:a:1"], origins=["https://call.test"])
    shown = json.loads(config.as_json())
    assert shown["ice_urls"] == ["stun:a:1"]
    assert "https://call.test" in shown["allowed_origins"]
    assert "http://127.0.0.1:8080" in shown["allowed_origins"]


def test_a_turn_server_needs_its_secret() -> None:
    with pytest.raises(UserError, match="--turn-secret-file"):
        checked_config("127.0.0.1", 8080, "file s", ice_urls=["turn:a:1"])
    checked_config("127.0.0.1", 8080, "file s", ice_urls=["turn:a:1"], turn_secret_file=Path("t"))


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_does_not_exist_is_a_user_error(port: int) -> None:
    with pytest.raises(UserError, match="--port"):
        checked_config("127.0.0.1", port, "file s")


def test_the_highest_port_is_accepted() -> None:
    assert checked_config("127.0.0.1", 65535, "file s").port == 65535


@pytest.mark.parametrize("url", ["http://a", "redis://", "redis://:password@a:6379/0"])
def test_a_redis_address_names_a_place_and_holds_no_password(url: str) -> None:
    with pytest.raises(UserError, match="--redis"):
        checked_config("127.0.0.1", 8080, "file s", redis_url=url)
    assert checked_config("127.0.0.1", 8080, "file s", redis_url="redis://a:6379/0").redis_url


@pytest.mark.parametrize("port", [-1, 65536, 8080])
def test_metrics_have_a_port_of_their_own(port: int) -> None:
    with pytest.raises(UserError, match="--metrics-port"):
        checked_config("127.0.0.1", 8080, "file s", metrics_port=port)


def test_draining_has_a_longest_time() -> None:
    most = limits.SIGNALING_DRAIN_MAX_S
    assert checked_config("127.0.0.1", 8080, "file s", drain_s=most).drain_s == most
    for wrong in (-1.0, most + 1, float("nan")):
        with pytest.raises(UserError, match="--drain-seconds"):
            checked_config("127.0.0.1", 8080, "file s", drain_s=wrong)
