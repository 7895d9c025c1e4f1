"""Which web pages may connect (RFC 6455 section 10.2): the answer to cross-site WebSocket hijacking.

Invariant: an Origin is compared whole and never as a prefix; a request without one comes from a program, not from
a page, and still needs a token.
"""

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from shared.errors import UserError

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def checked_origin(text: str) -> str:
    """`scheme://host[:port]` in the form browsers send; raises `UserError`."""
    parts = urlsplit(text)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
        raise UserError(f"{text!r} is no origin. Give --allow-origin https://HOST or https://HOST:PORT.")
    try:
        port = parts.port
    except ValueError:
        raise UserError(f"{text!r} has no valid port. Give --allow-origin https://HOST:PORT.") from None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    suffix = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{suffix}"


def own_origins(host: str, port: int, secure: bool = False) -> tuple[str, ...]:
    """Origins of the page that a service on a loopback address serves itself; none for other addresses."""
    if host not in ("127.0.0.1", "::1", "localhost"):
        return ()
    scheme = "https" if secure else "http"
    return tuple(checked_origin(f"{scheme}://{name}:{port}") for name in ("127.0.0.1", "localhost", "[::1]"))


def origin_allowed(origin: str | None, allowed: Collection[str]) -> bool:
    """True for a program (no Origin header) and for a page on the list; "null" is never on it."""
    return origin is None or origin in allowed
