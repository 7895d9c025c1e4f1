"""Tokens that admit nobody into a room: a receiver's into the pool, and a viewer's to what the pool shows of one room.

JSON Web Tokens (RFC 7519) as in `signaling.tokens`, each kind with an audience of its own, so that none passes for another.
Invariant: both may be used until they expire, so that a receiver or viewer that starts anew comes back; time is handed in as
`now_s` (Unix time).
"""

from typing import Any, Final

import jwt

from shared import limits
from shared.errors import UserError
from shared.signaling_messages import ErrorCode
from signaling.refusal import Refused
from signaling.tokens import check_room

_ALGORITHM: Final = "HS256"
_POOL: Final = "facewire-pool"
_WATCH: Final = "facewire-watch"


def sign_pool_token(secret: str, seconds: int, now_s: float) -> str:
    """For a receiver that offers itself; raises `UserError` for a lifetime over POOL_TOKEN_MAX_S."""
    _check_life(seconds, limits.POOL_TOKEN_MAX_S)
    return jwt.encode({"aud": _POOL, "exp": int(now_s) + seconds}, secret, algorithm=_ALGORITHM)


def check_pool_token(secret: str, token: str, now_s: float) -> None:
    """Raises `Refused` for a token that does not admit into the pool."""
    _claims(secret, token, _POOL, (), limits.POOL_TOKEN_MAX_S, now_s)


def sign_watch_token(secret: str, room: str, seconds: int, now_s: float) -> str:
    """For a viewer of one room; raises `UserError` for a room's name or a lifetime over SIGNALING_TOKEN_MAX_S."""
    check_room(room)
    _check_life(seconds, limits.SIGNALING_TOKEN_MAX_S)
    claims = {"aud": _WATCH, "exp": int(now_s) + seconds, "room": room}
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def check_watch_token(secret: str, token: str, room: str, now_s: float) -> None:
    """Raises `Refused` for a token that does not let its holder watch the room."""
    claims = _claims(secret, token, _WATCH, ("room",), limits.SIGNALING_TOKEN_MAX_S, now_s)
    if claims["room"] != room:
        raise Refused(ErrorCode.WRONG_ROOM)


def _check_life(seconds: int, most_s: int) -> None:
    if not 1 <= seconds <= most_s:
        raise UserError(f"Such a token lives 1 to {most_s} seconds. Give --seconds in that range.")


def _claims(
    secret: str, token: str, audience: str, names: tuple[str, ...], most_s: int, now_s: float
) -> dict[str, Any]:
    try:
        # Expiry is checked against the clock that was handed in.
        options: Any = {"require": ["aud", "exp", *names], "verify_exp": False}
        claims = jwt.decode(token, secret, algorithms=[_ALGORITHM], audience=audience, options=options)
    except (jwt.InvalidTokenError, ValueError):
        raise Refused(ErrorCode.BAD_TOKEN) from None
    if not isinstance(claims["exp"], int) or claims["exp"] > now_s + most_s:
        raise Refused(ErrorCode.BAD_TOKEN)
    if claims["exp"] <= now_s:
        raise Refused(ErrorCode.EXPIRED_TOKEN)
    return claims
