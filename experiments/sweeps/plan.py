"""A sweep as a YAML file: what is asked, which setting is varied, over which values, and what stands still.

    sweep: loss                       # the name; the results' folder
    asks: >-                          # the question, in a sentence
      What do lost packets cost?
    axis: loss                        # one of the settings
    values: [0, 0.02, 0.1]            # at least two, all different
    measures: [landmark_px, pesq]     # those that matter, the most telling first
    fixed:                            # the other settings, where they differ from the default call
      bundle_ms: 80

Must import PyYAML, the standard library and this package only. Invariant: a `Sweep` that exists can be run; a key, setting or
measure that is not known is refused, never ignored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from experiments.sweeps.measures import SWEEP_MEASURES
from experiments.sweeps.settings import SETTINGS, CallSettings, Value
from shared.errors import UserError

FOLDER: Final = Path(__file__).parent
KEYS: Final = ("sweep", "asks", "axis", "values", "measures", "fixed")
SWEEP_MAX_BYTES: Final = 64 * 1024
VALUES_MIN, VALUES_MAX = 2, 50
"""Below two there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """See the module's docstring. points: settings of each value, in order."""

    name: str
    asks: str
    axis: str
    values: tuple[Value, ...]
    measures: tuple[str, ...]
    points: tuple[CallSettings, ...]


def shipped() -> dict[str, Path]:
    """The sweeps that come with facewire, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def find_sweep(name: str | Path) -> Path:
    """A shipped sweep by its name, or a file. UserError when there is none."""
    path = shipped().get(str(name), Path(name))
    if not path.is_file():
        raise UserError(
            f"There is no sweep {str(name)!r}. Give a YAML file, or one of: {', '.join(shipped())}."
        )
    return path


def read_sweep(path: Path) -> Sweep:
    """UserError for a file that cannot be read and for anything in it that cannot be run."""
    try:
        with path.open("rb") as file:
            data = file.read(SWEEP_MAX_BYTES + 1)
        content = yaml.safe_load(data[:SWEEP_MAX_BYTES].decode("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(
            f"The sweep {path} cannot be read ({error}). Compare it with a shipped one."
        ) from error
    if len(data) > SWEEP_MAX_BYTES:
        raise UserError(f"The sweep {path} is larger than {SWEEP_MAX_BYTES} bytes: is it one?")
    try:
        return parse_sweep(content)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def parse_sweep(content: Any) -> Sweep:
    """A sweep from what YAML gives. UserError as `read_sweep`."""
    if not isinstance(content, Mapping):
        raise UserError(f"A sweep is a mapping with the keys {', '.join(KEYS)}.")
    _known(content, KEYS, "key")
    missing = [key for key in KEYS[:-1] if key not in content]
    if missing:
        raise UserError(f"{missing[0]} is missing. A sweep has: {', '.join(KEYS)}.")
    axis, fixed = str(content["axis"]), content.get("fixed") or {}
    _known([axis], tuple(SETTINGS), "setting")
    if not isinstance(fixed, Mapping):
        raise UserError("fixed is a mapping from settings to values.")
    _known(fixed, tuple(SETTINGS), "setting")
    if axis in fixed:
        raise UserError(f"{axis} is varied and cannot be fixed: take it out of one of the two.")
    values, measures = _values(content["values"]), _list(content["measures"], "measures")
    _known(measures, tuple(SWEEP_MEASURES), "measure")
    return Sweep(
        str(content["sweep"]), str(content["asks"]).strip(), axis, values, tuple(map(str, measures)),
        _points(axis, values, fixed),
    )  # fmt: skip


def _points(axis: str, values: tuple[Value, ...], fixed: Mapping[str, Any]) -> tuple[CallSettings, ...]:
    """The axis goes in together with what is fixed: one may only be possible with the other."""
    found = []
    for value in values:
        settings: Any = {**fixed, axis: value}
        found.append(CallSettings(**settings))
    return tuple(found)


def _values(content: Any) -> tuple[Value, ...]:
    values = _list(content, "values")
    if not VALUES_MIN <= len(values) <= VALUES_MAX:
        raise UserError(f"A sweep has {VALUES_MIN} to {VALUES_MAX} values, not {len(values)}.")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise UserError(f"The value {value!r} is neither a number nor a word.")
    if len(set(values)) != len(values):
        raise UserError("A value is there twice. Take one of them out.")
    return tuple(values)


def _list(content: Any, name: str) -> Sequence[Any]:
    if not isinstance(content, list) or not content:
        raise UserError(f"{name} is a list such as [a, b].")
    return content


def _known(found: Mapping[Any, Any] | Sequence[Any], names: Sequence[str], kind: str) -> None:
    for name in found:
        if name not in names:
            raise UserError(f"There is no {kind} {name!r}. Known are: {', '.join(names)}.")
