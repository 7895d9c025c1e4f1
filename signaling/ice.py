"""The ICE servers a joined peer is told, with TURN credentials made for it.

Credentials follow coturn's `use-auth-secret` (draft-uberti-behave-turn-rest-00): the user name is
"expiry:participant", the password base64(HMAC-SHA1(secret, user name)). SHA-1 is coturn's choice; as an HMAC it is
sound. Invariant: only the server calls this, after a token was accepted; a credential names no person.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from typing import Final

from shared import limits
from shared.errors import UserError
from shared.signaling_messages import ICE_URL_PATTERN, IceServer

_TURN: Final = re.compile(r"turns?:")


def checked_ice_urls(urls: Sequence[str]) -> tuple[str, ...]:
    """The URLs as given; raises `UserError` for one that is no STUN or TURN address, or for too many."""
    for url in urls:
        if not ICE_URL_PATTERN.fullmatch(url) or len(url) > limits.SIGNALING_TEXT_MAX_BYTES:
            raise UserError(f"{url!r} is no ICE server. Give stun:HOST:PORT or turn:HOST:PORT?transport=udp.")
    if len(urls) > limits.SIGNALING_ICE_SERVERS_MAX:
        raise UserError(
            f"At most {limits.SIGNALING_ICE_SERVERS_MAX} ICE servers can be handed out; give fewer."
        )
    return tuple(urls)


def turn_credential(secret: str, participant: str, now_s: float) -> tuple[str, str]:
    """User name and password that coturn accepts until `TURN_CREDENTIAL_S` from now."""
    username = f"{int(now_s) + limits.TURN_CREDENTIAL_S}:{participant}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()


def ice_servers(urls: Sequence[str], turn_secret: str | None, now_s: float) -> tuple[IceServer, ...]:
    """One entry for the STUN servers, one for the TURN servers with a fresh credential."""
    stun = tuple(url for url in urls if not _TURN.match(url))
    turn = tuple(url for url in urls if _TURN.match(url))
    servers = [IceServer(stun)] if stun else []
    if turn and turn_secret is not None:
        servers.append(IceServer(turn, *turn_credential(turn_secret, secrets.token_hex(8), now_s)))
    return tuple(servers)
