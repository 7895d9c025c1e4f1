"""The table of an ablation: what each row scores, beside the whole codec.

Must not import torch: the documentation is written on machines without it.
"""

from typing import Any, Final

WHOLE: Final = "whole"
"""Name of the row that all others are compared with."""
SHOWN: Final = (
    ("rebuilt_psnr", "psnr, dB", 2),
    ("rebuilt_vgg", "vgg", 3),
    ("rebuilt_mouth", "mouth, levels", 2),
    ("rebuilt_eyes", "eyes, levels", 2),
)


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Return a Markdown table: each score, and in brackets its difference from the whole codec's."""
    whole = rows[WHOLE]["scores"]
    shown = [entry for entry in SHOWN if entry[0] in whole]
    lines = [
        "| left out | samples | " + " | ".join(title for _, title, _ in shown) + " |",
        "| --- | ---: |" + " ---: |" * len(shown),
    ]
    for name, row in rows.items():
        cells = [_cell(row["scores"][key], whole[key], digits, name == WHOLE) for key, _, digits in shown]
        left = "nothing" if name == WHOLE else ", ".join(row["without"])
        lines.append(f"| {left} | {row['samples']:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: float, whole: float, digits: int, alone: bool) -> str:
    return f"{value:.{digits}f}" if alone else f"{value:.{digits}f} ({value - whole:+.{digits}f})"
