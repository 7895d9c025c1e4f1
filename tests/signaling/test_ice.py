"""signaling.ice: coturn's time-limited credentials, and only addresses that are ICE servers."""

import base64
import hashlib
import hmac

import pytest

from shared import limits
from shared.errors import UserError
from signaling.ice import checked_ice_urls, ice_servers, turn_credential

NOW_S = 1_800_000_000.0


def test_a_credential_is_what_coturn_computes() -> None:
    username, password = turn_credential("north", "p1", NOW_S)
    assert username == f"{int(NOW_S) + limits.TURN_CREDENTIAL_S}:p1"
    assert base64.b64decode(password) == hmac.new(b"north", username.encode(), hashlib.sha1).digest()


def test_stun_servers_carry_no_credential_and_turn_servers_do() -> None:
    stun, turn = ice_servers(["stun:a:1", "turn:b:2", "turns:c:3"], "north", NOW_S)
    assert (stun.urls, stun.username, stun.credential) == (("stun:a:1",), "", "")
    assert turn.urls == ("turn:b:2", "turns:c:3")
    assert turn.username and turn.credential


def test_every_participant_gets_another_user_name() -> None:
    names = {ice_servers(["turn:b:2"], "north", NOW_S)[0].username for _ in range(5)}
    assert len(names) == 5


def test_without_servers_none_are_handed_out() -> None:
    assert ice_servers([], None, NOW_S) == ()


@pytest.mark.parametrize("url", ["http://a", "turn:", "stun:a b", "stun:a;rm", "turn:a:1/x"])
def test_what_is_no_ice_server_is_a_user_error(url: str) -> None:
    with pytest.raises(UserError, match="ICE server"):
        checked_ice_urls([url])


def test_the_number_of_servers_is_limited() -> None:
    most = ["stun:a:1"] * limits.SIGNALING_ICE_SERVERS_MAX
    assert len(checked_ice_urls(most)) == len(most)
    with pytest.raises(UserError, match="At most"):
        checked_ice_urls([*most, "stun:a:1"])
