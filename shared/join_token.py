"""Reads room and role out of a join token, so that whoever has a token needs to be told nothing else.

Must import the standard library and `shared` only. Invariant: the token is not verified here (only the service has the
secret) and no part of it ever stands in an error message.
"""

import base64
import binascii
import json
import os
from pathlib import Path

from shared.errors import UserError
from shared.limits import SIGNALING_MESSAGE_MAX_BYTES
from shared.signaling_messages import ROOM_PATTERN, Join, Role

_ADVICE = "Make a new one with: python -m signaling token --room ROOM --role ROLE --secret-file FILE"


def join_from_settings(signaling: str, token_file: str, token_env: str) -> Join:
    """The way into the room that an end's settings name ("" where one is not set). Raises UserError."""
    if not signaling:
        raise UserError("No signaling service was named: give --signaling ws://HOST:PORT/ws (see --help).")
    if token_file:
        return join_from_file(Path(token_file))
    if token_env:
        return join_from_environment(token_env)
    raise UserError(
        "A join token is needed: give --token-file or --token-env (see --help for how to make one)."
    )


def join_from_file(path: Path) -> Join:
    """The way into a room by the token in a file. Raises UserError."""
    try:
        if path.stat().st_size > SIGNALING_MESSAGE_MAX_BYTES:
            raise UserError(f"The token file {path} is too large to be one. {_ADVICE}")
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"The token file {path} cannot be read ({type(error).__name__}). {_ADVICE}"
        ) from error
    return join_from_token(text)


def join_from_environment(name: str) -> Join:
    """The way into a room by the token in an environment variable. Raises UserError."""
    text = os.environ.get(name)
    if not text:
        raise UserError(f"The environment variable {name} holds no token. {_ADVICE}")
    return join_from_token(text)


def join_from_token(text: str) -> Join:
    """Room and role that a JSON Web Token (RFC 7519) names, unverified. Raises UserError if it is none of ours."""
    token = text.strip()
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        room, role = claims["room"], Role(claims["role"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error, RecursionError) as error:
        raise UserError(f"The token is damaged or no join token. {_ADVICE}") from error
    if not isinstance(room, str) or not ROOM_PATTERN.fullmatch(room):
        raise UserError(f"The token names no proper room. {_ADVICE}")
    return Join(room, role, token)
