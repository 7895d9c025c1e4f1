"""Where a WHEP or WHIP port listens and who may use it: from `HOST:PORT/PATH?option=value` to settings.

Must not import aiohttp. Invariant: beyond this machine nothing listens without a bearer token.
"""

import ipaddress
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from shared.errors import UserError
from shared.limits import WHIP_TOKEN_MIN_CHARS

OPTIONS: Final = ("token-file", "token-env", "origin", "cert", "key")


@dataclass(frozen=True, slots=True)
class WhipAccess:
    """One HTTP endpoint of WHEP or WHIP."""

    host: str
    port: int
    path: str
    token: str = ""
    """Bearer token that each request must carry (RFC 6750 section 2.1); empty: none is asked for."""
    origins: tuple[str, ...] = ()
    """Web pages that may call; a request that names another origin is refused."""
    certificate: tuple[str, str] | None = None
    """Files of a TLS certificate and its key; None: plain HTTP."""

    @property
    def url(self) -> str:
        """What a player or publisher is given."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.certificate else 'http'}://{host}:{self.port}{self.path}"

    def tls(self) -> ssl.SSLContext | None:
        """The server's TLS settings. Raises UserError when the certificate cannot be used."""
        if self.certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(*self.certificate)
        except (OSError, ssl.SSLError) as error:
            raise UserError(
                f"The certificate {self.certificate[0]} cannot be used ({error}): give PEM files with cert= and key=."
            ) from error
        return context


def parse_access(scheme: str, text: str, guard: str = "") -> WhipAccess:
    """`text` of `whep:text` or `whip:text`: HOST:PORT[/PATH][?token-file=FILE&...]. Raises UserError that teaches.

    guard: the token where the text names none.
    """
    usage = f"Write {scheme}:HOST:PORT[/PATH][?token-file=FILE], such as {scheme}:127.0.0.1:8889."
    parts = urlsplit(f"//{text}")
    try:
        host, port = parts.hostname, parts.port
        options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise UserError(f"{scheme}:{text} cannot be read ({error}). {usage}") from error
    if not host or port is None or parts.username is not None:
        raise UserError(f"{scheme}:{text} does not say where to listen. {usage}")
    unknown = [name for name, _ in options if name not in OPTIONS]
    if unknown:
        raise UserError(f"{scheme}: unknown option '{unknown[0]}'. Known are {', '.join(OPTIONS)}.")
    given = dict(options)
    access = WhipAccess(
        host,
        port,
        parts.path.rstrip("/") or f"/{scheme}",
        _token(scheme, given) or guard,
        tuple(value.rstrip("/") for name, value in options if name == "origin"),
        _certificate(scheme, given),
    )
    if not access.token and not _is_loopback(host):
        raise UserError(
            f"{scheme}:{host}:{port} can be reached from other machines, so it needs a bearer token: add "
            f"?token-file=FILE or ?token-env=NAME (at least {WHIP_TOKEN_MIN_CHARS} characters, such as "
            "openssl rand -hex 16 gives), or listen on 127.0.0.1."
        )
    return access


def _token(scheme: str, given: dict[str, str]) -> str:
    if "token-file" in given:
        try:
            token = Path(given["token-file"]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"{scheme}: the token file {given['token-file']} cannot be read ({error})."
            ) from error
    elif "token-env" in given:
        token = os.environ.get(given["token-env"], "").strip()
    else:
        return ""
    if len(token) < WHIP_TOKEN_MIN_CHARS or not token.isascii() or not token.isprintable() or " " in token:
        raise UserError(
            f"{scheme}: the bearer token must have at least {WHIP_TOKEN_MIN_CHARS} printable ASCII characters and no "
            "space. Make one with: openssl rand -hex 16"
        )
    return token


def _certificate(scheme: str, given: dict[str, str]) -> tuple[str, str] | None:
    if ("cert" in given) != ("key" in given):
        raise UserError(f"{scheme}: TLS needs both cert=FILE and key=FILE.")
    return (given["cert"], given["key"]) if "cert" in given else None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
