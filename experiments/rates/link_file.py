"""A link that the user describes in YAML or JSON, in the terms of `shared.transport.impairments`.

    name: the train home
    forward: {loss: {random: 0.05}, delay_ms: 40, jitter_ms: 30, rate: [{start_ms: 0, kbps: 64}], queue_bytes: 8000}
    reverse: {delay_ms: 40}                # left out: as forward

    loss: {random: 0.05} | {gilbert: {good_to_bad: 0.02, bad_to_good: 0.25}} | {pattern: "..x.", repeat: true}

Must import PyYAML, `shared` and the descriptions of links only. Invariant: whatever is in the file gives a valid link or a
UserError that names the place; nothing in it is run.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, TypeVar

from experiments.network.links import LINKS, Link
from experiments.traces.link import SUFFIX, open_link, shipped
from shared.errors import UserError
from shared.transport.impairments import (
    Blackout,
    GilbertElliott,
    Impairment,
    LossPattern,
    PathStep,
    PatternLoss,
    RandomLoss,
    RateStep,
)

FILE_MAX_BYTES: Final = 1 << 20
LIST_MAX: Final = 10_000
"""Steps of a link; a recorded one of more is a trace (`python -m experiments.traces`)."""
NUMBER_MAX: Final = 1e9
_WAYS: Final = ("forward", "reverse")
_LISTS: Final[Mapping[str, type]] = {"rate": RateStep, "blackouts": Blackout, "path": PathStep}
_WHOLE: Final = ("start_ms", "duration_ms", "queue_bytes")
_T = TypeVar("_T")


def link_from(text: str, seed: int = 0) -> Link:
    """What --link names: a YAML or JSON file, the file of a trace, or the name of a link or a trace that is shipped.

    seed: of its chances; a link of the table keeps its own. UserError when it is none of them or cannot be used.
    """
    path = Path(text)
    if text in LINKS or text in shipped() or path.suffix == SUFFIX:
        return open_link(text, seed, begin_ms=None)
    if not path.is_file():
        known = ", ".join([*LINKS, *shipped()])
        raise UserError(
            f"There is no file {text}. Give --link a YAML or JSON file, a trace, or one of: {known}."
        )
    return parse_link(_loaded(path), path.stem, str(path), seed)


def parse_link(content: Any, name: str, where: str, seed: int = 0) -> Link:
    """A link from what a file holds. name: when it has none. where: names the source in a UserError."""
    entry = _mapping(content, where, ("name", "about", *_WAYS))
    if "forward" not in entry:
        raise UserError(f"{where} describes no link: it needs `forward`, such as {{loss: {{random: 0.05}}}}.")
    forward = _impairment(entry["forward"], f"{where}: forward")
    reverse = _impairment(entry["reverse"], f"{where}: reverse") if "reverse" in entry else forward
    return Link(str(entry.get("name", name)), str(entry.get("about", "")), seed, forward, reverse)


def _loaded(path: Path) -> Any:
    import yaml  # JSON is YAML, too

    try:
        with path.open("rb") as file:
            data = file.read(FILE_MAX_BYTES + 1)
        if len(data) > FILE_MAX_BYTES:
            raise UserError(
                f"{path} is larger than {FILE_MAX_BYTES} bytes: that is no description of a link."
            )
        return yaml.safe_load(data)
    except OSError as error:
        raise UserError(f"The link {path} cannot be read: {error.strerror}. Give another file.") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path} is neither YAML nor JSON ({reason}). Correct it.") from error


def _impairment(content: Any, where: str) -> Impairment:
    names = tuple(field.name for field in fields(Impairment))
    entry, values = _mapping(content, where, names), dict[str, Any]()
    for name, value in entry.items():
        place = f"{where}.{name}"
        if name == "loss":
            values[name] = _loss(value, place)
        elif name in _LISTS:
            values[name] = tuple(
                _step(_LISTS[name], item, f"{place}[{i}]") for i, item in enumerate(_list(value, place))
            )
        else:
            values[name] = _number(name, value, place)
    return _made(lambda: Impairment(**values), where)


def _loss(content: Any, where: str) -> LossPattern:
    entry = _mapping(content, where, ("random", "gilbert", "pattern", "repeat"))
    kinds = [kind for kind in entry if kind != "repeat"]
    if len(kinds) != 1:
        raise UserError(f"{where}: give one of random, gilbert or pattern.")
    kind, value = kinds[0], entry[kinds[0]]
    if kind == "random":
        return _made(lambda: RandomLoss(_number(kind, value, where)), where)
    if kind == "gilbert":
        step: LossPattern = _step(GilbertElliott, value, where)
        return step
    if not isinstance(value, str) or set(value) - set(".x") or len(value) > LIST_MAX:
        raise UserError(f'{where}: a pattern is text of . (arrives) and x (lost), such as "..x.".')
    return PatternLoss(tuple(sign == "x" for sign in value), entry.get("repeat") is True)


def _step(kind: type[_T], content: Any, where: str) -> _T:
    """One dataclass of numbers."""
    entry = _mapping(content, where, tuple(field.name for field in fields(kind)))  # type: ignore[arg-type]
    values = {
        name: None if value is None and name == "kbps" else _number(name, value, f"{where}.{name}")
        for name, value in entry.items()
    }
    return _made(lambda: kind(**values), where)


def _made(make: Callable[[], _T], where: str) -> _T:
    try:
        return make()
    except (ValueError, TypeError) as error:
        raise UserError(f"{where} is not possible: {error}.") from error


def _mapping(content: Any, where: str, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise UserError(f"{where} holds no settings. They are: {', '.join(names)}.")
    unknown = [str(name) for name in content if name not in names]
    if unknown:
        raise UserError(f"{where}: there is no setting {unknown[0]!r}. They are: {', '.join(names)}.")
    return content


def _list(content: Any, where: str) -> list[Any]:
    if not isinstance(content, list) or len(content) > LIST_MAX:
        raise UserError(
            f"{where} is a list of at most {LIST_MAX} steps, such as [{{start_ms: 0, kbps: 60}}]."
        )
    return content


def _number(name: str, value: Any, where: str) -> float:
    whole = name in _WHOLE
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= NUMBER_MAX:
        raise UserError(f"{where} = {value!r} is not possible: give a number from 0 to {NUMBER_MAX:g}.")
    if whole and value != int(value):
        raise UserError(f"{where} = {value!r} is not possible: give a whole number.")
    return int(value) if whole else float(value)
