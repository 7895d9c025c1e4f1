"""Secrets: making one, loading one, refusing weak ones.

Invariant: no secret that is empty, short, a known default or a repetition leaves this module, and no error
message quotes one.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from shared import limits
from shared.errors import UserError

_DEFAULTS: Final = ("changeme", "change-me", "change_me", "password", "default", "example", "secret")
_DISTINCT_MIN: Final = 10
_HOW: Final = "Make one with: python -m signaling secret > FILE"


def new_secret() -> str:
    """256 random bits as 43 URL-safe characters."""
    return secrets.token_urlsafe(32)


def checked_secret(text: str, origin: str) -> str:
    """`text` without surrounding space; raises `UserError`, naming `origin` only, when it is easily guessed."""
    secret = text.strip()
    if not secret:
        raise UserError(f"The secret in {origin} is empty. {_HOW}")
    if len(secret) < limits.SIGNALING_SECRET_MIN_CHARS:
        least = limits.SIGNALING_SECRET_MIN_CHARS
        raise UserError(f"The secret in {origin} is shorter than {least} characters. {_HOW}")
    if len(set(secret)) < _DISTINCT_MIN or any(word in secret.lower() for word in _DEFAULTS):
        raise UserError(f"The secret in {origin} is a default or a repetition, so it can be guessed. {_HOW}")
    return secret


def secret_from_file(path: Path) -> str:
    """The checked secret in a file; raises `UserError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"Cannot read the secret file {path} ({type(error).__name__}). {_HOW}") from None
    return checked_secret(text, str(path))


def secret_from_environment(name: str) -> str:
    """The checked secret in an environment variable; raises `UserError`."""
    if name not in os.environ:
        raise UserError(f"The environment variable {name} is not set. {_HOW}, then set the variable from it.")
    return checked_secret(os.environ[name], f"the environment variable {name}")
