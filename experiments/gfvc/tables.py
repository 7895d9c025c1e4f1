"""Tables of a run in the papers' form: each sequence and rate point, means over sequences, and the SEI messages' bits.

Must import the standard library only. Invariant: a number that was not measured is a dash.
"""

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from statistics import fmean
from typing import Any, Final

NAMES: Final = {
    "psnr_y_db": "PSNR-Y", "ssim_y": "SSIM-Y", "ms_ssim": "MS-SSIM", "vgg": "vgg", "landmark_px": "face points, px",
    "dists": "DISTS", "lpips": "LPIPS",
}  # fmt: skip
"""DISTS and LPIPS stand in the papers' tables, so they stand here too, empty."""

Json = dict[str, Any]


def write_tables(out: Path, results: Json) -> None:
    """gfvc.csv, a line for each sequence and point, and gfvc.md for people. OSError when they cannot be written."""
    (out / "gfvc.csv").write_text(_csv(results["rows"]), encoding="utf-8")
    (out / "gfvc.md").write_text(markdown(results), encoding="utf-8")


def markdown(results: Json) -> str:
    """The whole report."""
    parts = [
        "# Payload rate against measure, 256x256, 25 fps",
        f"Commit {results['commit']}, model {results['model']['name']}, {results['machine']}.",
        "Payloads alone: these rates hold no voice, no headers and no packets, so they say nothing of a call.",
        "## Means over sequences",
        _table(["arm", "point", "sequences", "kbit/s", *NAMES.values()], _means(results["rows"])),
        "## Sequences",
        _table(
            ["sequence", "arm", "point", "kbit/s", *NAMES.values()], [_line(row) for row in results["rows"]]
        ),
        "## The same motion as SEI messages",
        _sei(results["sei"]),
        "## Conditions",
        "As the papers have them: " + "; ".join(results["kept"]) + ".",
        "Otherwise: " + "; ".join(results["changed"]) + ".",
        *(f"Not here: {arm}: {why}." for arm, why in results["absent_arms"].items()),
        *(f"Failed: {failure['clip']}: {failure['error']}" for failure in results["failed"]),
    ]
    return "\n\n".join(parts) + "\n"


def _means(rows: Sequence[Json]) -> list[list[str]]:
    found = []
    for arm in dict.fromkeys(row["arm"] for row in rows):
        for point in sorted({row["point"] for row in rows if row["arm"] == arm}):
            here = [row for row in rows if (row["arm"], row["point"]) == (arm, point)]
            measures = [_mean([row["measures"].get(name) for row in here]) for name in NAMES]
            found.append(
                [arm, str(point), str(len(here)), f"{fmean(row['kbps'] for row in here):.2f}", *measures]
            )
    return found


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return _cell(fmean(known) if known else None)


def _line(row: Json) -> list[str]:
    rate = f"{row['kbps']:.2f}" + ("" if row["reached"] else " (not reached)")
    cells = [_cell(row["measures"].get(name)) for name in NAMES]
    return [row["clip"], row["arm"], str(row["point"]), rate, *cells]


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _sei(rows: Sequence[Json]) -> str:
    if not rows:
        return "Nothing was coded."
    head = [
        "sequence",
        "frames",
        "our range coder, bits a frame",
        "SEI payload",
        "SEI in a NAL unit",
        "base message, bytes",
    ]
    cells = [
        [row["clip"], str(row["frames"]), *(f"{row[name]:.1f}" for name in ("our_bits", "payload_bits", "framed_bits")),
         str(row["base_bytes"])]
        for row in rows
    ]  # fmt: skip
    return _table(head, cells)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _csv(rows: Sequence[Json]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["clip", "person", "arm", "point", "frames", "kbps", "reached", *NAMES])
    for row in rows:
        measures = ["" if row["measures"].get(name) is None else row["measures"][name] for name in NAMES]
        fixed = [row[name] for name in ("clip", "person", "arm", "point", "frames", "kbps", "reached")]
        writer.writerow([*fixed, *measures])
    return text.getvalue()
