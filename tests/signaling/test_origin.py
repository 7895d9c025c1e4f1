"""signaling.origin: whole origins only."""

import pytest

from shared.errors import UserError
from signaling.origin import checked_origin, origin_allowed, own_origins

ALLOWED = ("https://call.test", "http://localhost:8080")


@pytest.mark.parametrize("origin", [None, *ALLOWED])
def test_programs_and_listed_pages_may_connect(origin: str | None) -> None:
    assert origin_allowed(origin, ALLOWED)


@pytest.mark.parametrize(
    "origin",
    ["", "null", "https://evil.test", "https://call.test.evil.test", "http://call.test", "https://call.test:444",
     "http://localhost:8081", "https://CALL.test/"],
)  # fmt: skip
def test_other_pages_may_not_connect(origin: str) -> None:
    assert not origin_allowed(origin, ALLOWED)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://Call.Test", "https://call.test"),
        ("https://call.test:443/", "https://call.test"),
        ("http://call.test:8080", "http://call.test:8080"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_origin_is_written_as_browsers_send_it(text: str, origin: str) -> None:
    assert checked_origin(text) == origin


@pytest.mark.parametrize(
    "text", ["*", "call.test", "ftp://call.test", "https://", "https://a/b", "https://a:x"]
)
def test_what_is_no_origin_is_a_user_error(text: str) -> None:
    with pytest.raises(UserError, match="--allow-origin"):
        checked_origin(text)


def test_only_a_loopback_service_trusts_its_own_page() -> None:
    assert "http://localhost:8080" in own_origins("127.0.0.1", 8080)
    assert own_origins("0.0.0.0", 8080) == ()
