"""signaling.invitations and the renewal of tokens: who is given one, and how often."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared import limits
from shared.signaling_messages import Error, ErrorCode, Join, Joined, Role, serialise
from signaling.refusal import Refused
from signaling.tokens import TokenVerifier, sign_token
from tests.signaling.bench import SECRET, Bench

NOW_S = 1_800_000_000.0


def join(token: str, room: str = "r", role: Role = Role.PEER) -> Join:
    return Join(room, role, token)


def verifier_with_used_token() -> tuple[TokenVerifier, Join]:
    verifier = TokenVerifier(SECRET)
    used = join(sign_token(SECRET, "r", Role.PEER, 60, NOW_S))
    verifier.spend(verifier.verify(used, NOW_S), NOW_S)
    return verifier, used


def refusal(act: Callable[[], Any]) -> ErrorCode:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.code


def test_who_was_let_in_gets_a_token_for_coming_back() -> None:
    verifier, used = verifier_with_used_token()
    again = join(verifier.renew(used, NOW_S + 5))
    claims = verifier.verify(again, NOW_S + 6)
    assert (claims.room, claims.role, claims.seat) == ("r", Role.PEER, True)
    assert claims.expires_s == int(NOW_S + 5) + limits.SIGNALING_PAGE_TOKEN_S


def test_a_token_is_renewed_once() -> None:
    verifier, used = verifier_with_used_token()
    verifier.renew(used, NOW_S)
    assert refusal(lambda: verifier.renew(used, NOW_S)) is ErrorCode.USED_TOKEN


def test_who_was_never_let_in_gets_nothing() -> None:
    verifier = TokenVerifier(SECRET)
    fresh = join(sign_token(SECRET, "r", Role.PEER, 60, NOW_S))
    assert refusal(lambda: verifier.renew(fresh, NOW_S)) is ErrorCode.USED_TOKEN
    assert verifier.verify(fresh, NOW_S).room == "r"


def test_a_token_for_coming_back_can_be_exchanged_unused_and_is_void_then() -> None:
    verifier, used = verifier_with_used_token()
    second = join(verifier.renew(used, NOW_S))
    third = join(verifier.renew(second, NOW_S))
    assert refusal(lambda: verifier.verify(second, NOW_S)) is ErrorCode.USED_TOKEN
    assert verifier.verify(third, NOW_S).seat


@pytest.mark.parametrize(
    ("room", "role", "later_s", "code"),
    [
        ("other", Role.PEER, 0, ErrorCode.WRONG_ROOM),
        ("r", Role.SENDER, 0, ErrorCode.WRONG_ROLE),
        ("r", Role.PEER, 61, ErrorCode.EXPIRED_TOKEN),
    ],
)
def test_a_renewal_says_the_same_as_the_token(room: str, role: Role, later_s: int, code: ErrorCode) -> None:
    verifier, used = verifier_with_used_token()
    assert refusal(lambda: verifier.renew(join(used.token, room, role), NOW_S + later_s)) is code


def test_renewed_ids_are_forgotten_with_the_used_ones() -> None:
    verifier, used = verifier_with_used_token()
    verifier.renew(used, NOW_S)
    verifier.forget_expired(NOW_S + 61)
    assert verifier.used_count == 0 and not verifier._renewed


@pytest.mark.network
async def test_a_page_renews_its_token_and_joins_the_room_again(bench: Bench) -> None:
    token = bench.token()
    socket, _ = await bench.join(token=token)
    async with bench.client.post("/renew", data=serialise(join(token))) as response:
        fresh = (await response.json())["token"]
    await socket.close()
    _, answer = await bench.join(token=fresh)
    assert isinstance(answer, Joined)


@pytest.mark.network
@pytest.mark.parametrize("body", ["", "{}", "[]", '{"type":"bye","reason":"x"}', "\xff", "x" * 70_000])
async def test_nonsense_is_not_renewed(bench: Bench, body: str) -> None:
    async with bench.client.post("/renew", data=body) as response:
        assert response.status in (403, 413)


@pytest.mark.network
async def test_rooms_are_opened_from_the_page_only_where_that_is_allowed(bench: Bench) -> None:
    async with bench.client.post("/rooms") as response:
        assert response.status == 403
    bench.service.config = replace(bench.service.config, open_rooms=True)
    async with bench.client.post("/rooms") as response:
        opened = await response.json()
    for name in ("own", "other"):
        _, answer = await bench.join(opened["room"], token=opened[name])
        assert isinstance(answer, Joined)
    _, answer = await bench.join(opened["room"], token=opened["own"])
    assert isinstance(answer, Error)
    assert len(opened["room"]) == 22, "128 random bits"


@pytest.mark.network
@pytest.mark.parametrize("path", ["/rooms", "/renew"])
async def test_a_foreign_page_is_given_nothing(bench: Bench, path: str) -> None:
    bench.service.config = replace(bench.service.config, open_rooms=True)
    async with bench.client.post(path, headers={"Origin": "https://evil.test"}) as response:
        assert response.status == 403


@pytest.mark.network
async def test_an_address_that_asks_too_often_is_refused(bench: Bench) -> None:
    bench.service.config = replace(bench.service.config, open_rooms=True)
    for _ in range(limits.SIGNALING_ADDRESS_MESSAGES_BURST):
        bench.lobby.addresses.take("127.0.0.1", 0)
    async with bench.client.post("/rooms") as response:
        assert response.status == 429
