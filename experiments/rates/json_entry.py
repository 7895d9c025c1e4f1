"""One object of a JSON file, read key by key; whatever is not what it should be is said with its place.

    Entry(value, "cells[3]").number("target_kbps") -> 20.0, or Unfit "cells[3].target_kbps is text, a number was expected"

Must import the standard library only. Invariant: no value leaves here with another type than was asked for, and no
number that is not finite.
"""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

_NAMES: Final = {type(None): "null", bool: "true or false", str: "text", list: "a list", dict: "an object"}


class Unfit(ValueError):
    """The file does not say what it should; the message says where and what."""


def load_json(path: Path) -> Any:
    """The content of a file. OSError when it cannot be read, Unfit when it is not JSON (NaN and infinity are not)."""

    def refuse(name: str) -> float:
        raise Unfit(f"it holds {name}, which is not a number")

    try:
        return json.loads(path.read_bytes(), parse_constant=refuse)
    except RecursionError as error:
        raise Unfit("it is nested without end") from error
    except UnicodeDecodeError as error:
        raise Unfit("it is not text") from error
    except json.JSONDecodeError as error:
        raise Unfit(f"it is not JSON, or was cut off (line {error.lineno}: {error.msg})") from error


class Entry:
    """An object and its place in the file. Every method raises Unfit for a value of another kind; a default, where one is
    taken, stands for a key that is absent or null."""

    def __init__(self, value: object, place: str = "") -> None:
        self._place = place
        self._values: Mapping[str, Any] = self._checked(value, dict, place or "the file")

    def text(self, key: str, default: str | None = None) -> str:
        """A text."""
        return str(self._get(key, str, default))

    def text_or_none(self, key: str) -> str | None:
        """A text, or None for null or nothing."""
        return None if self._values.get(key) is None else self.text(key)

    def flag(self, key: str, default: bool | None = None) -> bool:
        """True or false."""
        return bool(self._get(key, bool, default))

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number, 0 or above."""
        value = self._values.get(key)
        if value is None and default is not None:
            return default
        return self._number(value, self._name(key))

    def numbers(self, key: str) -> dict[str, float]:
        """An object of finite numbers of any sign; what is null is left out, and nothing is an empty one."""
        found = self._checked(self._values.get(key) or {}, dict, self._name(key))
        return {
            name: self._number(value, f"{self._name(key)}.{name}", lowest=-math.inf)
            for name, value in found.items()
            if value is not None
        }

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; nothing is an empty one."""
        found = self._checked(self._values.get(key) or [], list, self._name(key))
        return tuple(self._checked(value, str, f"{self._name(key)}[{i}]") for i, value in enumerate(found))

    def text_by_key(self, key: str) -> dict[str, str]:
        """An object of texts; nothing is an empty one."""
        found = self._checked(self._values.get(key) or {}, dict, self._name(key))
        return {name: self._checked(value, str, f"{self._name(key)}.{name}") for name, value in found.items()}

    def anything(self, key: str) -> dict[str, Any]:
        """An object whose values are only shown; nothing is an empty one."""
        return dict(self._checked(self._values.get(key) or {}, dict, self._name(key)))

    def entry(self, key: str) -> "Entry":
        """An object."""
        return Entry(self._values.get(key), self._name(key))

    def entries(self, key: str) -> Iterator["Entry"]:
        """A list of objects."""
        found = self._checked(self._values.get(key), list, self._name(key))
        return (Entry(value, f"{self._name(key)}[{i}]") for i, value in enumerate(found))

    def unfit(self, key: str, what: str) -> Unfit:
        """The error to raise when a value is of the right kind and still wrong."""
        return Unfit(f"{self._name(key)} {what}")

    def _get(self, key: str, kind: type, default: object) -> Any:
        value = self._values.get(key)
        return (
            default if value is None and default is not None else self._checked(value, kind, self._name(key))
        )

    def _name(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key

    @staticmethod
    def _checked(value: object, kind: type, place: str) -> Any:
        if not isinstance(value, kind):
            found = _NAMES.get(type(value), "a number")
            raise Unfit(f"{place} is {found}, {_NAMES[kind]} was expected")
        return value

    @staticmethod
    def _number(value: object, place: str, lowest: float = 0.0) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unfit(f"{place} is {_NAMES.get(type(value), 'something else')}, a number was expected")
        # An integer of a thousand digits is JSON too, and no float.
        if abs(value) > 1e300 or not math.isfinite(value):
            raise Unfit(f"{place} is too large")
        if value < lowest:
            raise Unfit(f"{place} is {value:g}, at least {lowest:g} was expected")
        return float(value)
