"""Experiments on bandwidth and quality, one command each.

    python -m experiments run     rates and quality: facewire and its rivals on your clips
    python -m experiments sweep   one setting of a call is varied: loss, delay, bundles, keypoints, ...
    python -m experiments gfvc    tables beside papers on generative face video: payload rates, one keyframe
    python -m experiments report DIR   the page, CSV files and plots again, from DIR/results.json
    python -m experiments publish DIR  what a repository may hold of a run: a small JSON file and plots, no places, no pictures

Each command explains itself with --help. Must not import anything heavy before it knows the command.
"""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from shared.errors import UserError

COMMANDS: Final = {
    "run": "experiments.rates.__main__",
    "sweep": "experiments.sweeps.__main__",
    "gfvc": "experiments.gfvc.__main__",
    "publish": "experiments.rates.publish",
}
EXIT_USER: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status, 2 for a command that there is not."""
    command, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if command in ("-h", "--help"):
        print(__doc__.split("\n\nEach command")[0] if __doc__ else "")
        return 0
    if command in COMMANDS:
        return int(importlib.import_module(COMMANDS[command]).main(rest))
    if command == "report" and len(rest) == 1 and not rest[0].startswith("-"):
        return _report(Path(rest[0]))
    wrong = "report takes one folder" if command == "report" else f"there is no command {command!r}"
    print(f"experiments: {wrong}. Commands: {', '.join([*COMMANDS, 'report DIR'])}.", file=sys.stderr)
    return EXIT_USER


def _report(folder: Path) -> int:
    from experiments.rates.report import report

    try:
        report(folder)
    except UserError as error:
        print(f"report: {error}", file=sys.stderr)
        return EXIT_USER
    return 0


if __name__ == "__main__":
    sys.exit(main())
