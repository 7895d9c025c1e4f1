"""A sweep's plots and page: a dot for each clip at each value, a bar at the mean, tables of means and of persons.

Must import the standard library and the pages of demo and network only. Invariant: self-contained, no scripts, no pictures of
anybody; every text is escaped, and what is absent says why.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from experiments.demo.page import STYLE, table
from experiments.network.plots import dot_chart
from experiments.sweeps.measures import SWEEP_MEASURES
from experiments.sweeps.settings import DEFAULTS

PAGE_NAME: Final = "sweep.html"
_DOTS: Final = ".dot{fill:var(--c0);opacity:.55}.mean{stroke:var(--c1);stroke-width:2}.wide{overflow-x:auto;font-size:13px}"
_SVG_STYLE: Final = (
    "svg{background:#fff;font-family:sans-serif}.grid{stroke:#d8dbe0}.tick{fill:#667;font-size:11px}"
    ".dot{fill:#0b6bcb;opacity:.55}.mean{stroke:#c2410c;stroke-width:2}.head{fill:#1c1e21;font-size:12px}"
)

Json = dict[str, Any]


def write_page(out: Path, results: Json) -> None:
    """sweep.html and, for each measure that was taken, MEASURE.svg. OSError when they cannot be written."""
    (out / PAGE_NAME).write_text(render_page(results), encoding="utf-8")
    for name in results["measures"]:
        if name not in results["missing_measures"]:
            (out / f"{name}.svg").write_text(plot(results, name), encoding="utf-8")


def render_page(results: Json) -> str:
    """The whole page."""
    failed = [row for row in results["rows"] if row["error"]]
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>facewire: {escape(results["sweep"])}</title>',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<style>{STYLE}{_DOTS}</style></head><body>",
            f"<h1>{escape(results['sweep'])}</h1><p>{escape(results['asks'])}</p>",
            f'<p class="dim">{escape(_provenance(results))}</p>',
            "<h2>Means over clips</h2>",
            f'<div class="wide">{_means(results, results["means"])}</div>{_absent(results)}',
            *(
                _figure(results, name)
                for name in results["measures"]
                if name not in results["missing_measures"]
            ),
            "<h2>By person</h2>",
            f'<div class="wide">{_persons(results)}</div>',
            *(["<h2>Failed</h2>", _failed(failed)] if failed else []),
            "</body></html>",
            "",
        ]
    )


def plot(results: Json, name: str) -> str:
    """A measure's plot as an SVG file of its own."""
    figure, measure = _figure(results, name), SWEEP_MEASURES[name]
    if "<svg " not in figure:
        return f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="40"><text x="8" y="24">{escape(measure.label)}: ' \
               "not measured</text></svg>\n"  # fmt: skip
    svg = figure[figure.index("<svg ") : figure.index("</svg>")]
    opened = svg.index(">") + 1
    head = (
        f'<text class="head" x="48" y="10">{escape(measure.label)} against {escape(results["axis"])}</text>'
    )
    begin = svg[:opened].replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return f"{begin}<style>{_SVG_STYLE}</style>{head}{svg[opened:]}</svg>\n"


def _figure(results: Json, name: str) -> str:
    measure = SWEEP_MEASURES[name]
    groups = {
        str(value): [
            float(row["measures"][name])
            for row in results["rows"]
            if row["value"] == value and row["measures"].get(name) is not None
        ]
        for value in results["values"]
    }
    return dot_chart(
        f"{measure.title} against {results['axis']}", f"{measure.unit} ({measure.best.value})", groups
    )


def _means(results: Json, rows: Sequence[Json], first: str | None = None) -> str:
    """first: a column before the value, None: none."""
    names = [name for name in results["measures"] if name not in results["missing_measures"]]
    head = [
        *([first] if first else []),
        results["axis"],
        "clips",
        *(SWEEP_MEASURES[name].label for name in names),
    ]
    cells = [
        [
            *([str(row[first])] if first else []), str(row["value"]), str(row["clips"]),
            *(_cell(row["measures"].get(name), name) for name in names),
        ]
        for row in rows
    ]  # fmt: skip
    return table(head, cells)


def _persons(results: Json) -> str:
    """Whom it serves worse: at the first value and at the last."""
    ends = (results["values"][0], results["values"][-1])
    return _means(results, [row for row in results["persons"] if row["value"] in ends], "person")


def _cell(value: float | None, name: str) -> str:
    return "-" if value is None else f"{value:.{SWEEP_MEASURES[name].digits}f}"


def _absent(results: Json) -> str:
    points = [
        f"{results['axis']} = {row['value']}: {row['absent']}." for row in results["means"] if row["absent"]
    ]
    missing = [f"{SWEEP_MEASURES[name].title}: {why}." for name, why in results["missing_measures"].items()]
    return "".join(f'<p class="dim">Not measured: {escape(text)}</p>' for text in (*points, *missing))


def _failed(rows: Sequence[Json]) -> str:
    return table(
        ["clip", "value", "why"], [[row["clip"], str(row["value"]), str(row["error"])] for row in rows]
    )


def _provenance(results: Json) -> str:
    fixed = ", ".join(
        f"{name} {value}"
        for name, value in results["fixed"].items()
        if value is not None and value != DEFAULTS[name]
    )
    seconds = results["settings"]["seconds"]
    length = "whole clips" if seconds is None else f"{seconds:g} s of each clip"
    return (
        f"Commit {results['commit']}, model {results['model']['name']}, {results['machine']}. {length}, seed "
        f"{results['settings']['seed']}. Fixed: {fixed or 'the default call'}. Computing takes no time here: coded as a sender "
        "codes, sent in virtual time through the shipped encoder, decoder and playout, rebuilt by the shipped network. "
        "Pictures of the first second are not measured: how a call begins is in first_picture_ms."
    )
