"""Measures how fast the networks run on this machine; see `models.evaluation.speed`.

    python -m models.bench --out FILE.json [--threads 1,2] [--runs 50]

Leave the machine alone meanwhile: whatever else runs on it is in the numbers.
"""

import argparse
import sys
from pathlib import Path

from shared.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status, 2 for wrong arguments or when something is not installed."""
    parser = argparse.ArgumentParser(prog="python -m models.bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=_threads, default=(1, 2), help="numbers of threads (default 1,2)")
    parser.add_argument("--runs", type=int, default=50, help="calls of each network (default 50)")
    options = parser.parse_args(arguments)
    if options.runs < 1:
        parser.error("--runs is 1 or more")
    try:
        from models.evaluation.results import write_json
        from models.evaluation.speed import measure
    except ImportError as error:
        print(f"{error}. Install what is missing: pip install 'facewire[openvino]'.", file=sys.stderr)
        return 2
    try:
        result = measure(options.threads, options.runs)
        write_json(options.out, result)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    for name, mark in result["marks"].items():
        print(f"{name}: {mark['found_ms']:.1f} ms, at most {mark['most_ms']:g} wanted")
    return 0


def _threads(text: str) -> tuple[int, ...]:
    counts = tuple(int(part) for part in text.split(","))
    if not all(1 <= count <= 64 for count in counts):
        raise argparse.ArgumentTypeError("1 to 64 threads")
    return counts


if __name__ == "__main__":
    raise SystemExit(main())
