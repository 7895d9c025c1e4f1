"""PNG and SVG plots for papers: one measure each, mean over clips against the rate that was really taken.

    Tables.curves --one Figure per measure--> OUT/plots/vgg.png, vgg.svg, ...

Needs matplotlib (the extra `plots`), and imports it only when a plot is made. Must not import pyplot, whose state is global.
Invariant: same numbers, same bytes of SVG for one version of matplotlib; arms look as they do on the page; a hollow mark is a
mean with cells that did not take the rate that was asked for.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from experiments.rates.content import WIRE, Content
from experiments.rates.directions import MEASURES, Best, Measure
from experiments.rates.looks import LIGHT, look_of
from experiments.rates.markup import clean, kbps
from experiments.rates.tables import CurvePoint, Tables
from shared.errors import UserError

FOLDER: Final = "plots"
SIZE_IN: Final = (5.5, 3.4)
"""A column and a half of a paper: text of 9 points stays readable when it is set in one."""
PNG_DPI: Final = 200
_MARKERS: Final = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D", "down": "v"}
_DASHES: Final = {"": "-", "6 3": "--", "2 3": ":"}
_SETTINGS: Final = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "facewire",
    "svg.fonttype": "none",
    "text.parse_math": False,
}


def write_plots(
    content: Content, tables: Tables, folder: Path, names: Sequence[str] | None = None
) -> list[Path]:
    """Writes FOLDER below the folder; returns the files. names: of the measures, None: all that were taken.

    UserError without matplotlib, OSError when it cannot be written.
    """
    matplotlib = _matplotlib()
    out = folder / FOLDER
    out.mkdir(exist_ok=True)
    written = []
    with matplotlib.rc_context(_SETTINGS):
        for measure in (MEASURES[name] for name in names or content.measured):
            figure = _figure(content, tables, measure)
            for path in (out / f"{measure.name}.png", out / f"{measure.name}.svg"):
                when = {"Date": None} if path.suffix == ".svg" else None
                figure.savefig(path, dpi=PNG_DPI, metadata=when)
                written.append(path)
    return written


def _matplotlib() -> Any:
    try:
        return importlib.import_module("matplotlib")
    except ImportError as error:
        raise UserError(
            "Plots for papers need matplotlib, which is not installed: pip install 'facewire[plots]'. The page has its own "
            "plots and needs nothing."
        ) from error


def _figure(content: Content, tables: Tables, measure: Measure) -> Any:
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=SIZE_IN, layout="constrained")
    axes = figure.add_subplot()
    places = {arm.name: place for place, arm in enumerate(content.arms)}
    known = [point for point in tables.curves if measure.name in point.measures]
    for arm in content.ran:
        points = sorted((point for point in known if point.arm == arm), key=lambda point: point.kbps)
        if points:
            _draw(axes, points, measure, places[arm])
    _axes(axes, content, known, measure)
    return figure


def _draw(axes: Any, points: Sequence[CurvePoint], measure: Measure, place: int) -> None:
    look = look_of(place)
    colour, marker = LIGHT[look.colour], _MARKERS[look.marker]
    rates = [point.kbps for point in points]
    values = [point.measures[measure.name] for point in points]
    # A name that begins with an underscore would be left out of the legend.
    name = clean(points[0].arm)
    label = f" {name}" if name.startswith("_") else name
    line = {"color": colour, "linestyle": _DASHES[look.dash], "linewidth": 1.3}
    axes.plot(rates, values, marker=marker, markersize=5, label=label, **line)
    off = [i for i, point in enumerate(points) if point.reached < point.clips]
    axes.plot(
        [rates[i] for i in off],
        [values[i] for i in off],
        linestyle="none",
        marker=marker,
        markersize=5,
        markeredgecolor=colour,
        markerfacecolor="white",
        zorder=3,
    )


def _axes(axes: Any, content: Content, known: Sequence[CurvePoint], measure: Measure) -> None:
    ticks = [target for target in content.targets_kbps if target > 0]
    axes.set_xscale("log")
    axes.set_xticks(ticks, [kbps(tick) for tick in ticks])
    axes.minorticks_off()
    counted = "everything on the wire, both ways" if content.counting == WIRE else "payload of the pictures"
    axes.set_xlabel(f"kbit/s, {counted}")
    axes.set_ylabel(f"{measure.label} ({measure.best.value})")
    axes.grid(color="0.88", linewidth=0.6)
    if measure.best is Best.ONE:
        axes.axhline(1.0, color="0.5", linestyle=(0, (4, 4)), linewidth=0.8)
    axes.legend(frameon=False, fontsize=8)
    most, fewest = max(p.clips for p in known), min(p.measured[measure.name] for p in known)
    clips = f"{most} clips" if most == fewest else f"{fewest} to {most} clips"
    hollow = "; hollow: not every clip took the rate" if any(p.reached < p.clips for p in known) else ""
    axes.set_title(f"mean of {clips}{hollow}", fontsize=8, loc="left", color="0.35")
