"""Two charts beside the demo's line charts: dots by category, and one call over time.

Must import the standard library and `experiments.demo.charts` only. Invariant: self-contained SVG without scripts, every
text escaped.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from experiments.demo.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TICKS,
    TOP,
    WIDTH,
    Line,
    line_chart,
    nice_step,
)

Json = Mapping[str, Any]


def dot_chart(title: str, unit: str, groups: Mapping[str, Sequence[float]]) -> str:
    """A figure with one column of dots per group and a bar at its mean; says so when there is nothing to draw."""
    known = {name: [v for v in values if math.isfinite(v)] for name, values in groups.items()}
    highest = max((max(values) for values in known.values() if values), default=None)
    if highest is None:
        return f"<figure><figcaption>{escape(title)}</figcaption><p>not measured</p></figure>"
    step = nice_step(highest / TICKS)
    top = step * max(1, math.ceil(highest / step))
    width = (WIDTH - LEFT - RIGHT) / len(known)
    columns = [
        _column(name, values, LEFT + (i + 0.5) * width, width, top, low=i % 2 == 0)
        for i, (name, values) in enumerate(known.items())
    ]
    return (
        f'<figure><figcaption>{escape(title)} <span class="unit">{escape(unit)}</span></figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{_grid(step, top)}{''.join(columns)}</svg></figure>"
    )


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)


def _grid(step: float, top: float) -> str:
    parts = []
    for index in range(round(top / step) + 1):
        y = _y(index * step, top)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{index * step:g}</text>'
        )
    return "".join(parts)


def _column(name: str, values: Sequence[float], x: float, width: float, top: float, low: bool) -> str:
    """low: the label stands in the lower of two lines, so that neighbours do not touch."""
    label_y = HEIGHT - (4 if low else 16)
    label = f'<text class="tick" x="{x:.1f}" y="{label_y}" text-anchor="middle">{escape(name)}</text>'
    dots = "".join(f'<circle class="dot" cx="{x:.1f}" cy="{_y(value, top):.1f}" r="3"/>' for value in values)
    if not values:
        return label
    mean_y = _y(sum(values) / len(values), top)
    bar = f'<line class="mean" x1="{x - width / 4:.1f}" x2="{x + width / 4:.1f}" y1="{mean_y:.1f}" y2="{mean_y:.1f}"/>'
    return label + dots + bar


def over_time(timeline: Json) -> str:
    """Rate and queue of one call, and in words where its rung changed."""
    bundle = "" if timeline["bundle_ms"] is None else f", {timeline['bundle_ms']} ms"
    name = f"{timeline['clip']}, {timeline['link']}, {timeline['rung']} rung{bundle}"
    forward = [(float(s), float(v)) for s, v in timeline["forward_kbps"]]
    end_s = forward[-1][0] if forward else 0.0
    lines = [Line("offered to the link", "c0", forward)]
    if timeline["link_kbps"]:
        most = 1.5 * max((v for _, v in forward), default=1.0)
        lines.append(
            Line("the link's rate (cut off above)", "c2", _steps(timeline["link_kbps"], end_s, most))
        )
    queue = [Line("longest wait in the queue", "c1", [(float(s), float(v)) for s, v in timeline["queue_ms"]])]
    plans = [(float(plan["at_s"]), float(plan["wire_kbps"])) for plan in timeline["plans"]]
    lines.append(Line("what the sender means to send", "c1", _steps(plans, end_s, math.inf)))
    charts = [line_chart(name, "kbit/s", lines)]
    if timeline["link_kbps"]:
        charts.append(line_chart("Queue", "ms", queue))
    return "".join(charts) + f'<p class="dim">{escape(_told(timeline, end_s))}</p>'


def _steps(steps: Sequence[tuple[float, float]], end_s: float, most: float) -> list[tuple[float, float]]:
    """Corners of a staircase."""
    corners: list[tuple[float, float]] = []
    for begin_s, value in steps:
        if begin_s <= end_s:
            if corners:
                corners.append((begin_s, corners[-1][1]))
            corners.append((begin_s, min(value, most)))
    return [*corners, (end_s, corners[-1][1])] if corners else []


def _told(timeline: Json, end_s: float) -> str:
    plans = [plan for plan in timeline["plans"] if plan["at_s"] <= end_s]
    rungs = ", ".join(
        f"{plan['rung']} ({plan['bundle_ms']} ms) from {max(0.0, plan['at_s']):.1f} s" for plan in plans
    )
    outages = ", ".join(f"{begin_s:.1f} to {end_s:.1f} s" for begin_s, end_s in timeline["blackouts"])
    return " ".join(
        [
            f"Rungs and bundles: {rungs}." if rungs else "",
            f"Nothing came through from {outages}." if outages else "",
        ]
    ).strip()
