"""The receiver's settings: defaults, then a TOML file, then flags.

Must import the standard library and `shared` only. Invariant: a `ReceiverConfig` that exists is valid; whatever is not
is a UserError that names the setting and its range.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.config_file import load_settings, print_settings
from shared.errors import UserError
from shared.limits import REJOIN_MAX_S


@dataclass(frozen=True, slots=True)
class ReceiverConfig:
    """All settings of one call; None and "" mean not set.

    signaling: ws:// or wss:// address. token_file, token_env: where the join token is. sink: specs, see
    `receiver.sinks.open`. backend, size, threads: see `receiver.fitting`. weights: a folder of one's own.
    stats: JSON file. provenance_key: folder of the key that signs recordings, "": one of this run's own. seconds: end
    after this long. rejoin_seconds: how long a peer that was lost is waited for; 0: not at all. health_port: of /healthz,
    /readyz and /metrics; 0: none.
    """

    signaling: str = ""
    token_file: str = ""
    token_env: str = ""
    sink: tuple[str, ...] = ("none",)
    backend: str = "auto"
    size: str = "auto"
    threads: int | None = None
    weights: str = ""
    stats: str = ""
    provenance_key: str = ""
    seconds: float | None = None
    rejoin_seconds: float = 30.0
    health_host: str = "127.0.0.1"
    health_port: int = 0

    def __post_init__(self) -> None:
        """Raises UserError for values outside their ranges; names of sinks and backends are checked when opened."""
        check_threads(self.threads)
        if self.seconds is not None and not 0.1 <= self.seconds <= 86_400 * 7:  # also false for NaN
            raise UserError(f"seconds = {self.seconds:g} is not possible: choose 0.1 to 604800.")
        check_rejoin_seconds(self.rejoin_seconds)
        check_health_port(self.health_port)
        if not self.sink:
            raise UserError("At least one sink is needed: give --sink none to keep nothing.")


def check_threads(threads: int | None) -> None:
    """Raises UserError."""
    if threads is not None and not 1 <= threads <= 64:
        raise UserError(f"threads = {threads} is not possible: choose 1 to 64.")


def check_rejoin_seconds(seconds: float) -> None:
    """Raises UserError."""
    if not 0 <= seconds <= REJOIN_MAX_S:  # also false for NaN
        raise UserError(f"rejoin_seconds = {seconds:g} is not possible: choose 0 to {REJOIN_MAX_S:g}.")


def check_health_port(port: int) -> None:
    """Raises UserError."""
    if not 0 <= port <= 65_535:
        raise UserError(f"health_port = {port} is not possible: choose 0 to 65535.")


def load_config(flags: Mapping[str, Any], file: Path | None = None) -> ReceiverConfig:
    """Defaults, overridden by the file, overridden by flags. Raises UserError."""
    return load_settings(ReceiverConfig(), flags, file, "python -m receiver")


def print_config(config: ReceiverConfig) -> str:
    """The settings as TOML that `--config` reads; what is not set is left out."""
    return print_settings(config)
