"""`report.html`: one page about one rate experiment, readable without a network, without JavaScript and in the dark.

    Content, Tables --> headline, filter, tables (page_tables), strips and players (page_media), cells as JSON for page_script.js

Must import this package and the demo's style only. Invariant: no request leaves the page: everything is inside it, and its own
policy lets only this style and this script run (by their SHA-256) and only local films load. Every text is escaped.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Final

from experiments.demo.page import STYLE
from experiments.rates import page_media, page_tables
from experiments.rates.content import WIRE, Content
from experiments.rates.directions import HEADLINES, MEASURES, Best
from experiments.rates.looks import DARK, LIGHT, look_of
from experiments.rates.markup import clean, html, json_for_script, kbps
from experiments.rates.page_tables import persons_of, pictures_of
from experiments.rates.tables import BestArm, Tables

SCRIPT: Final = Path(__file__).with_name("page_script.js")
_COUNTED: Final[Mapping[bool, str]] = {
    True: (
        "Rates are everything that is on the wire, both ways: pictures, the same voice for every arm, acknowledgements, and "
        "all headers down to IP."
    ),
    False: "Rates are the coded pictures alone (payload), as tables of codecs have it: no voice, no headers, nothing back.",
}
_SYNTHETIC: Final = (
    "What is synthetic: pictures of the arm facewire are drawn at the receiver by a network from a keyframe and a few numbers a "
    "frame; they are a likeness, not a recording. The other arms show decoded video."
)
_PLOTS: Final = (
    "A point is the mean over clips, drawn at the rate that was really taken; it is hollow where not every clip took the rate "
    "that was asked for. In the tables stands in brackets of how many clips the mean is, and how many of them were off the rate."
)
_MORE_STYLE: Final = """
body{max-width:1000px}h3{font-size:1rem;margin-bottom:.2rem}section p{margin:.2rem 0}
:root{--ring:#0b6bcb}@media(prefers-color-scheme:dark){:root{--ring:#6cb2ff}}
:focus-visible{outline:2px solid var(--ring);outline-offset:2px}
.wide{overflow-x:auto;font-size:13px;margin:.5rem 0}table{margin:0}caption{text-align:left;color:var(--dim)}
tbody th{font-weight:400;text-align:left}td{white-space:nowrap}.words td,.words th{text-align:left;vertical-align:top}
.words td{white-space:normal;overflow-wrap:anywhere;min-width:5em}
form{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;padding:.5rem 0;border-bottom:1px solid var(--line);
position:sticky;top:0;background:var(--paper);z-index:2}[hidden]{display:none!important}
@media(max-width:700px){form{position:static}}
select{max-width:16rem;font:inherit}fieldset{border:0;padding:0;margin:0;display:flex;flex-wrap:wrap;gap:0 .8rem}
legend{float:left;padding:0;margin-right:.6rem}select,button,input{color:var(--ink);background:var(--paper);accent-color:var(--c0)}
.plot{position:relative}.legend{font-size:13px}.legend span{margin-right:1rem;white-space:nowrap}
.legend svg{width:28px;height:14px;vertical-align:-2px;margin-right:.3rem}
.mark{fill:var(--c);stroke:var(--c);stroke-width:1.5}.mark.hollow{fill:var(--paper)}.line{stroke:var(--c)}
.mark:hover,.mark:focus{stroke:var(--ink);outline:none;stroke-width:3}.ideal{stroke:var(--dim);stroke-dasharray:4 4}
.tip{position:absolute;background:var(--ink);color:var(--paper);padding:.2rem .5rem;border-radius:4px;font-size:13px;
max-width:22rem;pointer-events:none;z-index:1}summary{cursor:pointer;padding:.3rem 0}
.players{display:grid;grid-template-columns:repeat(auto-fit,minmax(180px,1fr));gap:8px}.players button{grid-column:1/-1;
justify-self:start}figure{margin:.3rem 0}video,figure img{width:100%;display:block}figcaption{font-size:13px}
"""


def render_page(content: Content, tables: Tables, folder: Path) -> str:
    """The whole page. folder: where results.json lies, for picture strips. OSError when the script's file is missing."""
    style, script = _style(), SCRIPT.read_text(encoding="utf-8")
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="referrer" content="no-referrer">'
        f"<title>facewire: rate and quality</title><style>{style}</style></head><body><main>"
    )
    return "\n".join(
        [
            head,
            *_opening(content, tables),
            _filter_form(content),
            *_body(content, tables, folder),
            f'<script type="application/json" id="data">{json_for_script(script_data(content))}</script>',
            f'</main><script type="module">{script}</script></body></html>',
            "",
        ]
    )


def headline(content: Content, tables: Tables) -> str:
    """Who wins where, in one sentence; what wins is said in the table below it."""
    named = [name for name in HEADLINES if name in content.measured] or list(pictures_of(content)[:1])
    if not named:
        return f"Nothing was measured of the pictures; cells that failed: {tables.failed}."
    found = [_by_arm(name, [best for best in tables.best if best.measure == name]) for name in named]
    return f"Best at equal rate (kbit/s): {'; '.join(found)}."


def script_data(content: Content) -> dict[str, Any]:
    """What page_script.js reads. cells: [clip, arm, rate, kbps, reached, values], places in the lists beside it."""
    persons = {name: place for place, name in enumerate(persons_of(content))}
    clips = {clip.name: place for place, clip in enumerate(content.clips)}
    arms = {name: place for place, name in enumerate(content.ran)}
    targets = {target: place for place, target in enumerate(content.targets_kbps)}
    measures = [MEASURES[name] for name in content.measured]
    return {
        "counting": content.counting,
        "arms": [{"name": clean(name), **_look(content, name)} for name in arms],
        "measures": [
            {"label": measure.label, "digits": measure.digits, "one": measure.best is Best.ONE}
            for measure in measures
        ],
        "clips": [
            {"name": clean(clip.name), "person": None if clip.person is None else persons[clip.person]}
            for clip in content.clips
        ],
        "targets": list(targets),
        "cells": [
            [
                clips[cell.clip],
                arms[cell.arm],
                targets[cell.target_kbps],
                cell.kbps,
                cell.reached,
                [cell.measures.get(measure.name) for measure in measures],
            ]
            for cell in content.cells
            if cell.error is None
        ],
    }


def _opening(content: Content, tables: Tables) -> Iterable[str]:
    counts = (
        f"{tables.clips} clip{'s' * (tables.clips != 1)}, {len(content.ran)} arms, "
        f"{len(content.cells)} cells: {tables.failed} failed, {tables.not_reached} did not take the rate that was asked for."
    )
    yield "<h1>Rate and quality</h1>"
    yield f"<p><strong>{escape(headline(content, tables))}</strong> {html(counts)}</p>"
    yield f"<p>{html(_COUNTED[content.counting == WIRE])}</p>"
    if link := content.settings.get("link"):
        yield f"<p>There was the link {html(str(link))}; the table of arms says whose packets went through it.</p>"
    yield f'<p class="notice">{html(_SYNTHETIC)}</p>'


def _body(content: Content, tables: Tables, folder: Path) -> Iterable[str]:
    if content.measured:
        yield f"<h2>Who is best</h2>{page_tables.best_table(content, tables)}"
        yield f"<h2>Rate against each measure</h2><p>{html(_PLOTS)}</p>"
        yield from page_tables.measure_sections(content, tables)
        yield f"<h2>Rate at equal quality</h2><p>{escape(page_tables.bd_note())} All clips, whatever is filtered above.</p>"
        yield from _or_none(page_tables.bd_tables(content, tables), "There is no pair of arms to compare.")
        yield "<h2>Wins at equal rate</h2><p>Clips on which both arms took the rate; a draw counts half. All clips.</p>"
        yield from _or_none(page_tables.win_sections(content, tables), "There is no pair of arms to compare.")
        yield "<h2>Person by person</h2>"
        yield from _or_none(
            page_tables.person_sections(content, tables), "The clips do not say who is in them."
        )
    yield "<h2>Clips</h2>"
    yield from page_tables.clip_tables(content)
    yield "<h2>Arms and measures</h2>"
    yield page_tables.arm_table(content)
    yield page_tables.missing_table(content)
    if content.other_measures:
        yield f"<p>In cells.csv only or not at all, because unknown here: {html(', '.join(content.other_measures))}.</p>"
    yield "<h2>Pictures</h2>"
    yield from _or_none(page_media.strip_sections(content, folder), _no_strips(content))
    yield "<h2>Films side by side</h2>"
    yield from _or_none(page_media.player_sections(content), "No films were kept.")
    yield f"<h2>Provenance</h2>{page_tables.provenance_table(content)}"


def _by_arm(name: str, found: Sequence[BestArm]) -> str:
    """`by vgg facewire alone at 6, facewire at 10 to 30, no arm at 50`; rates that follow each other are joined."""
    runs: list[tuple[str, list[float]]] = []
    for best in found:
        alone = f"{clean(best.took_part[0])} alone" if len(best.took_part) == 1 else "no arm"
        who = alone if best.arm is None else clean(best.arm)
        if not runs or runs[-1][0] != who:
            runs.append((who, []))
        runs[-1][1].append(best.target_kbps)
    return f"by {MEASURES[name].title} " + ", ".join(f"{who} at {_joined(at)}" for who, at in runs)


def _joined(rates: Sequence[float]) -> str:
    return kbps(rates[0]) if len(rates) == 1 else f"{kbps(rates[0])} to {kbps(rates[-1])}"


def _filter_form(content: Content) -> str:
    """Hidden until the script shows it: without a script it would do nothing."""
    persons = [(f"person:{i}", f"person {name}") for i, name in enumerate(persons_of(content))]
    clips = [(f"clip:{i}", clip.name) for i, clip in enumerate(content.clips) if clip.error is None]
    measures = [(str(i), MEASURES[name].label) for i, name in enumerate(content.measured)]
    boxes = "".join(
        f'<label><input type="checkbox" name="arm" value="{i}" checked> {html(name)}</label>'
        for i, name in enumerate(content.ran)
    )
    return (
        '<form id="filter" hidden aria-label="what is shown">'
        f"<label>Clips {_select('view', [('all', 'all clips'), *persons, *clips])}</label>"
        f"<label>Measure {_select('measure', [('all', 'all measures'), *measures])}</label>"
        f'<fieldset><legend>Arms</legend>{boxes}</fieldset><output name="shown"></output></form>'
    )


def _select(name: str, options: Sequence[tuple[str, str]]) -> str:
    inside = "".join(f'<option value="{html(value)}">{html(text)}</option>' for value, text in options)
    return f'<select name="{name}">{inside}</select>'


def _look(content: Content, name: str) -> dict[str, Any]:
    look = look_of([arm.name for arm in content.arms].index(name))
    return {"colour": look.colour, "marker": look.marker, "dash": look.dash}


def _or_none(sections: Iterable[str], otherwise: str) -> Iterable[str]:
    found = list(sections)
    return found or [f"<p>{html(otherwise)}</p>"]


def _no_strips(content: Content) -> str:
    if page_media.may_show_any(content.clips):
        return "No picture strips were kept."
    return "The licence of these clips allows no pictures of them here (may_show is false for every clip)."


@cache
def _style() -> str:
    light = "".join(f".a{i}{{--c:{colour}}}" for i, colour in enumerate(LIGHT))
    dark = "".join(f".a{i}{{--c:{colour}}}" for i, colour in enumerate(DARK))
    return f"{STYLE}{_MORE_STYLE}{light}@media(prefers-color-scheme:dark){{{dark}}}"


def _policy(style: str, script: str) -> str:
    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    parts: Sequence[str] = (
        "default-src 'none'",
        f"script-src {digest(script)}",
        f"style-src {digest(style)}",
        "img-src data:",
        "media-src 'self' file:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(parts)
