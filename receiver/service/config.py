"""The settings of `python -m receiver serve`: defaults, then a TOML file, then flags.

Must import the standard library, `receiver.config` and `shared` only. Invariant: a `ServiceConfig` that exists is valid; it
holds no secret, only where secrets are.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from receiver.config import check_health_port, check_rejoin_seconds, check_threads
from shared.config_file import load_settings
from shared.errors import UserError
from shared.limits import RENDER_CALLS_MAX, SIGNALING_DRAIN_MAX_S
from shared.transport.whip_access import WhipAccess, parse_access

NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
WATCH_PATH: Final = "/whep"
"""A viewer of a room goes to this, a slash and the room's name."""
_POOL_PATH: Final = "/pool"


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """All settings; None, 0 and "" mean not set.

    pool: ws:// or wss:// address, ending in /pool, whose service also has /ws. pool_token_file, pool_token_env: where the token
    of the pool is; read anew each time. name: of this process in the pool; "": a random one. calls: most at once; 0: as many as
    the engine is fit for. watch: HOST:PORT of the viewers' port, with options as `whip_access` takes them. watch_url: by which
    viewers reach it, if not by that. record: folder of an mp4 for each call. The rest: see `receiver.config.ReceiverConfig`.
    drain_seconds: how long calls may go on after the process was asked to end.
    """

    pool: str = ""
    pool_token_file: str = ""
    pool_token_env: str = ""
    name: str = ""
    calls: int = 0
    watch: str = ""
    watch_url: str = ""
    record: str = ""
    backend: str = "auto"
    size: str = "auto"
    threads: int | None = None
    weights: str = ""
    provenance_key: str = ""
    rejoin_seconds: float = 30.0
    drain_seconds: float = 30.0
    health_host: str = "127.0.0.1"
    health_port: int = 0

    def __post_init__(self) -> None:
        """Raises UserError for values outside their ranges; what has to be there at all `check_complete` asks for."""
        check_threads(self.threads)
        check_rejoin_seconds(self.rejoin_seconds)
        check_health_port(self.health_port)
        if not 0 <= self.calls <= RENDER_CALLS_MAX:
            raise UserError(f"calls = {self.calls} is not possible: choose 1 to {RENDER_CALLS_MAX}.")
        if not 0 <= self.drain_seconds <= SIGNALING_DRAIN_MAX_S:
            value = self.drain_seconds
            raise UserError(
                f"drain_seconds = {value:g} is not possible: choose 0 to {SIGNALING_DRAIN_MAX_S:g}."
            )
        if self.name and not NAME_PATTERN.fullmatch(self.name):
            raise UserError("A name is 1 to 64 letters, digits, '-' or '_'. Choose another --name.")
        if self.pool:
            _check_pool(self.pool)
        if self.watch_url:
            _check_watch_url(self.watch_url)

    def check_complete(self) -> None:
        """Raises UserError when a service cannot be run with these settings."""
        if not self.pool:
            raise UserError("No pool was named: give --pool ws://HOST:PORT/pool (see --help).")
        if not self.pool_token_file and not self.pool_token_env:
            raise UserError(
                "The pool asks for a token: give --pool-token-file or --pool-token-env (see --help)."
            )
        if not self.watch and not self.record:
            raise UserError("Nobody would see the calls: give --watch HOST:PORT, --record FOLDER, or both.")
        if self.record and not Path(self.record).is_dir():
            raise UserError(f"The folder {self.record} is not there. Make it, or choose another --record.")

    @property
    def signaling(self) -> str:
        """Address at which the pool's rooms are entered."""
        return self.pool.removesuffix(_POOL_PATH) + "/ws"

    def watch_access(self) -> WhipAccess | None:
        """Where viewers are served; each room has a key of its own. None: nowhere. Raises UserError."""
        if not self.watch:
            return None
        place, _, options = self.watch.partition("?")
        if "/" in place or "token" in options:
            raise UserError(
                "--watch takes HOST:PORT and the options origin=, cert= and key=: rooms have their own keys."
            )
        try:
            # What no room's key opens, nothing does: the port's own token is drawn here and given to nobody.
            return parse_access("whep", self.watch, secrets.token_urlsafe(32))
        except UserError as error:
            raise UserError(f"--watch {self.watch} cannot be used. {error}") from error


def load_config(flags: Mapping[str, Any], file: Path | None = None) -> ServiceConfig:
    """Defaults, overridden by the file, overridden by flags. Raises UserError."""
    return load_settings(ServiceConfig(), flags, file, "python -m receiver serve")


def watch_base(config: ServiceConfig, access: WhipAccess | None, port: int) -> str:
    """The address that viewers are told, without path; "": nobody can watch. port: the one that was opened.

    Raises UserError when it cannot be told from where the port listens.
    """
    if access is None:
        return ""
    if config.watch_url:
        return config.watch_url.rstrip("/")
    if access.host in ("0.0.0.0", "::"):
        raise UserError(
            f"--watch {access.host} listens on all addresses: say by which one viewers come, such as "
            "--watch-url https://watch.example.org."
        )
    url = urlsplit(access.url)
    host = f"[{access.host}]" if ":" in access.host else access.host
    return f"{url.scheme}://{host}:{port}"


def _check_pool(address: str) -> None:
    url = urlsplit(address)
    if url.scheme not in ("ws", "wss") or not url.hostname or not address.endswith(_POOL_PATH):
        raise UserError(f"{address!r} is no address of a pool. Give one like wss://HOST/pool.")


def _check_watch_url(address: str) -> None:
    url = urlsplit(address)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise UserError(f"{address!r} is no address for viewers. Give one like https://watch.example.org.")
