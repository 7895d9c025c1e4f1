"""Makes of a run what a repository may hold: rates.json, small and without places or pictures, and its plots.

    OUT/results.json --load--> Content --tables_of, every rival an anchor--> FOLDER/rates.json, FOLDER/plots/*.png, *.svg

    python -m experiments publish OUT                       into OUT/published
    python -m experiments publish OUT --to experiments/results     what this repository publishes; then experiments.published

Must import the standard library, `shared.errors` and this package only. Invariant: no place of a machine and no picture of
anybody is in what is published (a text that still names a place is refused, not cut); every number is one of results.json or
of its tables; the same results give the same bytes.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from experiments.rates.content import Cell, Clip, Content, load
from experiments.rates.markup import clean
from experiments.rates.page_tables import pictures_of
from experiments.rates.plots import FOLDER as PLOTS
from experiments.rates.plots import write_plots
from experiments.rates.settings import OURS
from experiments.rates.tables import tables_of
from shared.errors import UserError

FILE_NAME: Final = "rates.json"
DEFAULT_FOLDER: Final = "published"
DIGITS: Final = 4
COLUMNS: Final = ("clip", "arm", "target_kbps", "reached", "kbps", "how")
"""Of a row; the measures follow."""
_PLACE: Final = re.compile(r"(?:^|[\s'\"(=:,])(?:/(?!/)[^\s/]|~[\w]*/|[A-Za-z]:[\\/]|\\\\|\w+://)")
"""What a place of a machine or of a network begins with: /x, ~/, C:\\, \\\\, x://."""

Json = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 2 for something that can be mended."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments publish",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of a run's results.json")
    parser.add_argument(
        "--to", type=Path, metavar="DIR", help="folder to write into (default: OUT/published)"
    )
    options = parser.parse_args(arguments)
    try:
        for path in publish(options.out, options.to or options.out / DEFAULT_FOLDER):
            print(path)
    except UserError as error:
        print(f"publish: {error}", file=sys.stderr)
        return 2
    return 0


def publish(out: Path, folder: Path) -> list[Path]:
    """Writes into the folder; returns the files. UserError for results that cannot be used or published, or without
    matplotlib."""
    raw, content = load(out)
    made = published(raw, content)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"{FILE_NAME}.{os.getpid()}.part"
        draft.write_text(as_text(made), encoding="utf-8")
        draft.replace(folder / FILE_NAME)
        names = pictures_of(content)
        plots = write_plots(content, tables_of(content), folder, names) if names else []
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}. Give another --to.") from error
    return [folder / FILE_NAME, *(path for path in plots if path.parent.name == PLOTS)]


def published(raw: Json, content: Content) -> Json:
    """The content of rates.json. UserError when a text names a place of a machine."""
    every = replace(content, anchors=tuple(arm for arm in content.ran if arm != OURS) or content.anchors)
    tables = tables_of(every).as_json()
    names = content.measured
    made = {
        "machine": content.machine,
        "commit": content.commit,
        "model": {"name": content.model, "sha256": content.model_sha256},
        "settings": dict(content.settings),
        "counting": content.counting,
        "arms": [{"arm": arm.name, "about": arm.about, "absent": arm.absent} for arm in content.arms],
        "clips": [_clip(clip, raw_clip) for clip, raw_clip in zip(content.clips, raw["clips"], strict=True)],
        "columns": [*COLUMNS, *names],
        "rows": [_row(cell, names) for cell in content.cells if cell.error is None],
        "failed": [_failed(cell, content) for cell in content.cells if cell.error is not None],
        "missing_measures": dict(content.missing_measures),
        "means": [_slim(point) for point in tables["curves"]],
        "bd_rate": [_slim(row) for row in tables["bd_rate"] if row["arm"] == OURS],
        "wins": [_slim(win) for win in tables["wins"] if OURS in (win["arm"], win["other"])],
        "best": [_slim(best) for best in tables["best"]],
        "persons": [_slim(point) for point in tables["persons"] if point["arm"] == OURS],
    }
    if places := sorted({text for text in _texts(made) if _PLACE.search(text)}):
        raise UserError(
            f"It would publish a place of this machine: {clean(places[0])!r}. Run again with "
            "clips and folders that do not name it."
        )
    return made


def as_text(made: Json) -> str:
    """JSON with one entry of a list a line, so that two versions can be compared."""
    parts = []
    for key, value in made.items():
        if isinstance(value, list) and value and key != "columns":
            lines = ",\n  ".join(json.dumps(each, allow_nan=False) for each in value)
            parts.append(f' "{key}": [\n  {lines}\n ]')
        else:
            parts.append(f' "{key}": {json.dumps(value, allow_nan=False)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _clip(clip: Clip, raw: Json) -> Json:
    return {
        "clip": clip.name, "sha256": raw.get("sha256"), "person": clip.person, "seconds": clip.seconds,
        "speech": clip.speech, "error": _said(clip.error, clip), "warnings": [_said(text, clip) for text in clip.warnings],
    }  # fmt: skip


def _row(cell: Cell, names: Sequence[str]) -> list[Any]:
    how = {name: value for name, value in cell.how.items() if value is not None}
    measures = [cell.measures.get(name) for name in names]
    return [
        cell.clip,
        cell.arm,
        cell.target_kbps,
        cell.reached,
        _short(cell.kbps),
        how,
        *map(_short, measures),
    ]


def _failed(cell: Cell, content: Content) -> Json:
    clip = next(clip for clip in content.clips if clip.name == cell.clip)
    return {
        "clip": cell.clip,
        "arm": cell.arm,
        "target_kbps": cell.target_kbps,
        "error": _said(cell.error, clip),
    }


def _said(text: str | None, clip: Clip) -> str | None:
    """A reason that names the clip's file by the clip's name."""
    return text if text is None or clip.path is None else text.replace(clip.path, clip.name)


def _slim(entry: Json) -> Json:
    """Numbers as short as they are exact."""
    return {name: _slim(value) if isinstance(value, dict) else _short(value) for name, value in entry.items()}


def _short(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return round(value, DIGITS) if isinstance(value, float) else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield str(key)
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


if __name__ == "__main__":
    sys.exit(main())
