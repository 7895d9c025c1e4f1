"""Settings of a command: dataclass defaults, then a TOML file, then flags; and back to TOML.

Must import the standard library and `shared.errors` only. Invariant: what a file may say is what the dataclass's fields
and their types say; everything else is a UserError that names the file and the setting.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, get_args, get_type_hints

from shared.errors import UserError


class Settings(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Config = TypeVar("Config", bound=Settings)


def load_settings(default: Config, flags: Mapping[str, Any], file: Path | None, command: str) -> Config:
    """default, overridden by the file, overridden by flags. Lists become tuples.

    command: how the settings can be printed, such as "python -m receiver". Raises UserError for a file that cannot be
    read, for unknown names and for values of the wrong kind; ranges are for the dataclass itself to check.
    """
    values = {**_read(file, get_type_hints(type(default)), command), **flags}
    known = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return replace(default, **known)


def print_settings(config: Settings) -> str:
    """The settings as TOML that `load_settings` reads; what is not set (None, "") is left out."""
    values = ((field.name, getattr(config, field.name)) for field in fields(config))
    return "".join(f"{name} = {_toml(value)}\n" for name, value in values if value not in (None, ""))


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)


def _read(file: Path | None, kinds: Mapping[str, Any], command: str) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"The settings file {file} cannot be read: {error}.") from error
    for name, value in values.items():
        if name not in kinds:
            raise UserError(f"{file}: there is no setting {name!r}. There are: {', '.join(sorted(kinds))}.")
        if not _is_a(value, kinds[name]):
            raise UserError(f"{file}: {name} = {value!r} is of the wrong kind. See {command} --print-config.")
    return values


def _is_a(value: Any, kind: Any) -> bool:
    if kind == tuple[str, ...]:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    kinds = get_args(kind) or (kind,)
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, kinds) or (float in kinds and isinstance(value, int))
