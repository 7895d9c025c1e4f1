"""Rates and quality: facewire and its rivals on your clips, at equal rates on the wire.

    python -m experiments run --clips DIR --out DIR
    python -m experiments run --clips DIR --out DIR --arms facewire,av1 --kbps 10,20 --limit 3
    python -m experiments run --clips DIR --out DIR --link loss5              a link of the table, a trace, or your own file
    python -m experiments run --clips DIR --out DIR --real-time               our arm makes true calls, one after the other
    python -m experiments run --clips DIR --out DIR --ray auto                on a Ray cluster (folders that all its machines see)

A rate is everything on the wire, both ways: pictures, voice, headers, acknowledgements. Rivals with the suffix _offline may look
ahead and take their time. Each cell (clip, arm, rate) is kept as soon as it is measured: a run that was stopped goes on where it
was. Leaves results.json, report.html, CSV files and plots in --out. Any video files will do; what cannot be used is named with
the reason, and the run goes on.

The exit status is the number of clips that failed, at most 100; 102 stands for something that you can mend, 130 for Ctrl-C.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from experiments.command_line import EXIT_INTERRUPTED, EXIT_USER, FAILED_MOST, CountingParser
from shared.errors import UserError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

NAMED: Final = 10
"""Failed clips that are named on the terminal; the page names all."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; see the module's docstring for the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except UserError as error:
        print(f"run: {error}", file=sys.stderr)
        return EXIT_USER
    except KeyboardInterrupt:
        print("run: stopped; run it again to go on where it was.", file=sys.stderr)
        return EXIT_INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = CountingParser("python -m experiments run", __doc__)
    add = parser.add_argument
    add(
        "--clips",
        type=Path,
        metavar="DIR",
        required=True,
        help="folder of video files, or one with a clips.csv",
    )
    add("--out", type=Path, metavar="DIR", required=True, help="folder of the results")
    add(
        "--arms",
        default="",
        help="such as facewire,av1,av1_offline (default: facewire,av1,vp9,h264,h265,vvc)",
    )
    add("--kbps", default="", help="rates on the wire, kbit/s (default: 6,10,15,20,30,50)")
    add("--seconds", type=float, default=5.0, help="of each clip at most, 1 to 120 (default %(default)g)")
    add("--link", metavar="FILE", help="YAML, JSON or trace, or a name; our arm's packets go through it")
    add("--workers", type=int, metavar="N", help="processes (default: one for each core)")
    add(
        "--ray",
        metavar="ADDRESS",
        help="Ray instead of processes: an address, auto (runs here) or local (started here)",
    )
    add("--real-time", action="store_true", help="true calls for our arm, with latency, skew and freezes")
    add("--size", default="lite", help="our network: lite or nano (default %(default)s)")
    add("--every", type=int, default=10, metavar="N", help="measure each N-th picture (default %(default)s)")
    add("--seed", type=int, default=0, help="of the link's chances (default %(default)s)")
    add(
        "--measure", action="append", default=[], metavar="NAME=FILE.onnx@SHA256",
        help="lpips, dists, csim or lse from a graph of your own; may be repeated",
    )  # fmt: skip
    add("--limit", type=int, metavar="N", help="the first N clips only")
    add(
        "--show-frames", action="store_true",
        help="keep strips and films and put strips into the page, if LICENCE.yaml in the folder of the clips allows it",
    )  # fmt: skip
    add("--fresh", action="store_true", help="forget what an earlier run measured")
    return parser


def _run(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    from experiments.rates.licence import read_licence
    from experiments.rates.link_file import link_from
    from experiments.rates.run import run
    from experiments.rates.settings import DEFAULT_ARMS, DEFAULT_KBPS, RunSettings, numbers, words

    settings = RunSettings(
        clips=options.clips, out=options.out, arms=words(options.arms) or DEFAULT_ARMS,
        kbps=numbers(options.kbps, "--kbps") or DEFAULT_KBPS, seconds=options.seconds,
        link=None if options.link is None else link_from(options.link, options.seed), workers=options.workers,
        ray=options.ray, real_time=options.real_time, size=options.size, every=options.every, seed=options.seed,
        measures=tuple(options.measure), limit=options.limit, fresh=options.fresh,
        licence=read_licence(options.clips) if options.show_frames else None,
    )  # fmt: skip
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
    )  # fmt: skip
    with Bar(*columns, console=Console(stderr=True), speed_estimate_period=600) as bar:
        outcome = run(settings, _Shown(bar), bar.console.print)
    if not outcome.failed_clips:
        return 0
    named = ", ".join(outcome.failed_clips[:NAMED]) + (" ..." if len(outcome.failed_clips) > NAMED else "")
    print(
        f"{len(outcome.failed_clips)} of {outcome.clips} clips failed ({outcome.failed_cells} of {outcome.cells} cells): "
        f"{named}. The page says why.",
        file=sys.stderr,
    )
    return min(len(outcome.failed_clips), FAILED_MOST)


class _Shown:
    """One bar for each thing that a run does."""

    def __init__(self, bar: "Bar") -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}

    def doing(self, what: str, done: int, of: int) -> None:
        """See `experiments.rates.run.Progress`."""
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=of)
        self._bar.update(self._tasks[what], completed=done, total=of)


if __name__ == "__main__":
    sys.exit(main())
