"""A whole run: which clips there are, which cells are missing, who measures them, and what comes of it.

    clips --look_at--> usable ones x arms x rates - CellStore --> jobs --run_tasks--> CellStore --> results.json, report

Must not import torch. Invariant: what is measured is kept as soon as it is; a run that is started again does what is missing; a
clip or cell that fails is in the results with its reason, and is tried again by the next run.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Protocol

from experiments.rates.cells import Cell, CellStore
from experiments.rates.clips import ClipFile, find_clips
from experiments.rates.codecs import CODECS, check_arms, why_absent
from experiments.rates.job import ClipFacts, Job, JobDone, failed_job, kept_facts, look_at, run_job
from experiments.rates.measured import OF_CALLS, tools_here
from experiments.rates.pool import run_tasks
from experiments.rates.report import report
from experiments.rates.results import MachineFacts, results_json, write_results
from experiments.rates.settings import OURS, RunSettings
from models.runtime.choose import choose_backend

NO_MODEL: Final = {"name": "none", "sha256": "none"}
"""Where our arm is not asked for."""

Json = dict[str, Any]
Place = tuple[str, str, float]


class Progress(Protocol):
    """What a run tells while it goes on."""

    def doing(self, what: str, done: int, of: int) -> None:
        """done of so many cells or clips."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """failed_clips: names of clips that were left out or have cells with an error. cells, failed_cells: their numbers."""

    clips: int
    failed_clips: tuple[str, ...]
    cells: int
    failed_cells: int


def run(settings: RunSettings, progress: Progress, say: Callable[[str], None] = print) -> Outcome:
    """Measure what is missing and write everything. UserError for settings, clips or folders that cannot be used."""
    check_arms(list(settings.arms))
    began = time.monotonic()
    store = CellStore(settings.out)
    if settings.fresh:
        store.forget()
    files = [_as_allowed(clip, settings) for clip in find_clips(settings.clips, settings.limit)]
    here = machine_facts(settings)
    clips = _looked_at(files, settings, progress)
    plan = _Plan(settings, here, [clip for clip, facts in clips if facts.error is None], store)
    errors = _measured(plan, settings, progress)
    cells = plan.cells(errors)
    write_results(settings, results_json(settings, here, clips, cells, time.monotonic() - began))
    report(settings.out, say)
    return _outcome(clips, cells)


def _as_allowed(clip: ClipFile, settings: RunSettings) -> ClipFile:
    return replace(clip, may_show=settings.licence is not None and settings.licence.allows(clip.name))


def machine_facts(settings: RunSettings) -> MachineFacts:
    """What can run and be measured here. UserError for weights or measures that cannot be used."""
    tools = tools_here(settings.measures, settings.real_time)
    absent = {arm: reason for arm in settings.arms if arm != OURS and (reason := why_absent(CODECS[arm]))}
    model = asdict(choose_backend("auto", settings.size, 1).model) if OURS in settings.arms else NO_MODEL
    return MachineFacts(model, absent, tools.names, tools.missing)


def _looked_at(
    files: Sequence[ClipFile], settings: RunSettings, progress: Progress
) -> list[tuple[ClipFile, ClipFacts]]:
    """What is known of every clip; those that were looked at before are not opened."""
    found = {file: facts for file in files if (facts := kept_facts(file, settings)) is not None}
    tasks = [(file, settings) for file in files if file not in found]
    progress.doing("looking at the clips", len(found), len(files))
    for (file, _), seen in run_tasks(look_at, tasks, settings.workers, settings.ray):
        found[file] = seen if isinstance(seen, ClipFacts) else ClipFacts(0.0, False, (), seen)
        progress.doing("looking at the clips", len(found), len(files))
    return [(file, found[file]) for file in files]


@dataclass(slots=True)
class _Plan:
    """All cells of a run: every arm that can run, on every clip that can be used, at every rate."""

    settings: RunSettings
    here: MachineFacts
    clips: Sequence[ClipFile]
    store: CellStore
    all: list[Job] = field(default_factory=list)

    def __post_init__(self) -> None:
        taken = [name for name in self.here.measures if name not in OF_CALLS]
        digests = {
            arm: self.settings.digest(arm, self.here.model["sha256"], taken)
            for arm in self.settings.arms
            if arm not in self.here.absent
        }
        self.all = [
            Job(clip, arm, self.settings.kbps, self.settings, digest)
            for clip in self.clips
            for arm, digest in digests.items()
        ]

    def missing(self) -> list[Job]:
        """Jobs with the rates that are not measured yet."""
        jobs = []
        for job in self.all:
            kbps = tuple(rate for rate in job.kbps if self.store.get(job.cell(rate)) is None)
            if kbps:
                jobs.append(Job(job.clip, job.arm, kbps, job.settings, job.settings_sha256))
        return jobs

    def cells(self, errors: dict[Place, Json]) -> dict[Place, Json]:
        """Every cell: what is kept, else why there is nothing."""
        nothing: Json = {"error": "it was not measured"}
        return {
            (job.clip.name, job.arm, rate): self.store.get(job.cell(rate))
            or errors.get((job.clip.name, job.arm, rate), nothing)
            for job in self.all
            for rate in job.kbps
        }


def _measured(plan: _Plan, settings: RunSettings, progress: Progress) -> dict[Place, Json]:
    """Measures what is missing; returns what failed. Real calls come last and one by one: they need the machine to themselves."""
    jobs = plan.missing()
    waiting = [job.cell(rate) for job in jobs for rate in job.kbps]
    watch, errors = _Watch(plan.store, waiting, progress), dict[Place, Json]()
    calls = [job for job in jobs if settings.real_time and job.arm == OURS]
    others = [job for job in jobs if job not in calls]
    for part, workers, ray in ((others, settings.workers, settings.ray), (calls, 1, None)):
        for job, done in run_tasks(run_job, part, workers, ray, watch.look):
            done = done if isinstance(done, JobDone) else failed_job(job, done)
            for rate, result in done.results:
                if result["error"] is not None:
                    errors[job.clip.name, job.arm, rate] = result
                elif plan.store.get(job.cell(rate)) is None:  # measured on a machine with another disk
                    plan.store.put(job.cell(rate), result)
            watch.done(job)
    return errors


class _Watch:
    """Tells how many cells there are by now, whoever measured them."""

    def __init__(self, store: CellStore, waiting: Sequence[Cell], progress: Progress) -> None:
        self._store, self._waiting, self._progress, self._of = store, set(waiting), progress, len(waiting)

    def look(self) -> None:
        """Count again."""
        self._waiting = {cell for cell in self._waiting if not self._store.holds(cell)}
        self._progress.doing("measuring", self._of - len(self._waiting), self._of)

    def done(self, job: Job) -> None:
        """Nothing more comes of this job."""
        self._waiting -= {job.cell(rate) for rate in job.kbps}
        self.look()


def _outcome(clips: Sequence[tuple[ClipFile, ClipFacts]], cells: dict[Place, Json]) -> Outcome:
    failed = {clip.name for clip, facts in clips if facts.error is not None}
    failed |= {clip for (clip, _, _), cell in cells.items() if cell["error"] is not None}
    errors = sum(cell["error"] is not None for cell in cells.values())
    return Outcome(len(clips), tuple(sorted(failed)), len(cells), errors)
