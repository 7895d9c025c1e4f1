"""Command line: `python -m receiver.bench --calls 1,4,16,64 --backend auto --size lite --seconds 5 --out FILE.json`.

Invariant: the file is written whole or not at all; a `UserError` ends the command with one line on stderr and exit status 2.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from models.runtime.choose import BACKENDS, SIZES
from receiver.bench.calls import SETTLE_S
from receiver.bench.engines import Choice, Engine, LocalEngine, SpreadEngine
from receiver.bench.machine import GpuMeter
from receiver.bench.report import Row, max_calls, row_of
from receiver.bench.tape import read_tape
from shared.errors import UserError
from shared.limits import RENDER_BATCH_MAX, RENDER_CALLS_MAX
from shared.provenance import commit, machine

EXIT_USER: Final = 2
_ABOUT: Final = """\
Measures how many calls one network serves. Each call is a whole receiver (decoder, playout, voice, disclosure mark) that
hears a recorded call; only the sockets are left out. For each number of calls a row says: pictures a second that the network
made for each call, how long after they were due they were there, memory, power, and pictures that were never made.
`one_by_one` is the same load with a network that makes one picture at a time; where the backend cannot do more, it is the
same rows."""
_EXAMPLES: Final = """\
examples:
  python -m receiver.bench --out bench.json
  python -m receiver.bench --calls 1,16,64,128 --backend cuda --size lite --processes 6 --seconds 10 --out h200.json
  python -m receiver.bench --calls 1,2 --backend openvino --threads 1 --out cpu.json

Leave the machine alone meanwhile: whatever else runs on it is in the numbers.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all loads; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _check_seconds(options.seconds)
        choice = Choice(options.backend, options.size, options.threads, options.weights)
        engine = LocalEngine(choice) if options.processes == 1 else SpreadEngine(choice, options.processes)
        try:
            found = engine.described
            print(f"{found.model.name} on {found.device} ({found.backend})", file=sys.stderr)
            result = measure(engine, options.calls, options.seconds)
        finally:
            engine.close()
        _write(options.out, {"size": options.size, "processes": options.processes, **result})
    except UserError as error:
        print(f"receiver.bench: {error}", file=sys.stderr)
        return EXIT_USER
    return 0


def measure(engine: Engine, calls: Sequence[int], seconds: float) -> dict[str, Any]:
    """Everything but what was asked for, as plain values for JSON."""
    found = engine.described
    rows = _rows(engine, calls, seconds, RENDER_BATCH_MAX)
    one_by_one = rows if found.batch_max == 1 else _rows(engine, calls, seconds, 1)
    return {
        "machine": machine(),
        "commit": commit(),
        **asdict(found),
        "seconds": seconds,
        "rows": [asdict(row) for row in rows],
        "one_by_one": [asdict(row) for row in one_by_one],
        "max_calls_25fps_p99_40ms": max_calls(rows),
    }


def _rows(engine: Engine, calls: Sequence[int], seconds: float, batch_max: int) -> list[Row]:
    rows = []
    for count in calls:
        meter = GpuMeter()
        try:
            outcome = engine.run(count, seconds, batch_max)
        finally:
            gpu_mb, watts = meter.close()
        rows.append(row_of(outcome.load, outcome.rss_mb, gpu_mb, watts))
        print(_line(rows[-1], min(batch_max, engine.described.batch_max)), file=sys.stderr, flush=True)
    return rows


def _check_seconds(seconds: float) -> None:
    longest_s = int(read_tape().seconds - SETTLE_S)
    if not 1 <= seconds <= longest_s:
        raise UserError(f"--seconds {seconds:g} is not possible: the recorded call allows 1 to {longest_s}.")


def _line(row: Row, batch_max: int) -> str:
    how = "one by one" if batch_max == 1 else "batches"
    late = (
        "none made"
        if row.latency_p99_ms is None
        else f"p50 {row.latency_p50_ms} ms, p99 {row.latency_p99_ms} ms"
    )
    return f"{row.calls} calls, {how}: {row.fps_per_call} fps each, {late}, {row.shed} never made"


def _write(path: Path, content: dict[str, Any]) -> None:
    draft = path.with_name(path.name + ".part")
    try:
        draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror}. Choose another path for --out.") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m receiver.bench",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--calls",
        type=_counts,
        default=(1, 4, 16, 64),
        metavar="N,N",
        help="numbers of calls (default: 1,4,16,64)",
    )
    add("--backend", choices=BACKENDS, default="auto", help="what runs the network (default: auto)")
    add("--size", choices=SIZES, default="lite", help="size of the network (default: lite)")
    add(
        "--threads",
        type=int,
        metavar="N",
        help="threads of a network on a CPU (default: the cores but one, at most 2)",
    )
    add(
        "--processes",
        type=_processes,
        default=1,
        metavar="N",
        help="receivers that share the calls, each with its own network (default: 1)",
    )
    add("--weights", type=Path, metavar="DIR", help="one's own weights, before the shipped ones")
    add("--seconds", type=float, default=5.0, metavar="S", help="measured time of each load (default: 5)")
    add("--out", type=Path, required=True, metavar="FILE.json", help="where the numbers go")
    return parser


def _processes(text: str) -> int:
    if not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError("1 to 64 processes")
    return int(text)


def _counts(text: str) -> tuple[int, ...]:
    counts = tuple(int(part) for part in text.split(","))
    if not all(1 <= count <= RENDER_CALLS_MAX for count in counts):
        raise argparse.ArgumentTypeError(f"1 to {RENDER_CALLS_MAX} calls")
    return counts


if __name__ == "__main__":
    sys.exit(main())
