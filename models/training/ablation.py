"""Ablation: trains the codec with one part left out at a time, each row alike, and writes a table.

    python -m models.training.ablation --cache DIR --out DIR [--minutes N] [--base FILE.yaml] [--start-from FILE.pt] [--rows a,b]

Every row has the same settings, seed, start and number of steps; only `without` differs (models/training/runs/ablation/*.yaml).
How many steps fit into --minutes a row is measured first, on steps that are thrown away, and kept in OUT/plan.json, so that a run
that was stopped (Ctrl-C) goes on with the same plan. Writes OUT/ablation.json and OUT/ablation.md, with the scores on the
validation people and their difference from the whole codec.
"""

import argparse
import csv
import json
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import torch
import yaml

from models.allocator import keep_freed_memory
from models.losses.perceptual import default_vgg_path
from models.training.__main__ import main as train
from models.training.ablation_table import WHOLE, table
from models.training.checkpoint import load_checkpoint
from models.training.settings import read_settings
from shared.errors import UserError
from shared.provenance import commit, machine

ROWS: Final = Path(__file__).parent / "runs" / "ablation"
PROBE_STEPS: Final = 8
CURVE_S: Final = 0.1
"""How finely a curve gives the time."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 1 when it was stopped, 2 for wrong arguments."""
    options = _parse(arguments)
    keep_freed_memory()
    try:
        return Ablation(options).run()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m models.training.ablation", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    add = parser.add_argument
    add("--cache", type=Path, required=True, help="made by `python -m models.training.cache`")
    add("--out", type=Path, required=True, help="a folder for each row, and the results")
    add("--minutes", type=float, default=5.0, help="for each row (default 5)")
    add("--base", type=Path, help="YAML of settings that all rows share")
    add("--start-from", type=Path, help="checkpoint that all rows start from; default: untrained networks")
    add("--rows", help="names of rows, such as whole,mesh; default: all of models/training/runs/ablation")
    add("--vgg", type=Path, default=default_vgg_path(), help="VGG19 weights for loss and measure")
    return parser.parse_args(arguments)


class Ablation:
    """Rows, plan and results of one folder."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options, self._out = options, options.out
        self._shared = _read_yaml(options.base) if options.base else {}
        if options.start_from:
            load_checkpoint(options.start_from)
            self._shared["start_from"] = str(options.start_from)
        self._rows = _rows(options.rows)

    def run(self) -> int:
        """Train what is missing, then write the results; returns the exit status."""
        steps = self._plan()
        for name in self._rows:
            if not self._train(name, steps):
                print(f"stopped in {name}; the same command goes on", file=sys.stderr)
                return 1
        write_results(self._out, {name: self._result(name) for name in self._rows}, steps)
        return 0

    def _plan(self) -> int:
        """Return the steps of every row, measured once. Raises UserError when the folder holds another plan."""
        path = self._out / "plan.json"
        asked = {"shared": self._shared, "minutes": self._options.minutes}
        if path.exists():
            plan = json.loads(path.read_text())
            if plan["asked"] != asked:
                raise UserError(f"{path} is of an ablation with other settings. Name another --out.")
            return int(plan["steps"])
        steps = max(1, int(self._options.minutes * 60 / self._step_s()))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"asked": asked, "steps": steps}, indent=1) + "\n")
        return steps

    def _step_s(self) -> float:
        """Seconds a step of the whole codec takes, by the curve of a short run; its first step, which warms up, is left out."""
        self._run("probe", self._shared | {"steps": PROBE_STEPS}, resume=False)
        rows = _read_rows(self._out / "probe" / "curve.csv")
        shutil.rmtree(self._out / "probe")
        taken = float(rows[-1]["seconds"]) - float(rows[0]["seconds"])
        return max(CURVE_S, taken) / (int(rows[-1]["step"]) - int(rows[0]["step"]))

    def _train(self, name: str, steps: int) -> bool:
        """Train one row to its last step; returns whether it got there."""
        checkpoint = self._out / name / "checkpoint.pt"
        if checkpoint.exists() and load_checkpoint(checkpoint)["step"] >= steps:
            return True
        settings = self._shared | {"steps": steps, "without": list(self._rows[name])}
        self._run(name, settings, resume=checkpoint.exists())
        return bool(load_checkpoint(checkpoint)["step"] >= steps)

    def _run(self, name: str, settings: dict[str, Any], *, resume: bool) -> None:
        folder = self._out / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.yaml").write_text(yaml.safe_dump(settings))
        status = train(["--cache", str(self._options.cache), "--out", str(folder), "--config", str(folder / "run.yaml"),
                        "--minutes", "1e6", "--validate-minutes", "1e6", "--vgg", str(self._options.vgg),
                        *(["--resume"] if resume else [])])  # fmt: skip
        if status != 0:
            raise UserError(f"The row {name} could not be trained; the reason stands above.")

    def _result(self, name: str) -> dict[str, Any]:
        scores = _read_rows(self._out / name / "validation.csv")[-1]
        settings = load_checkpoint(self._out / name / "checkpoint.pt")["settings"]
        numbers = {key: float(value) for key, value in scores.items() if key not in ("step", "seconds")}
        return {
            "without": list(self._rows[name]),
            "samples": int(scores["step"]) * settings["references"] * settings["frames"],
            "seconds": float(scores["seconds"]), "scores": numbers, "settings": _portable(settings),
        }  # fmt: skip


def _portable(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without this machine's folders: of a checkpoint only run and file."""
    files = {name: value for name, value in settings.items() if name.endswith("_from") and value}
    return settings | {name: "/".join(Path(value).parts[-2:]) for name, value in files.items()}


def _read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def _read_yaml(path: Path) -> dict[str, Any]:
    read_settings(path)  # says what is wrong with it
    found: dict[str, Any] = yaml.safe_load(path.read_text()) or {}
    if "without" in found or "steps" in found:
        raise UserError(f"{path} sets steps or without, which the ablation sets for each row. Remove them.")
    return found


def _rows(chosen: str | None) -> dict[str, tuple[str, ...]]:
    """Return what each row is without, the whole codec first. Raises UserError for a row that there is not."""
    known = {path.stem: read_settings(path).without for path in sorted(ROWS.glob("*.yaml"))}
    names = chosen.split(",") if chosen else list(known)
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise UserError(f"There is no row {', '.join(unknown)}. Known: {', '.join(known)}.")
    return {name: known[name] for name in sorted({WHOLE, *names}, key=lambda name: (name != WHOLE, name))}


def write_results(out: Path, rows: dict[str, dict[str, Any]], steps: int) -> None:
    """Write OUT/ablation.json and OUT/ablation.md."""
    result = {
        "machine": machine(), "commit": commit(), "steps": steps, "torch": torch.__version__, "rows": rows,
    }  # fmt: skip
    (out / "ablation.json").write_text(json.dumps(result, indent=1) + "\n")
    (out / "ablation.md").write_text(table(rows) + "\n")
    print(table(rows))


if __name__ == "__main__":
    raise SystemExit(main())
