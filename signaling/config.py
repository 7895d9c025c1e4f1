"""Settings of the service: what the flags say, checked, as one frozen record.

Invariant: a `ServeConfig` holds no secret, so that `--print-config` can show all of it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

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
) -> ServeConfig:
    """The settings after every check that needs no secret; raises `UserError`."""
    if not 0 <= port <= 65535:
        raise UserError(f"Port {port} does not exist. Give --port 1 to 65535, or 0 for any free one.")
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
        allowed_origins=own_origins(host, port) + tuple(checked_origin(text) for text in origins),
        proxies=tuple(proxies),
        open_rooms=open_rooms,
    )
