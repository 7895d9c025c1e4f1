"""Traces of links: list the models, make a trace, look at one that you recorded.

    python -m experiments.traces --list
    python -m experiments.traces --make train-like --out train.trace [--seed 7]
    python -m experiments.traces --show mine.trace

A trace is a text file; write one from your own measurements like this (rate 0: packets wait, rate -: no limit):

    # facewire link trace 1
    # name: my office
    # queue_bytes: 16000
    time_ms rate_kbps delay_ms loss
    0 250 30 0
    1000 40 85 0.02

and use it with `python -m experiments run --link FILE` or in a sweep. After its last step it begins anew. The models are
synthetic, made from published parameters (see experiments/traces/models.py); they are not recordings.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from experiments.traces.models import MODELS, make_trace
from experiments.traces.trace import Trace, format_trace, read_trace
from shared.errors import UserError

EXIT_USER: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0, or 2 for something the user can mend."""
    options = _parser().parse_args(arguments)
    try:
        if options.make:
            _make(options.make, options.out, options.seed)
        elif options.show:
            print(_described(read_trace(options.show)))
        else:
            print(
                "\n".join(
                    f"{name:15} {model.about}\n{'':15} After {model.sources}."
                    for name, model in MODELS.items()
                )
            )
    except UserError as error:
        print(f"traces: {error}", file=sys.stderr)
        return EXIT_USER
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.traces",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--list", action="store_true", help="the models and their sources")
    what.add_argument("--make", metavar="NAME", help="make a trace of this model")
    what.add_argument("--show", type=Path, metavar="FILE", help="check a trace and say what it holds")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where --make writes")
    parser.add_argument(
        "--seed", type=int, default=1, help="another seed, another trace (default %(default)s)"
    )
    return parser


def _make(name: str, out: Path | None, seed: int) -> None:
    if name not in MODELS:
        raise UserError(f"There is no model {name!r}. Choose from: {', '.join(MODELS)}.")
    if out is None:
        raise UserError("--make needs a file to write. Give --out FILE.")
    trace = make_trace(name, seed)
    try:
        out.write_text(format_trace(trace), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}. Choose another --out.") from error
    print(_described(trace))


def _described(trace: Trace) -> str:
    """What a trace holds, each step counted by its length."""
    ends = [*(step.start_ms for step in trace.steps[1:]), trace.length_ms]
    spans = [(step, end_ms - step.start_ms) for step, end_ms in zip(trace.steps, ends, strict=True)]

    def mean(values: Sequence[float | None]) -> str:
        known = [
            (value, span_ms) for value, (_, span_ms) in zip(values, spans, strict=True) if value is not None
        ]
        total_ms = sum(span_ms for _, span_ms in known)
        return (
            f"{sum(value * span_ms for value, span_ms in known) / total_ms:.3g}" if total_ms else "no limit"
        )

    stopped = sum(span_ms for step, span_ms in spans if step.kbps == 0) / trace.length_ms
    return (
        f"{trace.name}: {len(trace.steps)} steps in {trace.length_ms / 1000:g} s, queue of {trace.queue_bytes} bytes\n"
        f"mean rate {mean([step.kbps for step in trace.steps])} kbit/s, nothing at all {stopped:.1%} of the time\n"
        f"mean delay {mean([step.delay_ms for step in trace.steps])} ms one way, mean loss "
        f"{mean([100 * step.loss for step in trace.steps])} %"
    )


if __name__ == "__main__":
    sys.exit(main())
