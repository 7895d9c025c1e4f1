"""Small line charts as inline SVG, coloured by the page's own style sheet.

Must import the standard library only. Invariant: what comes out is self-contained SVG without scripts, and
every text in it is escaped.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH, HEIGHT = 720, 200
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 12, 28
TICKS: Final = 4
NICE_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its name, the class that colours it (c0, c1, ...) and points (seconds, value); NaN breaks
    the line."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]


def line_chart(title: str, unit: str, lines: Sequence[Line]) -> str:
    """A figure with a legend; says so when there is nothing to draw."""
    known = [(x, y) for line in lines for x, y in line.points if math.isfinite(y)]
    if not known:
        return f"<figure><figcaption>{escape(title)}</figcaption><p>not measured</p></figure>"
    end_s = max(x for x, _ in known) or 1.0
    step = nice_step(max(y for _, y in known) / TICKS)
    top = step * max(1, math.ceil(max(y for _, y in known) / step))
    parts = [_grid(step, top, end_s), *(_path(line, end_s, top) for line in lines)]
    legend = " ".join(f'<span class="{line.colour}">{escape(line.name)}</span>' for line in lines)
    return (
        f'<figure><figcaption>{escape(title)} <span class="unit">{escape(unit)}</span> {legend}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg></figure>'
    )


def nice_step(rough: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    if rough <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(nice * power for nice in NICE_STEPS if nice * power >= rough * 0.999)


def _x(seconds: float, end_s: float) -> float:
    return LEFT + seconds / end_s * (WIDTH - LEFT - RIGHT)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - max(value, 0.0) / top * (HEIGHT - TOP - BOTTOM)


def _grid(step: float, top: float, end_s: float) -> str:
    parts = []
    for i in range(round(top / step) + 1):
        y = _y(i * step, top)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{i * step:g}</text>'
        )
    seconds_step = max(1.0, nice_step(end_s / 10))
    for i in range(int(end_s / seconds_step) + 1):
        x = _x(i * seconds_step, end_s)
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{i * seconds_step:g} s</text>'
        )
    return "".join(parts)


def _path(line: Line, end_s: float, top: float) -> str:
    commands, pen_down = [], False
    for seconds, value in line.points:
        if math.isfinite(value):
            commands.append(f"{'L' if pen_down else 'M'}{_x(seconds, end_s):.1f} {_y(value, top):.1f}")
        pen_down = math.isfinite(value)
    return f'<path class="{line.colour}" d="{" ".join(commands)}"/>'
