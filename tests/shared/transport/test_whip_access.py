"""shared.transport.whip_access."""

from pathlib import Path

import pytest

from shared.errors import UserError
from shared.limits import WHIP_TOKEN_MIN_CHARS
from shared.transport.whip_access import WhipAccess, parse_access


def test_a_loopback_address_needs_no_token() -> None:
    assert parse_access("whep", "127.0.0.1:8889") == WhipAccess("127.0.0.1", 8889, "/whep")
    assert parse_access("whip", "localhost:0/live/").path == "/live"
    assert parse_access("whep", "[::1]:8889").url == "http://[::1]:8889/whep"


def test_all_options_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = "t" * WHIP_TOKEN_MIN_CHARS
    (tmp_path / "token").write_text(token + "\n")
    text = f"0.0.0.0:1/w?token-file={tmp_path / 'token'}&origin=https://a.example/&origin=https://b.example"
    access = parse_access("whep", text)
    assert access.token == token and access.origins == ("https://a.example", "https://b.example")
    monkeypatch.setenv("FACEWIRE_WHEP", token)
    access = parse_access("whep", "[::]:1?token-env=FACEWIRE_WHEP&cert=c.pem&key=k.pem")
    assert access.token == token and access.url == "https://[::]:1/whep"
    with pytest.raises(UserError, match="certificate"):
        access.tls()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Write whep:HOST:PORT"),
        ("127.0.0.1", "Write whep:HOST:PORT"),
        ("127.0.0.1:70000", "Write whep:HOST:PORT"),
        ("user@127.0.0.1:1", "Write whep:HOST:PORT"),
        ("127.0.0.1:1?colour=red", "unknown option 'colour'"),
        ("127.0.0.1:1?cert=c.pem", "both cert=FILE and key=FILE"),
        ("127.0.0.1:1?token-file=/no/such/file", "cannot be read"),
        ("127.0.0.1:1?token-env=NO_SUCH_VARIABLE", "at least"),
        ("0.0.0.0:1", "needs a bearer token"),
        ("192.0.2.7:1", "needs a bearer token"),
        ("host.example:1", "needs a bearer token"),
    ],
)
def test_whatever_cannot_be_served_is_said(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse_access("whep", text)


def test_a_token_may_be_as_short_as_the_limit_and_no_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEWIRE_WHEP", "x" * WHIP_TOKEN_MIN_CHARS)
    parse_access("whep", "0.0.0.0:1?token-env=FACEWIRE_WHEP")
    for bad in ("x" * (WHIP_TOKEN_MIN_CHARS - 1), "x" * WHIP_TOKEN_MIN_CHARS + " x"):
        monkeypatch.setenv("FACEWIRE_WHEP", bad)
        with pytest.raises(UserError, match="printable ASCII"):
            parse_access("whep", "0.0.0.0:1?token-env=FACEWIRE_WHEP")
