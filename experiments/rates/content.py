"""results.json as the report reads it: checked once, here, then plain frozen values.

    OUT/results.json --load--> (raw JSON, Content)

Must import the standard library, `shared.errors` and this package only. Invariant: every cell names a clip and an arm that are
listed, none stands twice, and one without an error has a rate above 0; what a newer program added is ignored, never lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from experiments.rates.directions import MEASURES
from experiments.rates.json_entry import Entry, Unfit, load_json
from shared.errors import UserError

FILE_NAME: Final = "results.json"
WIRE: Final = "wire"
PAYLOAD: Final = "payload"
NOT_PICTURES: Final = frozenset({"voice", "audio", "control"})
"""Parts of the payload that the counting of codec tables leaves out."""


@dataclass(frozen=True, slots=True)
class Arm:
    """absent: why it could not run, else empty."""

    name: str
    about: str
    absent: str


@dataclass(frozen=True, slots=True)
class Clip:
    """error: why it was left out. path: of the film, for local players. may_show: its pictures may be on the page."""

    name: str
    person: str | None
    seconds: float
    speech: bool
    error: str | None
    warnings: tuple[str, ...]
    path: str | None
    may_show: bool
    strip: str | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One arm on one clip at one rate. kbps: as counted, 0 with an error. reached: it is the rate that was asked for.

    measures: those of `directions.MEASURES` that were taken. film, strip: files of the rebuilt pictures, if any are kept.
    """

    clip: str
    arm: str
    target_kbps: float
    reached: bool
    kbps: float
    payload_kbps: Mapping[str, float]
    how: Mapping[str, Any]
    measures: Mapping[str, float]
    error: str | None
    film: str | None
    strip: str | None


@dataclass(frozen=True, slots=True)
class Content:
    """A whole results.json. counting: WIRE or PAYLOAD. anchors: arms that BD-rates are against.

    other_measures: names in cells that `directions` does not know.
    """

    machine: str
    commit: str
    model: str
    model_sha256: str
    seconds_taken: float
    settings: Mapping[str, Any]
    counting: str
    anchors: tuple[str, ...]
    arms: tuple[Arm, ...]
    clips: tuple[Clip, ...]
    cells: tuple[Cell, ...]
    missing_measures: Mapping[str, str]
    other_measures: tuple[str, ...]

    @property
    def measured(self) -> tuple[str, ...]:
        """Measures that at least one cell has, in the order of MEASURES."""
        found = {name for cell in self.cells for name in cell.measures}
        return tuple(name for name in MEASURES if name in found)

    @property
    def targets_kbps(self) -> tuple[float, ...]:
        """Rates asked for, rising."""
        return tuple(sorted({cell.target_kbps for cell in self.cells}))

    @property
    def ran(self) -> tuple[str, ...]:
        """Arms with at least one cell that was measured, in the order of the file."""
        found = {cell.arm for cell in self.cells if cell.error is None}
        return tuple(arm.name for arm in self.arms if arm.name in found)


def load(folder: Path) -> tuple[dict[str, Any], Content]:
    """The raw JSON and what it says. UserError when it is absent, damaged or another program's."""
    path = folder / FILE_NAME
    try:
        raw = load_json(path)
        return raw, content_of(raw)
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}. Make it with `python -m experiments run --clips DIR --out {folder}`."
        ) from error
    except Unfit as error:
        raise UserError(
            f"{path} is not a result of `python -m experiments run`: {error}. Run that again with --out {folder}; cells that "
            "are whole are not measured again."
        ) from error


def content_of(raw: object) -> Content:
    """Checks everything that the report uses. Raises Unfit."""
    file = Entry(raw)
    arms, clips = tuple(map(_arm, file.entries("arms"))), tuple(map(_clip, file.entries("clips")))
    _only_once("arms", [arm.name for arm in arms])
    _only_once("clips", [clip.name for clip in clips])
    settings = file.entry("settings")
    counting = settings.text("counting", WIRE)
    if counting not in (WIRE, PAYLOAD):
        raise settings.unfit("counting", f"is {counting!r}, not {WIRE} or {PAYLOAD}")
    names = {arm.name for arm in arms}, {clip.name for clip in clips}
    found = [_cell(entry, counting, *names) for entry in file.entries("cells")]
    cells = tuple(cell for cell, _ in found)
    _only_once("cells", [f"{cell.clip}, {cell.arm}, {cell.target_kbps:g} kbit/s" for cell in cells])
    anchors = settings.texts("anchors")
    if unknown := [name for name in anchors if name not in names[0]]:
        raise settings.unfit("anchors", f"names {unknown[0]!r}, which is no arm")
    model = file.entry("model")
    return Content(
        machine=file.text("machine"),
        commit=file.text("commit"),
        model=model.text("name", "not known"),
        model_sha256=model.text("sha256", "not known"),
        seconds_taken=file.number("seconds_taken", 0.0),
        settings=file.anything("settings"),
        counting=counting,
        anchors=anchors,
        arms=arms,
        clips=clips,
        cells=cells,
        missing_measures=file.text_by_key("missing_measures"),
        other_measures=tuple(sorted({name for _, others in found for name in others})),
    )


def _arm(entry: Entry) -> Arm:
    return Arm(entry.text("arm"), entry.text("about", ""), entry.text("absent", ""))


def _clip(entry: Entry) -> Clip:
    return Clip(
        name=entry.text("clip"),
        person=entry.text_or_none("person"),
        seconds=entry.number("seconds", 0.0),
        speech=entry.flag("speech", False),
        error=entry.text_or_none("error"),
        warnings=entry.texts("warnings"),
        path=entry.text_or_none("path"),
        may_show=entry.flag("may_show", False),
        strip=entry.text_or_none("strip"),
    )


def _cell(entry: Entry, counting: str, arms: set[str], clips: set[str]) -> tuple[Cell, set[str]]:
    """The cell, and measures of it that are not known here."""
    clip, arm, error = entry.text("clip"), entry.text("arm"), entry.text_or_none("error")
    if clip not in clips:
        raise entry.unfit("clip", f"is {clip!r}, which is not in clips")
    if arm not in arms:
        raise entry.unfit("arm", f"is {arm!r}, which is not in arms")
    payload, measures = entry.numbers("payload_kbps"), entry.numbers("measures")
    kbps = 0.0 if error is not None else _rate(entry, payload, counting)
    cell = Cell(
        clip=clip,
        arm=arm,
        target_kbps=entry.number("target_kbps"),
        reached=error is None and entry.flag("reached"),
        kbps=kbps,
        payload_kbps=payload,
        how=entry.anything("how"),
        measures={name: value for name, value in measures.items() if name in MEASURES}
        if error is None
        else {},
        error=error,
        film=entry.text_or_none("film"),
        strip=entry.text_or_none("strip"),
    )
    return cell, set(measures) - set(MEASURES)


def _rate(entry: Entry, payload: Mapping[str, float], counting: str) -> float:
    if counting == WIRE:
        kbps = entry.entry("wire").number("kbps")
        key = "wire.kbps"
    else:
        kbps = sum(rate for part, rate in payload.items() if part not in NOT_PICTURES)
        key = "payload_kbps"
    if kbps <= 0:
        raise entry.unfit(key, "is 0, and a call without a rate cannot be")
    return kbps


def _only_once(place: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Unfit(f"{place} holds {name!r} twice")
        seen.add(name)
