"""Sweeps: vary one setting of a call, and see what it does.

    python -m experiments sweep --list
    python -m experiments sweep loss --clips DIR --out DIR            a shipped sweep
    python -m experiments sweep mine.yaml --clips DIR --out DIR --limit 2 --seconds 3

Leaves sweep.json, sweep.html and one SVG for each measure in the folder. Run it again after a stop: it goes on where it was. No
call is made; clips are coded, sent through the virtual link and rebuilt as calls do it, on one core. The exit status is the
number of cells that failed, at most 100; 102 stands for something that you can mend, 130 for Ctrl-C.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from experiments.command_line import EXIT_INTERRUPTED, EXIT_USER, FAILED_MOST, CountingParser
from experiments.sweeps.plan import read_sweep, shipped
from shared.errors import UserError

DEFAULT_SECONDS: Final = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; see the module's docstring for the exit status."""
    options = _parser().parse_args(arguments)
    try:
        if options.list:
            for name, path in shipped().items():
                planned = read_sweep(path)
                print(
                    f"{name:16} {planned.axis}: {', '.join(map(str, planned.values))}\n{'':16} {planned.asks}"
                )
            return 0
        return _run(options)
    except UserError as error:
        print(f"sweeps: {error}", file=sys.stderr)
        return EXIT_USER
    except KeyboardInterrupt:
        print("sweeps: stopped; run it again to go on.", file=sys.stderr)
        return EXIT_INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = CountingParser("python -m experiments sweep", __doc__)
    add = parser.add_argument
    add("plan", nargs="?", help="name of a shipped sweep, or a YAML file")
    add("--list", action="store_true", help="the shipped sweeps and what each asks")
    add("--clips", type=Path, metavar="DIR", help="folder of clips, or one with a clips.csv")
    add("--out", type=Path, metavar="DIR", help="folder of the results")
    add(
        "--seconds",
        type=float,
        default=DEFAULT_SECONDS,
        help="of each clip at most; 0: all (default %(default)s)",
    )
    add("--every", type=int, default=5, help="measure each N-th picture (default %(default)s)")
    add("--limit", type=int, metavar="N", help="the first N clips only")
    add("--seed", type=int, default=0, help="of the links' chances (default %(default)s)")
    add("--size", default="lite", help="network: lite, nano or full (default %(default)s)")
    add("--backend", default="auto", help="what runs it (default %(default)s)")
    add("--threads", type=int, default=1, help="of the network (default %(default)s)")
    return parser


def _run(options: argparse.Namespace) -> int:
    from experiments.sweeps.page import PAGE_NAME
    from experiments.sweeps.run import RunOptions, sweep

    if not options.plan or options.clips is None or options.out is None:
        raise UserError("Name a sweep, --clips and --out; --list shows the sweeps, --help an example.")
    settings = RunOptions(
        options.seconds or None, options.every, options.limit, options.seed, options.size, options.backend,
        options.threads,
    )  # fmt: skip
    columns = (
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("opening the networks", total=None)
        failed = sweep(
            options.plan, options.clips, options.out, settings,
            lambda what, done, of: bar.update(task, description=what, completed=done, total=of),
        )  # fmt: skip
    print(f"open {options.out / PAGE_NAME}")
    return min(failed, FAILED_MOST)


if __name__ == "__main__":
    sys.exit(main())
