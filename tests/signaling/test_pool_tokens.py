"""signaling.pool_tokens and the pool's claim of join tokens: what each admits to, and to nothing else."""

from collections.abc import Callable
from typing import Any

import jwt
import pytest

from shared import limits
from shared.errors import UserError
from shared.signaling_messages import ErrorCode, Join, Role
from signaling.keys import new_secret
from signaling.pool_tokens import check_pool_token, check_watch_token, sign_pool_token, sign_watch_token
from signaling.refusal import Refused
from signaling.tokens import TokenVerifier, sign_token
from tests.signaling.bench import SECRET

NOW_S = 1_800_000_000.0


def refusal(act: Callable[[], Any]) -> ErrorCode:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.code


def test_a_pool_token_lets_a_receiver_in_again_and_again_until_it_expires() -> None:
    token = sign_pool_token(SECRET, 60, NOW_S)
    for now_s in (NOW_S, NOW_S, NOW_S + 59):
        check_pool_token(SECRET, token, now_s)
    assert refusal(lambda: check_pool_token(SECRET, token, NOW_S + 60)) is ErrorCode.EXPIRED_TOKEN


def test_a_watch_token_is_for_one_room() -> None:
    token = sign_watch_token(SECRET, "r", 60, NOW_S)
    check_watch_token(SECRET, token, "r", NOW_S)
    assert refusal(lambda: check_watch_token(SECRET, token, "s", NOW_S)) is ErrorCode.WRONG_ROOM
    assert refusal(lambda: check_watch_token(SECRET, token, "r", NOW_S + 60)) is ErrorCode.EXPIRED_TOKEN


def test_no_kind_of_token_passes_for_another() -> None:
    join = sign_token(SECRET, "r", Role.RECEIVER, 60, NOW_S)
    pool, watch = sign_pool_token(SECRET, 60, NOW_S), sign_watch_token(SECRET, "r", 60, NOW_S)
    for wrong in (join, watch, sign_pool_token(new_secret(), 60, NOW_S), "", "a.b.c", pool[:-2]):
        assert refusal(lambda wrong=wrong: check_pool_token(SECRET, wrong, NOW_S)) is ErrorCode.BAD_TOKEN
    for wrong in (join, pool):
        assert (
            refusal(lambda wrong=wrong: check_watch_token(SECRET, wrong, "r", NOW_S)) is ErrorCode.BAD_TOKEN
        )
        if wrong is not join:
            asked = Join("r", Role.RECEIVER, wrong)
            assert (
                refusal(lambda asked=asked: TokenVerifier(SECRET).verify(asked, NOW_S)) is ErrorCode.BAD_TOKEN
            )


@pytest.mark.parametrize(
    ("sign", "most_s"),
    [
        (lambda s: sign_pool_token(SECRET, s, NOW_S), limits.POOL_TOKEN_MAX_S),
        (lambda s: sign_watch_token(SECRET, "r", s, NOW_S), limits.SIGNALING_TOKEN_MAX_S),
    ],
)
def test_a_token_lives_as_long_as_its_limit_and_no_longer(sign: Callable[[int], str], most_s: int) -> None:
    assert sign(1) and sign(most_s)
    for seconds in (0, most_s + 1):
        with pytest.raises(UserError, match=str(most_s)):
            sign(seconds)


def test_a_token_that_lives_longer_than_any_we_sign_is_none_of_ours() -> None:
    claims = {"aud": "facewire-pool", "exp": int(NOW_S) + limits.POOL_TOKEN_MAX_S + 1}
    for broken in (claims, claims | {"exp": "soon"}, {"aud": "facewire-pool"}):
        token = jwt.encode(broken, SECRET, algorithm="HS256") if broken.get("exp") != "soon" else "x.y.z"
        assert refusal(lambda token=token: check_pool_token(SECRET, token, NOW_S)) is ErrorCode.BAD_TOKEN


def test_a_sender_s_wish_for_a_receiver_survives_its_coming_back() -> None:
    verifier = TokenVerifier(SECRET)
    first = Join("r", Role.SENDER, sign_token(SECRET, "r", Role.SENDER, 60, NOW_S, pool=True))
    claims = verifier.verify(first, NOW_S)
    assert claims.pool
    verifier.spend(claims, NOW_S)
    again = Join("r", Role.SENDER, verifier.renew(first, NOW_S))
    assert verifier.verify(again, NOW_S).pool


@pytest.mark.parametrize("role", [Role.RECEIVER, Role.PEER])
def test_only_a_sender_can_want_a_receiver(role: Role) -> None:
    with pytest.raises(UserError, match="--role sender"):
        sign_token(SECRET, "r", role, 60, NOW_S, pool=True)
    assert (
        not TokenVerifier(SECRET)
        .verify(Join("r", role, sign_token(SECRET, "r", role, 60, NOW_S)), NOW_S)
        .pool
    )
