"""Prints an evaluation as the tables of the documentation: means of every arm, and every clip beside its rivals.

python -m models.evaluation.table models/evaluation/results/lite.json
"""

import argparse
import json
from pathlib import Path
from typing import Any

MEASURES = (("psnr_y_db", 1), ("ssim_y", 3), ("ms_ssim", 3), ("vgg", 3), ("landmark_px", 2), ("mouth_px", 2),
            ("eye_px", 2), ("sharp_ratio", 2), ("flicker", 2))  # fmt: skip
ARMS = ("rebuilt", "held_mouth", "mesh_warp", "frozen", "av1_4", "av1_8", "av1_12")
PER_CLIP = (("psnr_y_db", 1), ("vgg", 3), ("landmark_px", 2), ("mouth_px", 2))


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def means(result: dict[str, Any]) -> str:
    """Return one row per arm."""
    mean = result["mean"]
    rows = []
    for arm in (arm for arm in ARMS if arm in mean):
        rate = (
            mean["payload_kbps"]["motion"]
            if arm in ("rebuilt", "held_mouth", "mesh_warp")
            else mean[arm].get("payload_kbps", 0.0)
        )
        rows.append(
            [arm, f"{rate:.1f}", *(_number(mean[arm].get(name), digits) for name, digits in MEASURES)]
        )
    return table(["arm", "kbit/s", *(name for name, _ in MEASURES)], rows)


def clips(result: dict[str, Any]) -> str:
    """Return one row per clip: ours / mesh warp / frozen / AV1 at 4 kbit/s of a few measures."""
    arms = [arm for arm in ("rebuilt", "mesh_warp", "frozen", "av1_4", "av1_8") if arm in result["mean"]]
    rows = []
    for row in result["clips"]:
        if "error" in row:
            rows.append([row["clip"], row["error"], *[""] * (len(PER_CLIP) - 1)])
            continue
        cells = [" / ".join(_number(row[arm].get(name), digits) for arm in arms) for name, digits in PER_CLIP]
        rows.append([row["clip"], *cells])
    return table([f"clip ({' / '.join(arms)})", *(name for name, _ in PER_CLIP)], rows)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m models.evaluation.table", description=__doc__.split("\n")[0]
    )
    parser.add_argument("file", type=Path)
    result = json.loads(parser.parse_args().file.read_text())
    print(
        f"{result['model']['name']}, {len(result['clips'])} clips, commit {result['commit']}, {result['machine']}\n"
    )
    print(means(result), "\n", clips(result), sep="\n")


if __name__ == "__main__":
    main()
