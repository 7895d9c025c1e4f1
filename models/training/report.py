"""Tells how training goes: a progress bar on a terminal, lines elsewhere, and a curve as CSV.

Invariant: the columns of a curve are those of its first row, also when a loss begins later or a run is resumed.
"""

import csv
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from models.training.settings import LossWeights, Settings
from shared.errors import UserError

EVERY_STEPS = 50
FIRST_STEPS = 3
LOSSES = tuple(entry.name for entry in fields(LossWeights))


class Reporter:
    """Reports one run. minutes: how long it may take. Use as a context, which owns the bar."""

    def __init__(self, settings: Settings, out: Path, minutes: float, console: Console | None = None) -> None:
        self._settings, self._out, self._minutes = settings, out, minutes
        self._console = console or Console()
        self._bar = Progress(
            TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("steps, {task.fields[pace]}"),
            console=self._console, disable=not self._console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("training", total=settings.steps, pace="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def step(self, step: int, seconds: float, elapsed_s: float) -> None:
        """Move the bar. seconds: of all runs up to this step. elapsed_s: of this one."""
        self._bar.update(self._task, completed=step, pace=self.pace(step, seconds, elapsed_s))

    def pace(self, step: int, seconds: float, elapsed_s: float) -> str:
        """Return samples a second and the minutes left until the time or the steps are used up."""
        settings, rate = self._settings, step / max(seconds, 1e-6)
        samples = settings.references * settings.frames * rate
        left_s = min(self._minutes * 60 - elapsed_s, (settings.steps - step) / max(rate, 1e-6))
        return f"{samples:.2f} samples/s, {max(0.0, left_s) / 60:.1f} min left"

    @staticmethod
    def due(step: int) -> bool:
        """Return whether the losses of this step are to be told (reading them waits for the device)."""
        return step % EVERY_STEPS == 0 or step <= FIRST_STEPS

    def losses(self, step: int, seconds: float, elapsed_s: float, values: Mapping[str, float]) -> None:
        """Tell the losses and add them to OUT/curve.csv."""
        line = " ".join(f"{name} {value:.3f}" for name, value in values.items())
        self.say(f"step {step} | {self.pace(step, seconds, elapsed_s)} | {line}")
        row = {"step": step, "seconds": round(seconds, 1), **{name: values.get(name, "") for name in LOSSES}}
        append_row(self._out / "curve.csv", row)

    def say(self, line: str) -> None:
        """Print a line, above the bar if there is one."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def append_row(path: Path, row: Mapping[str, object]) -> None:
    """Add a row to a CSV file, under the header it has; the first row makes the header.

    Raises UserError when it cannot be written.
    """
    try:
        _append(path, row)
    except OSError as error:
        raise UserError(
            f"{path} could not be written ({error}). Free some disk space and go on with --resume: "
            "the last checkpoint is kept."
        ) from error


def _append(path: Path, row: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = list(row)
    if path.exists():
        with path.open(newline="") as stream:
            header = next(csv.reader(stream), header)
    with path.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, header, extrasaction="ignore")
        if stream.tell() == 0:
            writer.writeheader()
        writer.writerow(row)
