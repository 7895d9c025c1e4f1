"""Feeds damaged messages to every parser and state machine that a stranger's bytes reach, for as long as asked.

    make fuzz MINUTES=60                        python -m tests.fuzz --minutes 60 --out out/fuzz
    python -m tests.fuzz --seed 1234 --only wire --minutes 0     one round again, the one that failed

Only documented errors may be raised, what was refused must leave no trace, memory must stay bounded. Inputs that break something
are written to OUT. Exit status: 0, 1 when something broke.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tests.fuzz.run import Failure, Tally, run


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (default 1); 0: one round")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; the next has the next")
    parser.add_argument(
        "--only", help="one target: wire, control, keyframe, coder, av1, opus, signaling, pool, sdp, machines"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out/fuzz"), help="where inputs that break something go"
    )
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("fuzzing", total=options.minutes * 60 or None)

        def told(tally: Tally) -> None:
            inputs = sum(tally.inputs.values())
            text = f"{tally.rounds} rounds, {inputs:,} inputs, {len(tally.failures)} failures"
            progress.update(task, description=text, completed=progress.tasks[0].elapsed or 0)

        tally = run(options.minutes * 60, options.seed, told, options.only)
    for name, count in tally.inputs.items():
        print(f"{name}: {count:,} inputs, {tally.refused[name]:,} refused")
    for failure in tally.failures:
        print(f"FAILED {failure.target} (--seed {failure.seed} --only {failure.target}): {failure.error}")
        _keep(failure, options.out)
    return int(bool(tally.failures))


def _keep(failure: Failure, folder: Path) -> None:
    if failure.data is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{failure.target}-{failure.seed}.bin").write_bytes(failure.data)


if __name__ == "__main__":
    sys.exit(main())
