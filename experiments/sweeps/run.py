"""Runs a sweep: every value on every clip is a cell that is measured once and kept, so that a killed run goes on where it was.

    YAML --read_sweep--> points x clips --PointRunner--> CellStore --> sweep.json, one SVG for each measure, sweep.html

Must not import torch. Invariant: the same plan, clips and seed give the same numbers; a clip or point that fails is in the
results with its reason, and the run goes on.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from experiments.measures.clip import load_tools
from experiments.measures.vgg import load_vgg
from experiments.rates.cells import Cell, CellStore
from experiments.rates.clips import ClipFile, find_clips, read_clip
from experiments.sweeps.measures import NOT_OFFLINE, SWEEP_MEASURES
from experiments.sweeps.page import write_page
from experiments.sweeps.plan import Sweep, find_sweep, read_sweep
from experiments.sweeps.point import Bench, PointRunner
from models.evaluation.offline_call import OfflineSender
from models.runtime.choose import choose_backend
from sender.face.tracker import FaceModels
from sender.motion_encoder import MotionEncoder
from shared.errors import UserError
from shared.provenance import commit, machine

FILE_NAME: Final = "sweep.json"
ALL_S: Final = 3600.0
"""Of a clip whose length is not cut."""
FORMAT: Final = 2
"""Of a cell: one more whenever a point is measured in another way."""

Json = dict[str, Any]
Say = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """seconds: of each clip at most, None: all of it. every: measure each every-th picture. limit: the first clips only.
    size, backend, threads: of the network. seed: of the links' chances."""

    seconds: float | None = 5.0
    every: int = 5
    limit: int | None = None
    seed: int = 0
    size: str = "lite"
    backend: str = "auto"
    threads: int = 1

    def __post_init__(self) -> None:
        """Raises UserError for what cannot be."""
        if self.seconds is not None and self.seconds < 1:
            raise UserError(f"--seconds {self.seconds:g} is too short to say anything: give 1 or more.")
        if self.every < 1 or (self.limit is not None and self.limit < 1):
            raise UserError("--every and --limit count from 1.")


def sweep(
    plan: str | Path,
    clips: Path,
    out: Path,
    options: RunOptions | None = None,
    say: Say = lambda what, done, of: None,
) -> int:
    """Run a shipped sweep or a YAML file on a folder of clips; returns how many cells failed.

    say(what, cells done, cells in all) is called before each cell. UserError for a plan, folder or setting that cannot be used.
    """
    options, planned = options or RunOptions(), read_sweep(find_sweep(plan))
    chosen = find_clips(clips, options.limit)
    store, model = CellStore(out), choose_backend(options.backend, options.size, options.threads)
    tools = load_tools(load_vgg(None, threads=options.threads) if "vgg" in planned.measures else None)
    bench = Bench(OfflineSender(), model, tools, MotionEncoder(), FaceModels.load(), options.every)
    run = _Run(planned, options, bench, store, say)
    rows = [row for number, clip in enumerate(chosen) for row in run.clip(clip, number, len(chosen))]
    results = results_of(planned, rows, asdict(model.model), options)
    write_results(out, results)
    return sum(row["error"] is not None for row in rows)


class _Opened:
    """A clip that is read when it is first needed; one that cannot be read fails in the same way every time."""

    def __init__(self, bench: Bench, clip: ClipFile, seconds: float | None) -> None:
        self._bench, self._clip, self._seconds = bench, clip, seconds or ALL_S
        self._found: PointRunner | UserError | None = None

    def runner(self) -> PointRunner:
        """UserError for a clip that cannot be read."""
        if self._found is None:
            try:
                self._found = PointRunner(
                    self._bench, read_clip(self._clip, self._seconds, self._bench.faces)
                )
            except UserError as error:
                self._found = error
        if isinstance(self._found, UserError):
            raise self._found
        return self._found


class _Run:
    """One sweep at work."""

    def __init__(self, planned: Sweep, options: RunOptions, bench: Bench, store: CellStore, say: Say) -> None:
        self._sweep, self._options, self._bench, self._store, self._say = planned, options, bench, store, say

    def clip(self, clip: ClipFile, number: int, clips: int) -> list[Json]:
        """The rows of one clip; what is kept is not measured again, and a clip with nothing left to do is not even read."""
        opened = _Opened(self._bench, clip, self._options.seconds)
        rows: list[Json] = []
        of = clips * len(self._sweep.values)
        for place, value in enumerate(self._sweep.values):
            cell, done = self._cell(clip.sha256, place), number * len(self._sweep.values) + place
            kept = self._store.get(cell)
            if kept is None:
                self._say(f"{clip.name} {self._sweep.axis} = {value}", done, of)
                try:
                    point, seed = self._sweep.points[place], seed_of(self._options.seed, clip.sha256)
                    kept = opened.runner().measure(point, self._sweep.axis, seed).as_json() | {"error": None}
                    self._store.put(cell, kept)
                except UserError as error:
                    kept = {"wire": None, "measures": {}, "absent": "", "error": str(error)}
            rows.append({"clip": clip.name, "person": clip.person, "value": value, **kept})
        return rows

    def _cell(self, clip_sha256: str, place: int) -> Cell:
        model = self._bench.backend.model.sha256
        other = [
            asdict(self._sweep.points[place]),
            asdict(replace(self._options, limit=None)),
            model,
            FORMAT,
            "vgg" in self._sweep.measures,
        ]
        settings = hashlib.sha256(json.dumps(other, sort_keys=True).encode()).hexdigest()
        return Cell(clip_sha256, f"sweep {self._sweep.axis}", 0.0, settings)


def seed_of(seed: int, clip_sha256: str) -> int:
    """Every clip has chances of its own, and the same ones at every point."""
    return seed + int(clip_sha256[:8], 16)


def results_of(planned: Sweep, rows: Sequence[Json], model: Json, options: RunOptions) -> Json:
    """What sweep.json holds."""
    return {
        "machine": machine(),
        "commit": commit(),
        "model": model,
        "sweep": planned.name,
        "asks": planned.asks,
        "axis": planned.axis,
        "values": list(planned.values),
        "fixed": asdict(planned.points[0]) | {planned.axis: None},
        "measures": list(planned.measures),
        "settings": asdict(options),
        "rows": list(rows),
        "means": [_mean(planned, rows, value) for value in planned.values],
        "persons": [
            {"person": person, **_mean(planned, [row for row in rows if _who(row) == person], value)}
            for person in sorted({_who(row) for row in rows})
            for value in planned.values
        ],
        "missing_measures": {name: NOT_OFFLINE[name] for name in planned.measures if name in NOT_OFFLINE},
    }


def _who(row: Json) -> str:
    """A clip of somebody unknown is somebody of its own."""
    return str(row["person"] or row["clip"])


def _mean(planned: Sweep, rows: Sequence[Json], value: Any) -> Json:
    """Over the clips that were measured at this value; ratios by their geometric mean."""
    here = [row for row in rows if row["value"] == value and row["error"] is None and not row["absent"]]
    absent = next((row["absent"] for row in rows if row["value"] == value and row["absent"]), "")
    names = dict.fromkeys([*planned.measures, *(name for row in here for name in row["measures"])])
    means = {}
    for name in names:
        known = [row["measures"][name] for row in here if row["measures"].get(name) is not None]
        mean = SWEEP_MEASURES[name].mean(known)
        means[name] = None if mean is None else round(mean, 4)
    return {"value": value, "clips": len(here), "absent": absent, "measures": means}


def write_results(out: Path, results: Json) -> None:
    """sweep.json, the plots and the page. UserError when they cannot be written."""
    try:
        (out / FILE_NAME).write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        write_page(out, results)
    except OSError as error:
        raise UserError(
            f"The results cannot be written into {out}: {error.strerror}. Free some space."
        ) from error
