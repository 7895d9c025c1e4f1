"""The tables of a rate experiment, from its cells: mean curves, BD-rates, wins, the arm that beats every other, persons.

    Content.cells --tables_of--> Tables --as_json--> results.json["tables"]

Must import this package only. Invariant: comparisons are made clip by clip, never between means over different clips; what is
compared at equal rate reached that rate (BD-rate compares at equal quality, by the rate that was really taken, so it uses every
measured cell); the same cells give the same numbers in the same order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from experiments.rates.content import Cell, Content
from experiments.rates.directions import MEASURES, Measure
from experiments.rates.statistics import BdRate, Curve, bd_rate_over_clips, win_rate

USUAL_ANCHOR: Final = "av1"
DECIMALS: Final = 6
COMPETES: Final = 0.5
"""An arm takes part in the question who beats whom at a rate when it reached that rate on at least this share of the clips."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Means of one arm at one rate over its clips without an error. reached: how many of them took the rate that was asked for.

    person: None for all clips. measured: of how many clips each mean is.
    """

    person: str | None
    arm: str
    target_kbps: float
    clips: int
    kbps: float
    reached: int
    measures: Mapping[str, float]
    measured: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class BdRow:
    """The BD-rate of an arm against an anchor by one measure."""

    arm: str
    anchor: str
    measure: str
    rate: BdRate


@dataclass(frozen=True, slots=True)
class Win:
    """share: of the clips on which both arms reached the rate, those that arm wins (a draw is half); None of no clip.

    left_out: clips of the experiment that could not be compared.
    """

    arm: str
    other: str
    target_kbps: float
    measure: str
    share: float | None
    clips: int
    left_out: int


@dataclass(frozen=True, slots=True)
class BestArm:
    """arm: the one that wins more than half of the clips against each other arm that took part, None when there is no such arm.

    share: its lowest win rate. took_part: arms that reached the rate on COMPETES of the clips.
    """

    measure: str
    target_kbps: float
    arm: str | None
    share: float | None
    took_part: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables. clips: those that could be measured. failed, not_reached: cells."""

    clips: int
    failed: int
    not_reached: int
    curves: tuple[CurvePoint, ...]
    bd_rate: tuple[BdRow, ...]
    wins: tuple[Win, ...]
    best: tuple[BestArm, ...]
    persons: tuple[CurvePoint, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values, numbers rounded to DECIMALS."""
        return {
            "clips": self.clips,
            "failed": self.failed,
            "not_reached": self.not_reached,
            "curves": [_point_json(point) for point in self.curves],
            "bd_rate": [
                {"arm": row.arm, "anchor": row.anchor, "measure": row.measure, **_plain(asdict(row.rate))}
                for row in self.bd_rate
            ],
            "wins": [_plain(asdict(win)) for win in self.wins],
            "best": [_plain(asdict(best)) for best in self.best],
            "persons": [{"person": point.person, **_point_json(point)} for point in self.persons],
        }


def tables_of(content: Content) -> Tables:
    """Everything that the cells together say."""
    grid = _Grid(content)
    wins = tuple(_wins(content, grid))
    return Tables(
        clips=len(grid.clips),
        failed=sum(cell.error is not None for cell in content.cells),
        not_reached=sum(cell.error is None and not cell.reached for cell in content.cells),
        curves=tuple(_curves(content, None)),
        bd_rate=tuple(_bd_rates(content, grid)),
        wins=wins,
        best=tuple(_best_arms(content, grid, wins)),
        persons=tuple(_persons(content)),
    )


def anchors_of(content: Content) -> tuple[str, ...]:
    """Those that were asked for and ran; else AV1, else the last arm that ran (the first is the one in question)."""
    ran = content.ran
    asked = tuple(name for name in content.anchors if name in ran)
    return asked or ((USUAL_ANCHOR,) if USUAL_ANCHOR in ran else ran[-1:])


class _Grid:
    """Cells without an error by (clip, arm, rate)."""

    def __init__(self, content: Content) -> None:
        self.clips = [clip.name for clip in content.clips if clip.error is None]
        self._cells = {(c.clip, c.arm, c.target_kbps): c for c in content.cells if c.error is None}
        self._targets = content.targets_kbps

    def curve(self, clip: str, arm: str, measure: Measure) -> Curve:
        """All that is known of an arm on a clip, reached or not: a point is where it is."""
        found = [self._cells.get((clip, arm, target)) for target in self._targets]
        points = [(cell.kbps, good) for cell in found if cell and (good := _good(cell, measure)) is not None]
        return Curve(tuple(kbps for kbps, _ in points), tuple(good for _, good in points))

    def reached(self, arm: str, target_kbps: float, measure: Measure) -> dict[str, float]:
        """Goodness by clip, of the cells that took the rate that was asked for."""
        found = {clip: self._cells.get((clip, arm, target_kbps)) for clip in self.clips}
        return {
            clip: good
            for clip, cell in found.items()
            if cell and cell.reached and (good := _good(cell, measure)) is not None
        }


def _good(cell: Cell, measure: Measure) -> float | None:
    value = cell.measures.get(measure.name)
    return None if value is None else measure.goodness(value)


def _curves(content: Content, person: str | None) -> Iterable[CurvePoint]:
    persons = {clip.name: clip.person for clip in content.clips}
    cells = [c for c in content.cells if c.error is None and (person is None or persons[c.clip] == person)]
    for arm in content.ran:
        for target in content.targets_kbps:
            here = [cell for cell in cells if (cell.arm, cell.target_kbps) == (arm, target)]
            if here:
                yield _point(person, here)


def _point(person: str | None, cells: Sequence[Cell]) -> CurvePoint:
    means, counts = {}, {}
    for name, measure in MEASURES.items():
        values = [cell.measures[name] for cell in cells if name in cell.measures]
        mean = measure.mean(values)
        if mean is not None:
            means[name], counts[name] = mean, len(values)
    return CurvePoint(
        person=person,
        arm=cells[0].arm,
        target_kbps=cells[0].target_kbps,
        clips=len(cells),
        kbps=sum(cell.kbps for cell in cells) / len(cells),
        reached=sum(cell.reached for cell in cells),
        measures=means,
        measured=counts,
    )


def _persons(content: Content) -> Iterable[CurvePoint]:
    for person in sorted({clip.person for clip in content.clips if clip.person is not None}):
        yield from _curves(content, person)


def _bd_rates(content: Content, grid: _Grid) -> Iterable[BdRow]:
    for anchor in anchors_of(content):
        for arm in (name for name in content.ran if name != anchor):
            for measure in (MEASURES[name] for name in content.measured if MEASURES[name].bd):
                pairs = [(grid.curve(c, anchor, measure), grid.curve(c, arm, measure)) for c in grid.clips]
                yield BdRow(arm, anchor, measure.name, bd_rate_over_clips(pairs))


def _wins(content: Content, grid: _Grid) -> Iterable[Win]:
    """Each pair of arms once, in the order in which the arms stand."""
    arms = content.ran
    for measure in (MEASURES[name] for name in content.measured):
        for target in content.targets_kbps:
            good = {arm: grid.reached(arm, target, measure) for arm in arms}
            for i, arm in enumerate(arms):
                for other in arms[i + 1 :]:
                    yield _win(arm, other, target, measure, good, len(grid.clips))


def _win(
    arm: str,
    other: str,
    target_kbps: float,
    measure: Measure,
    good: Mapping[str, Mapping[str, float]],
    clips: int,
) -> Win:
    both = [clip for clip in good[arm] if clip in good[other]]
    share = win_rate([good[arm][c] for c in both], [good[other][c] for c in both], higher_is_better=True)
    return Win(arm, other, target_kbps, measure.name, share, len(both), clips - len(both))


def _best_arms(content: Content, grid: _Grid, wins: Sequence[Win]) -> Iterable[BestArm]:
    shares = {(w.measure, w.target_kbps, w.arm, w.other): w.share for w in wins}
    for measure in (MEASURES[name] for name in content.measured):
        for target in content.targets_kbps:
            arms = tuple(
                arm
                for arm in content.ran
                if len(grid.reached(arm, target, measure)) >= max(1.0, COMPETES * len(grid.clips))
            )
            found = [(arm, _lowest(arm, arms, measure.name, target, shares)) for arm in arms]
            best = [(arm, share) for arm, share in found if share is not None and share > 0.5]
            arm, share = best[0] if best else (None, None)
            yield BestArm(measure.name, target, arm, share, arms)


def _lowest(
    arm: str,
    arms: Sequence[str],
    measure: str,
    target_kbps: float,
    shares: Mapping[tuple[str, float, str, str], float | None],
) -> float | None:
    """The lowest of its win rates; None when it is alone, or shares no clip with one of the others."""
    found: list[float] = []
    for other in (name for name in arms if name != arm):
        share = shares.get((measure, target_kbps, arm, other))
        turned = shares.get((measure, target_kbps, other, arm))
        if share is None and turned is None:
            return None
        found.append(share if share is not None else 1 - (turned or 0.0))
    return min(found, default=None)


def _point_json(point: CurvePoint) -> dict[str, Any]:
    return _plain(
        {
            "arm": point.arm,
            "target_kbps": point.target_kbps,
            "clips": point.clips,
            "wire_kbps": point.kbps,
            "reached": point.reached,
            "measures": dict(point.measures),
            "measured": dict(point.measured),
        }
    )


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _rounded(value) for name, value in values.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return _plain(value)
    return round(value, DECIMALS) if isinstance(value, float) else value
