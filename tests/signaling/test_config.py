"""signaling.config: settings are checked and can be shown."""

import json
from pathlib import Path

import pytest

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
