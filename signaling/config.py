"""Settings of the service: what the flags say, checked, as one frozen record.

Invariant: a `ServeConfig` holds no secret, so that `--print-config` can show all of it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from shared import limits
from shared.errors import UserError
from signaling.ice import checked_ice_urls
from signaling.origin import checked_origin, own_origins


@dataclass(frozen=True, slots=True)
class ServeConfig:
    """Where to listen and whom to admit. `secret_source` and `turn_secret_file` are places, not secrets."""

    host: str = "127.0.0.1"
    port: int = 8080
    secret_source: str = ""
    turn_secret_file: str = ""
    ice_urls: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    open_rooms: bool = False
    """Whether anybody who can load the page may open a room."""
    redis_url: str = ""
    """Where rooms are kept; empty: in this process. Its password is read from `redis_password_file`."""
    redis_password_file: str = ""
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0
    """Port of `/metrics`; 0: none."""
    tls_certificate: str = ""
    tls_key: str = ""
    """Places of the certificate's chain and its key; empty: plain HTTP, for loopback or behind a proxy."""
    drain_s: float = 0.0
    """How long a process asked to end (SIGTERM) waits for those in its rooms."""

    def as_json(self) -> str:
        """All settings as indented JSON."""
        return json.dumps(asdict(self), indent=2)


def checked_config(
    host: str,
    port: int,
    secret_source: str,
    *,
    turn_secret_file: Path | None = None,
    ice_urls: Sequence[str] = (),
    origins: Sequence[str] = (),
    proxies: Sequence[str] = (),
    open_rooms: bool = False,
    redis_url: str = "",
    redis_password_file: Path | None = None,
    metrics_host: str = "127.0.0.1",
    metrics_port: int = 0,
    drain_s: float = 0.0,
    tls_certificate: Path | None = None,
    tls_key: Path | None = None,
) -> ServeConfig:
    """The settings after every check that needs no secret; raises `UserError`."""
    if not 0 <= port <= 65535:
        raise UserError(f"Port {port} does not exist. Give --port 1 to 65535, or 0 for any free one.")
    if not 0 <= metrics_port <= 65535 or (metrics_port and metrics_port == port):
        raise UserError(
            f"Metrics need a port of their own, not {metrics_port}. Give --metrics-port 1 to 65535."
        )
    if not 0 <= drain_s <= limits.SIGNALING_DRAIN_MAX_S:
        most = limits.SIGNALING_DRAIN_MAX_S
        raise UserError(f"Draining for {drain_s:g} s is not possible. Give --drain-seconds 0 to {most}.")
    if (tls_certificate is None) != (tls_key is None):
        raise UserError("TLS needs both --tls-certificate and --tls-key. Give the other one as well.")
    urls = checked_ice_urls(ice_urls)
    if any(url.startswith("turn") for url in urls) and turn_secret_file is None:
        raise UserError(
            "A TURN server needs --turn-secret-file, the static-auth-secret of coturn. Give it as well."
        )
    return ServeConfig(
        host=host,
        port=port,
        secret_source=secret_source,
        turn_secret_file=str(turn_secret_file or ""),
        ice_urls=urls,
        allowed_origins=own_origins(host, port, tls_certificate is not None)
        + tuple(checked_origin(text) for text in origins),
        proxies=tuple(proxies),
        open_rooms=open_rooms,
        redis_url=_checked_redis(redis_url),
        redis_password_file=str(redis_password_file or ""),
        metrics_host=metrics_host,
        metrics_port=metrics_port,
        drain_s=drain_s,
        tls_certificate=str(tls_certificate or ""),
        tls_key=str(tls_key or ""),
    )


def _checked_redis(url: str) -> str:
    parts = urlsplit(url)
    if not url:
        return ""
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise UserError(
            f"{parts.scheme}://{parts.hostname or ''} is no Redis address. Give --redis redis://HOST:PORT/0."
        )
    if parts.password:
        raise UserError(
            "A password in --redis can be read by other processes. Give --redis-password-file FILE instead."
        )
    return url
