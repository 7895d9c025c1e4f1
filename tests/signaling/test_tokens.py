"""signaling.tokens: what admits and what does not."""

import jwt
import pytest

from shared import limits
from shared.errors import UserError
from shared.signaling_messages import ErrorCode, Join, Role
from signaling.keys import new_secret
from signaling.refusal import Refused
from signaling.tokens import TokenVerifier, sign_token

SECRET = new_secret()
NOW_S = 1_800_000_000.0
CLAIMS = {"aud": "facewire-join", "exp": int(NOW_S) + 60, "jti": "one", "role": "peer", "room": "r"}


def _join(token: str, room: str = "r", role: Role = Role.PEER) -> Join:
    return Join(room, role, token)


def _signed(room: str = "r", role: Role = Role.PEER, seconds: int = 60) -> str:
    return sign_token(SECRET, room, role, seconds, NOW_S)


def _code(join: Join, now_s: float = NOW_S, verifier: TokenVerifier | None = None) -> ErrorCode:
    with pytest.raises(Refused) as refused:
        (verifier or TokenVerifier(SECRET)).verify(join, now_s)
    return refused.value.code


def test_a_token_admits_to_its_room_and_role() -> None:
    claims = TokenVerifier(SECRET).verify(_join(_signed()), NOW_S)
    assert (claims.room, claims.role, claims.expires_s) == ("r", Role.PEER, int(NOW_S) + 60)


def test_another_role_is_refused() -> None:
    assert _code(_join(_signed(role=Role.RECEIVER), role=Role.SENDER)) is ErrorCode.WRONG_ROLE


def test_another_room_is_refused() -> None:
    assert _code(_join(_signed(room="other"))) is ErrorCode.WRONG_ROOM


def test_a_token_lives_until_its_last_second_and_not_at_it() -> None:
    token = _signed(seconds=60)
    TokenVerifier(SECRET).verify(_join(token), NOW_S + 59.9)
    assert _code(_join(token), NOW_S + 60) is ErrorCode.EXPIRED_TOKEN


def test_a_spent_token_is_refused() -> None:
    verifier = TokenVerifier(SECRET)
    join = _join(_signed())
    verifier.spend(verifier.verify(join, NOW_S), NOW_S)
    assert _code(join, verifier=verifier) is ErrorCode.USED_TOKEN


def test_a_token_of_another_secret_is_refused() -> None:
    assert _code(_join(sign_token(new_secret(), "r", Role.PEER, 60, NOW_S))) is ErrorCode.BAD_TOKEN


def test_a_changed_token_is_refused() -> None:
    head, _, signature = _signed().split(".")
    other = _signed(role=Role.SENDER).split(".")[1]
    assert _code(_join(f"{head}.{other}.{signature}", role=Role.SENDER)) is ErrorCode.BAD_TOKEN


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "é.é.é", "." * 1000])
def test_garbage_is_refused(token: str) -> None:
    assert _code(_join(token)) is ErrorCode.BAD_TOKEN


def test_an_unsigned_token_is_refused() -> None:
    assert _code(_join(jwt.encode(CLAIMS, key="", algorithm="none"))) is ErrorCode.BAD_TOKEN


def test_another_algorithm_is_refused() -> None:
    key = SECRET * 2
    assert (
        _code(_join(jwt.encode(CLAIMS, key, algorithm="HS512")), verifier=TokenVerifier(key))
        is ErrorCode.BAD_TOKEN
    )


@pytest.mark.parametrize("claim", ["aud", "exp", "jti", "role", "room"])
def test_a_missing_claim_is_refused(claim: str) -> None:
    rest = {name: value for name, value in CLAIMS.items() if name != claim}
    assert _code(_join(jwt.encode(rest, SECRET, algorithm="HS256"))) is ErrorCode.BAD_TOKEN


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "elsewhere"},
        {"role": "admin"},
        {"role": ["peer"]},
        {"exp": "soon"},
        {"exp": 1e400},
        {"exp": 1.5e9},
    ],
    ids=str,
)
def test_a_signed_token_with_odd_claims_is_refused(change: dict[str, object]) -> None:
    token = jwt.encode(CLAIMS | change, SECRET, algorithm="HS256")
    assert _code(_join(token)) in (ErrorCode.BAD_TOKEN, ErrorCode.EXPIRED_TOKEN)


def test_the_longest_life_is_accepted_and_a_longer_one_is_not() -> None:
    verifier = TokenVerifier(SECRET)
    most = {**CLAIMS, "exp": int(NOW_S) + limits.SIGNALING_TOKEN_MAX_S}
    verifier.verify(_join(jwt.encode(most, SECRET, algorithm="HS256")), NOW_S)
    more = {**CLAIMS, "exp": int(NOW_S) + limits.SIGNALING_TOKEN_MAX_S + 1}
    assert _code(_join(jwt.encode(more, SECRET, algorithm="HS256"))) is ErrorCode.BAD_TOKEN


@pytest.mark.parametrize("seconds", [0, -1, limits.SIGNALING_TOKEN_MAX_S + 1])
def test_signing_refuses_a_life_out_of_range(seconds: int) -> None:
    with pytest.raises(UserError, match="--seconds"):
        _signed(seconds=seconds)


@pytest.mark.parametrize("room", ["", "a b", "ä", "a/b", "x" * (limits.SIGNALING_ROOM_MAX_CHARS + 1)])
def test_signing_refuses_an_odd_room_name(room: str) -> None:
    with pytest.raises(UserError, match="room name"):
        _signed(room=room)


def test_the_longest_token_fits_its_message_limit() -> None:
    token = _signed(room="x" * limits.SIGNALING_ROOM_MAX_CHARS, role=Role.RECEIVER)
    assert len(token) <= limits.SIGNALING_TOKEN_MAX_BYTES


def test_used_tokens_are_forgotten_once_they_have_expired() -> None:
    verifier = TokenVerifier(SECRET)
    for _ in range(10):
        verifier.spend(verifier.verify(_join(_signed(seconds=60)), NOW_S), NOW_S)
    verifier.forget_expired(NOW_S + 59)
    assert verifier.used_count == 10
    verifier.forget_expired(NOW_S + 60)
    assert verifier.used_count == 0


def test_memory_for_used_tokens_is_bounded_and_none_is_forgotten_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "SIGNALING_USED_TOKENS_MAX", 3)
    verifier = TokenVerifier(SECRET)
    joins = [_join(_signed(seconds=60)) for _ in range(4)]
    for join in joins[:3]:
        verifier.spend(verifier.verify(join, NOW_S), NOW_S)
    with pytest.raises(Refused) as refused:
        verifier.spend(verifier.verify(joins[3], NOW_S), NOW_S)
    assert refused.value.code is ErrorCode.BUSY
    assert _code(joins[0], verifier=verifier) is ErrorCode.USED_TOKEN


def test_room_for_used_tokens_returns_when_old_ones_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SIGNALING_USED_TOKENS_MAX", 1)
    verifier = TokenVerifier(SECRET)
    verifier.spend(verifier.verify(_join(_signed(seconds=1)), NOW_S), NOW_S)
    verifier.spend(verifier.verify(_join(_signed(seconds=60)), NOW_S + 2), NOW_S + 2)
    assert verifier.used_count == 1
