"""Real calls through impaired links: `python -m experiments.network --clips DIR --out DIR`.

Makes every planned call one after the other, and leaves network.json and network.html in the folder, both brought up to
date after each call. Run again, it goes on where it stopped: what is there for the same commit is not called again, what
failed is tried again. The exit status is the number of calls that failed, at most 100; 102 stands for something that the
user can mend, 130 for Ctrl-C.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from experiments.demo.call import CallFailed
from experiments.demo.processes import Report
from experiments.network.bench import make_call
from experiments.network.links import CLEAN, LINKS
from experiments.network.marks import judge
from experiments.network.page import order_of, render_page
from experiments.network.plan import (
    DEFAULT_BUNDLES_MS,
    DEFAULT_RUNGS,
    CallPlan,
    check_choice,
    chosen_links,
    plan_calls,
    speaking_clips,
)
from experiments.network.results import FILE_NAME, Results, key_of, load_results, save_results
from sender.face.tracker import FaceModels
from shared.errors import UserError
from shared.provenance import commit, machine

PAGE_NAME: Final = "network.html"
FAILED_MOST, EXIT_USER, EXIT_INTERRUPTED = 100, 102, 130
AROUND_CALL_S: Final = 12.0
"""Starting the programs and measuring, for the estimate of the time that is left."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to do. plans: all calls in order. out: folder of the results."""

    plans: tuple[CallPlan, ...]
    out: Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; see the module's docstring for the exit status."""
    options = _parser().parse_args(arguments)
    try:
        job = _job(options)
        results = load_results(job.out, machine(), commit())
        if options.fresh:
            results = Results(machine(), commit())
        _run(job, results)
    except UserError as error:
        print(f"network: {error}", file=sys.stderr)
        return EXIT_USER
    except KeyboardInterrupt:
        print(f"network: stopped; run it again to go on. So far: {options.out / PAGE_NAME}", file=sys.stderr)
        return EXIT_INTERRUPTED
    _summarise(job, results)
    planned = {plan.key for plan in job.plans}
    return min(sum(key_of(failure) in planned for failure in results.failures), FAILED_MOST)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.network", description="Real calls through impaired links, measured."
    )
    add = parser.add_argument
    add("--clips", type=Path, required=True, help="folder of clips with speech, or one with a clips.csv")
    add("--out", type=Path, default=Path("out/network"), help="folder of the results (default: %(default)s)")
    add("--links", default=",".join(LINKS), help="names from the table of links (default: %(default)s)")
    add(
        "--rungs",
        default=",".join(DEFAULT_RUNGS),
        help="rungs for the clean link; others get the first (%(default)s)",
    )
    bundles = ",".join(map(str, DEFAULT_BUNDLES_MS))
    add("--bundles", default=bundles, help="ms of media in a message, in the same way (default: %(default)s)")
    add("--limit", type=int, metavar="N", help="the first N clips only")
    add("--fresh", action="store_true", help="forget what an earlier run left in --out")
    return parser


def _job(options: argparse.Namespace) -> Job:
    """Checked settings; UserError for what cannot work."""
    rungs = _words(options.rungs)
    try:
        bundles_ms = [int(word) for word in _words(options.bundles)]
    except ValueError as error:
        raise UserError(
            f"--bundles {options.bundles} is not possible: give numbers such as 80,160."
        ) from error
    check_choice(rungs, bundles_ms)
    if not options.clips.is_dir():
        raise UserError(f"There is no folder {options.clips}. Give --clips a folder of video files.")
    clips, out = speaking_clips(options.clips, options.limit), options.out.resolve()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Cannot write into {out}: {error.strerror}. Choose another --out.") from error
    return Job(tuple(plan_calls(clips, chosen_links(_words(options.links)), rungs, bundles_ms)), out)


def _words(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise UserError("A list of names is empty: leave the option out for the default.")
    return words


def _run(job: Job, results: Results) -> None:
    """Make what is missing; write both files after each call."""
    keys = [plan.key for plan in job.plans]
    waiting = [plan for plan in job.plans if results.row(plan.key) is None]
    models = FaceModels.load()
    _write(job, results)
    with _progress() as bar:
        task = bar.add_task("", total=sum(_length_s(plan) for plan in waiting), doing="", numbers="")
        for plan in waiting:
            bar.update(task, doing=" ".join(map(str, filter(None, plan.key))), numbers="")

            def show(end: str, line: Report) -> None:
                if end == "sender":
                    bar.update(task, numbers=f"{line.get('forward_kbps', 0)} kbit/s")

            _call(plan, results, models, show)
            results.sort(order_of(keys))
            _write(job, results)
            bar.advance(task, _length_s(plan))


def _call(plan: CallPlan, results: Results, models: FaceModels, show: Callable[[str, Report], None]) -> None:
    try:
        done = make_call(plan, _without_loss(plan, results), models, show)
    except (CallFailed, UserError) as error:
        results.add_failure(plan.key, str(error))
        return
    results.add(done.row.as_json(), done.timeline.as_json() if done.timeline else None, done.model)


def _without_loss(plan: CallPlan, results: Results) -> float | None:
    """landmark_px of the clean call of the same clip, rung and bundle; of the first clean one where there is none."""
    clean = [row for row in results.rows if (row["clip"], row["link"]) == (plan.clip.stem, CLEAN)]
    same = [row for row in clean if (row["rung"], row["bundle_ms"]) == (plan.rung, plan.bundle_ms)]
    found: float | None = next((row["landmark_px"] for row in (*same, *clean)), None)
    return found


def _length_s(plan: CallPlan) -> float:
    return plan.link.seconds + AROUND_CALL_S


def _write(job: Job, results: Results) -> None:
    save_results(job.out, results)
    (job.out / PAGE_NAME).write_text(render_page(results, [plan.key for plan in job.plans]), encoding="utf-8")


def _progress() -> Progress:
    return Progress(
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[doing]} {task.fields[numbers]}"),
        console=Console(stderr=True),
    )


def _summarise(job: Job, results: Results) -> None:
    for verdict in judge(results):
        if verdict.passed is not None:
            state = "pass" if verdict.passed else "FAIL"
            print(
                f"{state}  {verdict.mark.group}: {verdict.mark.what}, {verdict.passing} of {verdict.calls} calls"
            )
    for failure in results.failures:
        print(f"failed call: {failure['clip']} {failure['rung']} {failure['link']}: {failure['error']}")
    print(f"open {job.out / PAGE_NAME} ({FILE_NAME} beside it)")


if __name__ == "__main__":
    sys.exit(main())
