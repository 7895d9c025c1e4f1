"""The report of a rate experiment: from results.json its tables, the page, CSV files and plots.

    OUT/results.json --load--> Content --tables_of--> Tables --> results.json["tables"], report.html, *.csv, plots/*

Must import the standard library, `shared.errors` and this package only. Invariant: cells are read and never changed; each file
appears whole; the same results.json gives the same files.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from experiments.rates.content import FILE_NAME, load
from experiments.rates.csv_files import NAMES, write_csv
from experiments.rates.page import headline, render_page
from experiments.rates.plots import FOLDER, write_plots
from experiments.rates.tables import tables_of
from shared.errors import UserError

PAGE_NAME: Final = "report.html"


def report(folder: Path, say: Callable[[str], None] = print) -> None:
    """Reads OUT/results.json and writes everything that is made from it; says what it wrote, a sentence at a time.

    UserError when the results are absent, damaged or another program's, or when the folder cannot be written.
    """
    raw, content = load(folder)
    tables = tables_of(content)
    try:
        _write(folder / FILE_NAME, _json(raw | {"tables": tables.as_json()}))
        _write(folder / PAGE_NAME, render_page(content, tables, folder))
        write_csv(content, tables, folder)
        say(headline(content, tables))
        say(f"{folder / PAGE_NAME} and {', '.join(NAMES)} are written.")
        try:
            plots = write_plots(content, tables, folder)
            say(f"{len(plots)} plots are in {folder / FOLDER}.")
        except UserError as error:
            say(f"Plots are left out: {error}")
    except OSError as error:
        raise UserError(
            f"The report cannot be written into {folder}: {error.strerror}. Free some space, or give a folder that may be "
            "written."
        ) from error


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _write(path: Path, text: str) -> None:
    """The whole file or none of it."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
