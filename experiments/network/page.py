"""`network.html`: the marks, every call, and what happened over time; readable without a network and in the dark.

Must import this package and the demo's page only. Invariant: no request leaves the page, no picture of anybody is in it,
every text is escaped.
"""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any, Final

from experiments.demo.page import STYLE, table
from experiments.network.links import LINKS
from experiments.network.marks import Verdict, judge
from experiments.network.plan import AUTO, DEFAULT_BUNDLES_MS, DEFAULT_RUNGS, Key
from experiments.network.plots import dot_chart, over_time
from experiments.network.results import Json, Results, key_of

_STYLE: Final = (
    STYLE
    + """
.dot{fill:var(--c0);opacity:.55}.mean{stroke:var(--c1);stroke-width:2}.wide{overflow-x:auto;font-size:13px}
table{margin:.5rem 0}.words td,.words th,.marks td:nth-child(2){text-align:left}
"""
)
_COLUMNS: Final = (
    ("forward_kbps", "forward, kbit/s", 1),
    ("reverse_kbps", "back, kbit/s", 1),
    ("motion_kbps", "motion, kbit/s", 2),
    ("latency_p50_ms", "latency p50, ms", 0),
    ("latency_p95_ms", "p95, ms", 0),
    ("fps", "fps", 1),
    ("landmark_px", "face points, px", 2),
    ("landmark_px_no_loss", "the same, clean, px", 2),
    ("voice_gap_max_ms", "voice gap, ms", 0),
    ("recovery_ms", "recovery, ms", 0),
)


def render_page(results: Results, planned: Sequence[Key]) -> str:
    """The whole page. planned: every call of the benchmark in order, made or not yet made."""
    verdicts = judge(results)
    made = sum(results.row(key) is not None for key in planned)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>facewire: calls on bad networks</title>',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<style>{_STYLE}</style></head><body>",
            "<h1>Calls through bad networks</h1>",
            f"<p>{escape(_headline(verdicts, made, len(planned), len(results.failures)))}</p>",
            f'<p class="dim">{escape(_provenance(results))}</p>',
            "<h2>Marks</h2>",
            f'<div class="marks">{_marks_table(verdicts)}</div>',
            "<h2>By link</h2>",
            *_by_link(results),
            "<h2>Links</h2>",
            f'<div class="words">{_links_table()}</div>',
            "<h2>Calls</h2>",
            f'<div class="wide">{_calls_table(results, planned)}</div>',
            "<h2>Over time</h2>",
            *(over_time(timeline) for timeline in results.timelines),
            "</body></html>",
            "",
        ]
    )


def _links_table() -> str:
    return table(["", "what it does"], [[link.name, link.about] for link in LINKS.values()])


def _headline(verdicts: Sequence[Verdict], made: int, planned: int, failed: int) -> str:
    taken = [verdict for verdict in verdicts if verdict.passed is not None]
    passed = sum(verdict.passed is True for verdict in taken)
    calls = f"{made} of {planned} calls made" + (f", {failed} failed" if failed else "")
    return f"{passed} of {len(taken)} marks that were tried are reached in every call; {calls}."


def _provenance(results: Results) -> str:
    model = results.model or {}
    return (
        f"Commit {results.commit}, model {model.get('name', 'not known')}, {results.machine}. Every call is real: signaling, "
        "sender and receiver are processes of their own on one machine, all packets pass a UDP proxy, and both ends share "
        "the cores. Rates are counted at the sender's sockets after set-up with 28 bytes of headers a packet."
    )


def _marks_table(verdicts: Sequence[Verdict]) -> str:
    rows, group = [], ""
    for verdict in verdicts:
        mark = verdict.mark
        limit = f"{'at most' if mark.at_most else 'at least'} {mark.limit:g} {mark.unit}"
        outcome = {True: "pass", False: "FAIL", None: "no calls"}[verdict.passed]
        rows.append(
            [
                "" if mark.group == group else mark.group,
                mark.what,
                limit,
                _cell(verdict.mean, 2),
                _cell(verdict.worst, 2),
                f"{verdict.passing} of {verdict.calls}",
                outcome,
            ]
        )
        group = mark.group
    return table(["", "", "mark", "mean", "worst", "calls that pass", ""], rows)


def _by_link(results: Results) -> Iterable[str]:
    for name, title, unit in (
        ("forward_kbps", "Forward, all counted", "kbit/s"),
        ("latency_p95_ms", "Latency, 95th percentile", "ms"),
        ("landmark_px", "Distance of face points", "px"),
        ("voice_gap_max_ms", "Longest voice gap", "ms"),
    ):
        yield dot_chart(f"{title}: a dot per call, bar at the mean", unit, _grouped(results.rows, name))


def _grouped(rows: Sequence[Json], name: str) -> dict[str, list[float]]:
    """Numbers by link; other rungs and bundles than the usual ones stand apart, they are another kind of call."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        label = _label(row)
        groups.setdefault(label, [])
        if row[name] is not None:
            groups[label].append(float(row[name]))
    return groups


def _label(row: Json) -> str:
    usual_rung, usual_bundle = (
        row["rung"] in (AUTO, DEFAULT_RUNGS[0]),
        row["bundle_ms"] in (None, DEFAULT_BUNDLES_MS[0]),
    )
    words = [row["link"], "" if usual_rung else row["rung"], "" if usual_bundle else f"{row['bundle_ms']}"]
    return " ".join(word for word in words if word)


def _calls_table(results: Results, planned: Sequence[Key]) -> str:
    errors = {key_of(failure): str(failure["error"]) for failure in results.failures}
    known = {key_of(row): row for row in results.rows}
    rows = [_call_cells(key, known.get(key), errors.get(key)) for key in planned]
    return table(["clip", "rung", "bundle, ms", "link", *(title for _, title, _ in _COLUMNS)], rows)


def _call_cells(key: Key, row: dict[str, Any] | None, error: str | None) -> list[str]:
    head = ["-" if part is None else str(part) for part in key]
    if row is None:
        words = "not made yet" if error is None else f"FAILED: {error}"
        return [*head, words, *[""] * (len(_COLUMNS) - 1)]
    return head + [_cell(row[name], digits) for name, _, digits in _COLUMNS]


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


Order = Callable[[Key], int]


def order_of(planned: Sequence[Key]) -> Order:
    """Sorts entries as planned; what is not planned any more comes last."""
    places = {key: place for place, key in enumerate(planned)}
    return lambda key: places.get(key, len(places))
