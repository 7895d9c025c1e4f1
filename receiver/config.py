"""The receiver's settings: defaults, then a TOML file, then flags.

Must import the standard library and `shared` only. Invariant: a `ReceiverConfig` that exists is valid; whatever is not
is a UserError that names the setting and its range.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from shared.errors import UserError

_ADVICE = "See python -m receiver --print-config."


@dataclass(frozen=True, slots=True)
class ReceiverConfig:
    """All settings of one call; None and "" mean not set.

    signaling: ws:// or wss:// address. token_file, token_env: where the join token is. sink: specs, see
    `receiver.sinks.open`. backend, size, threads: see `receiver.backends.choose`. stats: JSON file. seconds: end after
    this long.
    """

    signaling: str = ""
    token_file: str = ""
    token_env: str = ""
    sink: tuple[str, ...] = ("none",)
    backend: str = "auto"
    size: str = "lite"
    threads: int | None = None
    stats: str = ""
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Raises UserError for values outside their ranges; names of sinks and backends are checked when opened."""
        if self.threads is not None and not 1 <= self.threads <= 64:
            raise UserError(f"threads = {self.threads} is not possible: choose 1 to 64.")
        if self.seconds is not None and not 0.1 <= self.seconds <= 86_400 * 7:  # also false for NaN
            raise UserError(f"seconds = {self.seconds:g} is not possible: choose 0.1 to 604800.")
        if not self.sink:
            raise UserError("At least one sink is needed: give --sink none to keep nothing.")


def load_config(flags: Mapping[str, Any], file: Path | None = None) -> ReceiverConfig:
    """Defaults, overridden by the file, overridden by flags. Raises UserError."""
    values = {**_read(file), **flags}
    if "sink" in values:
        values["sink"] = tuple(values["sink"])
    return replace(ReceiverConfig(), **values)


def print_config(config: ReceiverConfig) -> str:
    """The settings as TOML that `--config` reads; what is not set is left out."""
    values = ((field.name, getattr(config, field.name)) for field in fields(config))
    return "".join(f"{name} = {_toml(value)}\n" for name, value in values if value not in (None, ""))


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)


def _read(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"The settings file {file} cannot be read: {error}.") from error
    kinds = get_type_hints(ReceiverConfig)
    for name, value in values.items():
        if name not in kinds:
            raise UserError(f"{file}: there is no setting {name!r}. There are: {', '.join(sorted(kinds))}.")
        if not _is_a(value, kinds[name]):
            raise UserError(f"{file}: {name} = {value!r} is of the wrong kind. {_ADVICE}")
    return values


def _is_a(value: Any, kind: Any) -> bool:
    if kind == tuple[str, ...]:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    kinds = get_args(kind) or (kind,)
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, kinds) or (float in kinds and isinstance(value, int))
