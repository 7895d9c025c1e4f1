"""The tables of the report's page, as they stand without JavaScript: measures, BD-rates, wins, persons, clips, provenance.

    Content, Tables --> sections of HTML, each under its heading

Must import the standard library and this package only. Invariant: every number has the count of clips that it rests on, and what
is missing has its reason; rows that the filter hides carry data-clip or data-person with the place in the data of the script.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from experiments.rates.content import Content
from experiments.rates.directions import MEASURES, Kind, Measure
from experiments.rates.markup import data_table, html, kbps, number
from experiments.rates.statistics import CLIPS_MIN, CONFIDENCE, BdRate
from experiments.rates.tables import BestArm, CurvePoint, Tables, Win, anchors_of

LOWEST: Final = "\u25be"
"""Stands at the least good of the persons."""


def persons_of(content: Content) -> list[str]:
    """Names of persons, sorted; a place in this list is what the filter knows them by."""
    return sorted({clip.person for clip in content.clips if clip.person is not None})


def pictures_of(content: Content) -> list[str]:
    """Measures of pictures that were taken: those that rate buys, because every arm carries the same voice."""
    return [name for name in content.measured if MEASURES[name].kind is Kind.PICTURE]


def point_text(point: CurvePoint | None, measure: Measure) -> str:
    """Mean, clips behind it, and how many of them took another rate; the script's cellText says the same."""
    if point is None or measure.name not in point.measures:
        return "-"
    off = point.clips - point.reached
    count = f"{point.measured[measure.name]}, {off} off" if off else str(point.measured[measure.name])
    return f"{point.measures[measure.name]:.{measure.digits}f} ({count})"


def measure_sections(content: Content, tables: Tables) -> Iterable[str]:
    """A section per measure: what it says, room for its plot, and its table of arms and rates."""
    points = {(point.arm, point.target_kbps): point for point in tables.curves}
    for place, measure in enumerate(MEASURES[name] for name in content.measured):
        rows = [
            [arm, *(point_text(points.get((arm, target)), measure) for target in content.targets_kbps)]
            for arm in content.ran
        ]
        caption = f"{measure.label}, {measure.best.value}: mean (clips)"
        yield (
            f'<section data-measure="{place}"><h3>{html(measure.label)} '
            f'<span class="unit">{html(measure.best.value)}</span></h3><p class="dim">{html(measure.says)}.</p>'
            f'<div class="plot"></div>{data_table(caption, _rates_head("arm", content), rows)}</section>'
        )


def best_table(content: Content, tables: Tables) -> str:
    """Which arm beats every other, by measure and rate."""
    found = {(best.measure, best.target_kbps): best for best in tables.best}
    rows = [
        [MEASURES[name].label, *(_best_text(found[name, target]) for target in content.targets_kbps)]
        for name in pictures_of(content)
    ]
    caption = "The arm that wins more than half of the clips against each other arm (its lowest share)"
    return data_table(caption, _rates_head("measure", content), rows)


def bd_tables(content: Content, tables: Tables) -> Iterable[str]:
    """A table per anchor: how much more rate an arm takes at equal quality."""
    names = [name for name in content.measured if MEASURES[name].bd]
    found = {(row.anchor, row.arm, row.measure): row.rate for row in tables.bd_rate}
    for anchor in anchors_of(content):
        arms = [arm for arm in content.ran if arm != anchor]
        rows = [
            [MEASURES[name].title, *(bd_text(found[anchor, arm, name]) for arm in arms)] for name in names
        ]
        if rows and arms:
            caption = f"Rate of each arm against {anchor} at equal quality (BD-rate)"
            yield data_table(caption, ["measure", *arms], rows, words=True)


def bd_text(rate: BdRate) -> str:
    """Mean, interval, clips, and on how many clips the curves have no quality in common."""
    apart = "".join(
        f"; {count} wholly {word}" for count, word in ((rate.above, "better"), (rate.below, "worse")) if count
    )
    if rate.percent is None:
        return f"no common quality{apart}"
    interval = "" if rate.low is None or rate.high is None else f" [{rate.low:+.1f}, {rate.high:+.1f}]"
    return f"{rate.percent:+.1f} %{interval} ({rate.clips}{apart})"


def win_sections(content: Content, tables: Tables) -> Iterable[str]:
    """A table per pair of arms; those of the first arm against an anchor are open."""
    pairs: dict[tuple[str, str], dict[tuple[str, float], Win]] = {}
    for win in tables.wins:
        pairs.setdefault((win.arm, win.other), {})[win.measure, win.target_kbps] = win
    for (arm, other), wins in pairs.items():
        rows = [
            [MEASURES[name].label, *(_win_text(wins.get((name, rate))) for rate in content.targets_kbps)]
            for name in content.measured
        ]
        title = f"{arm} against {other}"
        table = data_table(f"Clips on which {arm} beats {other}", _rates_head("measure", content), rows)
        yield _details(title, table, opened=arm == content.ran[0] and other in anchors_of(content))


def person_sections(content: Content, tables: Tables) -> Iterable[str]:
    """A table per arm: persons and rates; the first arm's is open."""
    persons = persons_of(content)
    measures = [MEASURES[name] for name in pictures_of(content)]
    places = {person: str(place) for place, person in enumerate(persons)}
    for arm in content.ran if persons else ():
        points = [point for point in (*tables.curves, *tables.persons) if point.arm == arm]
        points.sort(key=lambda point: (point.target_kbps, point.person is not None, point.person or ""))
        lowest = _lowest(points, measures)
        rows = [
            [
                point.person or "everybody",
                kbps(point.target_kbps),
                f"{point.kbps:.1f}",
                f"{point.reached} of {point.clips}",
                *(_person_text(point, measure, lowest) for measure in measures),
            ]
            for point in points
        ]
        marks = [{"data-person": places[point.person]} if point.person else {} for point in points]
        head = ["person", "asked, kbit/s", "taken", "reached", *(measure.label for measure in measures)]
        caption = f"{arm}, person by person; {LOWEST} is the least good of {len(persons)}"
        yield _details(
            arm, data_table(caption, head, rows, row_attributes=marks), opened=arm == content.ran[0]
        )


def clip_tables(content: Content) -> Iterable[str]:
    """Every clip with what was said of it, and every cell that failed with its reason."""
    rows = [
        [
            clip.name,
            clip.person or "-",
            number(clip.seconds, 1),
            "yes" if clip.speech else "no",
            "; ".join([*([f"LEFT OUT: {clip.error}"] if clip.error else []), *clip.warnings]) or "-",
        ]
        for clip in content.clips
    ]
    marks = [{"data-clip": str(place)} for place in range(len(content.clips))]
    head = ["clip", "person", "seconds", "speech", "remarks"]
    yield data_table("Clips", head, rows, row_attributes=marks, words=True)
    places = {clip.name: str(place) for place, clip in enumerate(content.clips)}
    failed = [cell for cell in content.cells if cell.error is not None]
    if failed:
        lines = [
            [cell.clip, cell.arm, kbps(cell.target_kbps), cell.error or "no reason given"] for cell in failed
        ]
        where = [{"data-clip": places[cell.clip]} for cell in failed]
        yield data_table(
            "Cells that failed", ["clip", "arm", "kbit/s", "why"], lines, row_attributes=where, words=True
        )
    else:
        yield "<p>No cell failed.</p>"


def arm_table(content: Content) -> str:
    """Every arm: what it is, how many of its cells count, and why it is absent."""
    rows = []
    for arm in content.arms:
        cells = [cell for cell in content.cells if cell.arm == arm.name]
        good = [cell for cell in cells if cell.error is None]
        rows.append(
            [
                arm.name,
                arm.about or "-",
                str(len(good)),
                str(sum(not cell.reached for cell in good)),
                str(len(cells) - len(good)),
                arm.absent or "-",
            ]
        )
    head = ["arm", "what it is", "cells", "of these off the rate", "failed", "absent because"]
    return data_table("Arms", head, rows, words=True)


def missing_table(content: Content) -> str:
    """Measures that were not taken."""
    if not content.missing_measures:
        return "<p>No measure is missing.</p>"
    rows = [[name, why] for name, why in content.missing_measures.items()]
    return data_table("Measures that were not taken", ["measure", "why"], rows, words=True)


def provenance_table(content: Content) -> str:
    """Where the numbers come from."""
    rows = [
        ["machine", content.machine],
        ["commit", content.commit],
        ["network", content.model],
        ["SHA-256 of the network", content.model_sha256],
        ["measured in", f"{content.seconds_taken / 60:.1f} minutes"],
        *(
            [f"setting: {key}", json.dumps(value, ensure_ascii=False)]
            for key, value in content.settings.items()
        ),
    ]
    return data_table("Where these numbers come from", ["what", "value"], rows, words=True)


def bd_note() -> str:
    """How a BD-rate is to be read."""
    return (
        "Mean over clips of the rate an arm takes more (+) or less (-) than the anchor at equal quality: area between "
        "monotone cubics through ln(rate), over the quality that both have. In brackets the "
        f"{100 * CONFIDENCE:.0f} % bootstrap interval over clips, from {CLIPS_MIN} clips on (clips of one person count as "
        "independent), in round ones the clips. A clip without a common range of quality has no BD-rate: where one arm's "
        "worst is no worse than the other's best, it is counted as wholly better or worse, and the mean does not know of it. "
        "Rates are those really taken, whether or not they were the ones asked for. Ratios that are best at 1, voice and "
        "time have none."
    )


def _best_text(best: BestArm) -> str:
    if best.arm is not None and best.share is not None:
        return f"{best.arm} ({100 * best.share:.0f} %)"
    if len(best.took_part) == 1:
        return f"only {best.took_part[0]}"
    return f"none of {len(best.took_part)}" if best.took_part else "-"


def _win_text(win: Win | None) -> str:
    return "-" if win is None or win.share is None else f"{win.share * win.clips:g} of {win.clips}"


def _lowest(points: Sequence[CurvePoint], measures: Sequence[Measure]) -> Mapping[tuple[float, str], str]:
    """The person who is served least well, by rate and measure, when not all are served alike."""
    found: dict[tuple[float, str], list[tuple[float, str]]] = {}
    for point in points:
        for measure in measures:
            good = measure.goodness(point.measures[measure.name]) if measure.name in point.measures else None
            if point.person is not None and good is not None:
                found.setdefault((point.target_kbps, measure.name), []).append((good, point.person))
    return {key: min(values)[1] for key, values in found.items() if len({good for good, _ in values}) > 1}


def _person_text(point: CurvePoint, measure: Measure, lowest: Mapping[tuple[float, str], str]) -> str:
    value = number(point.measures.get(measure.name), measure.digits)
    is_lowest = point.person is not None and lowest.get((point.target_kbps, measure.name)) == point.person
    return f"{value} {LOWEST}" if is_lowest else value


def _rates_head(first: str, content: Content) -> list[str]:
    return [first, *(f"{kbps(target)} kbit/s" for target in content.targets_kbps)]


def _details(title: str, inside: str, *, opened: bool) -> str:
    return f"<details{' open' if opened else ''}><summary>{html(title)}</summary>{inside}</details>"
