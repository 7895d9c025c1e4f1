"""cells.csv, curves.csv and bd_rate.csv: the numbers of a rate experiment for other people's programs.

Must import the standard library and this package only. Invariant: UTF-8, a header line, one row per cell (point, comparison),
numbers in full and never localised; what was not measured is empty, never 0; no text starts a formula.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from experiments.rates.content import Cell, Content
from experiments.rates.directions import MEASURES
from experiments.rates.markup import cell_text
from experiments.rates.tables import BdRow, CurvePoint, Tables

Value = str | float | int | bool | None
NAMES: Final = ("cells.csv", "curves.csv", "bd_rate.csv")


def write_csv(content: Content, tables: Tables, folder: Path) -> None:
    """Writes the three files. OSError when that is not possible."""
    for name, text in zip(NAMES, (cells_csv(content), curves_csv(tables), bd_rate_csv(tables)), strict=True):
        (folder / name).write_text(text, encoding="utf-8", newline="")


def cells_csv(content: Content) -> str:
    """Every cell with its rate, parts of the payload, how it was coded and measures."""
    parts = sorted({part for cell in content.cells for part in cell.payload_kbps})
    how = sorted({key for cell in content.cells for key in cell.how})
    persons = {clip.name: clip.person for clip in content.clips}
    head = ["clip", "person", "arm", "target_kbps", "kbps", "reached", "error"]
    head += [f"payload_{part}_kbps" for part in parts] + [f"how_{key}" for key in how] + list(MEASURES)

    def row(cell: Cell) -> Iterable[Value]:
        yield from (cell.clip, persons[cell.clip], cell.arm, cell.target_kbps)
        yield cell.kbps if cell.error is None else None
        yield from (cell.reached, cell.error)
        yield from (cell.payload_kbps.get(part) for part in parts)
        yield from (_plain(cell.how.get(key)) for key in how)
        yield from (cell.measures.get(name) for name in MEASURES)

    return _text(head, map(row, content.cells))


def curves_csv(tables: Tables) -> str:
    """Mean points: all clips first (person is empty), then person by person."""
    head = ["person", "arm", "target_kbps", "kbps", "clips", "reached", *MEASURES]

    def row(point: CurvePoint) -> Iterable[Value]:
        yield from (point.person, point.arm, point.target_kbps, point.kbps, point.clips, point.reached)
        yield from (point.measures.get(name) for name in MEASURES)

    return _text(head, map(row, (*tables.curves, *tables.persons)))


def bd_rate_csv(tables: Tables) -> str:
    """BD-rates in per cent with their intervals and counts of clips."""
    head = ["arm", "anchor", "measure", "percent", "low", "high", "clips", "left_out", "above", "below"]

    def row(found: BdRow) -> Iterable[Value]:
        rate = found.rate
        yield from (found.arm, found.anchor, found.measure, rate.percent, rate.low, rate.high)
        yield from (rate.clips, rate.left_out, rate.above, rate.below)

    return _text(head, map(row, tables.bd_rate))


def _text(head: Sequence[str], rows: Iterable[Iterable[Value]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([cell_text(name) for name in head])
    writer.writerows([_shown(value) for value in row] for row in rows)
    return out.getvalue()


def _shown(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return cell_text(value)
    return str(int(value)) if isinstance(value, bool) else repr(value)


def _plain(value: object) -> Value:
    """A value of `how`, which may be anything that JSON holds."""
    return value if value is None or isinstance(value, str | float | int | bool) else str(value)
