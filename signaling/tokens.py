"""Join tokens: JSON Web Tokens (RFC 7519), HMAC-SHA256, each for one room, one role and one use.

Invariant: a token admits once, before it expires, to its own room and role; a used id is remembered until its
token has expired and no longer. Time is handed in as `now_s` (Unix time).
"""

import secrets
from dataclasses import dataclass
from typing import Final

import jwt

from shared import limits
from shared.errors import UserError
from shared.signaling_messages import ROOM_PATTERN, ErrorCode, Join, Role
from signaling.refusal import Refused

_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "facewire-join"
_CLAIMS: Final = ("aud", "exp", "jti", "role", "room")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says: where, as what, until when (Unix seconds), and its own id.

    seat: it was given to somebody who had been let in before, for coming back. pool: of a sender that wants a receiver of
    the pool.
    """

    room: str
    role: Role
    expires_s: int
    token_id: str
    seat: bool = False
    pool: bool = False


def sign_token(
    secret: str, room: str, role: Role, seconds: int, now_s: float, *, seat: bool = False, pool: bool = False
) -> str:
    """A new token; raises `UserError` for what the server would refuse: a room's name, a lifetime, a pool for no sender."""
    check_room(room)
    if not 1 <= seconds <= limits.SIGNALING_TOKEN_MAX_S:
        raise UserError(
            f"A token lives 1 to {limits.SIGNALING_TOKEN_MAX_S} seconds. Give --seconds in that range."
        )
    if pool and role is not Role.SENDER:
        raise UserError("Only a sender is given a receiver of the pool. Give --role sender.")
    claims = {
        "aud": _AUDIENCE,
        "exp": int(now_s) + seconds,
        "jti": secrets.token_urlsafe(16),
        "role": role.value,
        "room": room,
    } | {name: True for name, said in (("seat", seat), ("pool", pool)) if said}
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def check_room(room: str) -> None:
    """Raises `UserError` for a room name that the server would refuse."""
    if not ROOM_PATTERN.fullmatch(room):
        most = limits.SIGNALING_ROOM_MAX_CHARS
        raise UserError(f"A room name is 1 to {most} letters, digits, '-' or '_'. Choose another name.")


class TokenVerifier:
    """Checks tokens against one secret and remembers the used ones."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._used: dict[str, int] = {}
        self._renewed: set[str] = set()

    def verify(self, join: Join, now_s: float) -> Claims:
        """The claims of `join`'s token, which must say the same as `join`; raises `Refused`. Does not use it up."""
        claims = self.claims_of(join, now_s)
        if claims.token_id in self._used:
            raise Refused(ErrorCode.USED_TOKEN)
        return claims

    def renew(self, join: Join, now_s: float) -> str:
        """A fresh token for the seat of one that was used (or was itself given here); raises `Refused`.

        Each can be renewed once, and does not admit afterwards. Who was never let in gets nothing.
        """
        claims = self.claims_of(join, now_s)
        admitted = claims.token_id in self._used or claims.seat
        if claims.token_id in self._renewed or not admitted:
            raise Refused(ErrorCode.USED_TOKEN)
        self.spend(claims, now_s)
        self._renewed.add(claims.token_id)
        return self.seat_token(claims, now_s)

    def seat_token(self, claims: Claims, now_s: float) -> str:
        """A token for coming back to the seat of `claims`."""
        seconds = limits.SIGNALING_PAGE_TOKEN_S
        return sign_token(self._secret, claims.room, claims.role, seconds, now_s, seat=True, pool=claims.pool)

    def claims_of(self, join: Join, now_s: float) -> Claims:
        """The same as `verify`, but a used token passes: whoever asks remembers the used ones elsewhere."""
        claims = self._signed_claims(join.token)
        if claims.expires_s <= now_s:
            raise Refused(ErrorCode.EXPIRED_TOKEN)
        if claims.expires_s > now_s + limits.SIGNALING_TOKEN_MAX_S:
            raise Refused(ErrorCode.BAD_TOKEN)
        if claims.room != join.room:
            raise Refused(ErrorCode.WRONG_ROOM)
        if claims.role is not join.role:
            raise Refused(ErrorCode.WRONG_ROLE)
        return claims

    def spend(self, claims: Claims, now_s: float) -> None:
        """Marks the token as used; raises `Refused` when no more can be remembered."""
        if len(self._used) >= limits.SIGNALING_USED_TOKENS_MAX:
            self.forget_expired(now_s)
        if len(self._used) >= limits.SIGNALING_USED_TOKENS_MAX:
            raise Refused(ErrorCode.BUSY)
        self._used[claims.token_id] = claims.expires_s

    def forget_expired(self, now_s: float) -> None:
        """Drops the used ids whose tokens could not be used again anyway."""
        self._used = {token: expires_s for token, expires_s in self._used.items() if expires_s > now_s}
        self._renewed &= self._used.keys()

    @property
    def used_count(self) -> int:
        """Used tokens that are remembered."""
        return len(self._used)

    def _signed_claims(self, token: str) -> Claims:
        try:
            # Expiry is checked by the caller against the clock that was handed in.
            values = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                options={"require": list(_CLAIMS), "verify_exp": False},
            )
            role, seat, pool = Role(values["role"]), values.get("seat") is True, values.get("pool") is True
            claims = Claims(values["room"], role, values["exp"], values["jti"], seat, pool)
        except (jwt.InvalidTokenError, ValueError):
            raise Refused(ErrorCode.BAD_TOKEN) from None
        if not isinstance(claims.expires_s, int) or not isinstance(claims.token_id, str):
            raise Refused(ErrorCode.BAD_TOKEN)
        return claims
