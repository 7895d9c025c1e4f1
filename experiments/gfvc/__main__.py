"""Results that can stand beside papers on generative face video coding: 256x256, 25 fps, one key picture, payloads alone.

    python -m experiments gfvc --clips DIR --out DIR
    python -m experiments gfvc --clips DIR --out DIR --arms vvc,av1 --limit 3 --seconds 5

Leaves gfvc.md (tables), gfvc.csv and gfvc.json, with the conditions that are kept and those that are not, and with what the same
motion takes as the SEI messages of H.274. These rates are payloads: for what a call takes use `python -m experiments run`. The
exit status is the number of clips that failed, at most 100; 102 stands for something that you can mend, 130 for Ctrl-C.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from experiments.command_line import EXIT_INTERRUPTED, EXIT_USER, FAILED_MOST, CountingParser
from shared.errors import UserError

REPORT: Final = "gfvc.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; see the module's docstring for the exit status."""
    options = _parser().parse_args(arguments)
    from experiments.gfvc.run import GfvcOptions, gfvc

    try:
        settings = GfvcOptions(
            options.seconds or None, options.every, options.limit,
            tuple(word.strip() for word in options.arms.split(",") if word.strip()),
            not options.no_vgg, options.size, options.backend, options.threads,
        )  # fmt: skip
        failed = gfvc(
            options.clips, options.out, settings, lambda what: print(what, file=sys.stderr, flush=True)
        )
    except UserError as error:
        print(f"gfvc: {error}", file=sys.stderr)
        return EXIT_USER
    except KeyboardInterrupt:
        print("gfvc: stopped.", file=sys.stderr)
        return EXIT_INTERRUPTED
    print(f"open {options.out / REPORT}")
    return min(failed, FAILED_MOST)


def _parser() -> argparse.ArgumentParser:
    parser = CountingParser("python -m experiments gfvc", __doc__)
    add = parser.add_argument
    add("--clips", type=Path, metavar="DIR", required=True, help="folder of clips, or one with a clips.csv")
    add("--out", type=Path, metavar="DIR", required=True, help="folder of the results")
    add("--arms", default="", help="rivals at the same payload rates, such as vvc,av1 (default: none)")
    add("--seconds", type=float, default=0, help="of each clip at most; 0: all (default)")
    add("--every", type=int, default=5, help="measure each N-th picture (default %(default)s)")
    add("--limit", type=int, metavar="N", help="the first N clips only")
    add("--no-vgg", action="store_true", help="leave vgg out: it takes 0.3 s a picture")
    add("--size", default="lite", help="network: lite, nano or full (default %(default)s)")
    add("--backend", default="auto", help="what runs it (default %(default)s)")
    add("--threads", type=int, default=1, help="of the network (default %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
