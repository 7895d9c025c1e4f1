"""Command line: `python -m receiver --signaling ws://host/ws --token-file token --sink mp4:call.mp4`.

Invariant: a `UserError` ends the command with one line on stderr and exit status 2, never with a traceback; sinks are
closed and the statistics are written however the call ends.
"""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

from models.runtime.base import Backend
from models.weights import use_weights
from receiver.call import ReceiverCall
from receiver.clock import monotonic_us
from receiver.command_line import (
    EXIT_FAILED,
    EXIT_OK,
    add_call_flags,
    add_engine_flags,
    add_operation_flags,
    on_signals,
    told,
)
from receiver.config import ReceiverConfig, load_config, print_config
from receiver.doctor import run_doctor
from receiver.fitting import open_fitting
from receiver.operations import call_metrics, health_port
from receiver.provenance_command import make_key, verify
from receiver.provenance_setup import signer_of
from receiver.render_worker import RenderWorker
from receiver.service.command import fleet
from receiver.service.command import main as serve
from receiver.session import CallEnd, EndReason, LiveReport
from receiver.session_maker import SessionMaker
from receiver.sinks.open import SPECS, SinkSet, open_sinks
from receiver.stats import CallStats, report, write_report
from receiver.watermark.command import main as watermark_detect
from shared.join_token import join_from_settings
from shared.signaling_messages import Join
from shared.transport.seat import Seat

TOOLS: Final = {
    "serve": serve,
    "fleet": fleet,
    "watermark-detect": watermark_detect,
    "provenance-verify": verify,
    "provenance-key": make_key,
}
"""Commands with arguments of their own."""
_EXAMPLES = """\
examples:
  python -m receiver --signaling ws://127.0.0.1:8080/ws --token-file receiver.token --sink mp4:call.mp4
  python -m receiver --signaling wss://calls.example.org/ws --token-env FACEWIRE_TOKEN --sink window
  python -m receiver serve --help     (many calls with one network, for a signaling service that shares them out)
  python -m receiver fleet --help     (such receivers on many machines, placed by Ray)
  python -m receiver doctor           (what is there, what would be used, how fast, and how to mend the rest)
  python -m receiver watermark-detect call.mp4        (does a film carry facewire's invisible mark?)
  python -m receiver provenance-verify call.mp4       (is its signature right, and what does it say?)

Settings come from the defaults, then --config FILE.toml, then flags; --print-config shows the result. Each second a
line of JSON goes to stdout: state, media_s, forward_kbps, reverse_kbps, fps. Ctrl-C ends the call in good order.
Every picture that is shown or recorded to be shown carries the mark 'reconstructed'; lossless files, which are for
measuring, do not. A token comes from: python -m signaling token --room ROOM --role receiver --secret-file FILE
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one call; returns the process's exit status: 0, 1 when the other end was lost, 2 for what one can mend."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given and given[0] in TOOLS:
        return TOOLS[given[0]](given[1:])
    options = vars(_parser().parse_args(given))
    logging.basicConfig(level=logging.WARNING, format="receiver: %(message)s")
    return told(lambda: _command(options))


def _command(options: dict[str, Any]) -> int:
    command = options.pop("command", None)
    file, only_print = options.pop("config", None), options.pop("print_config", False)
    config = load_config(options, file)
    if config.weights:
        use_weights(Path(config.weights))
    if command == "doctor":
        return run_doctor(config.backend, config.size, config.threads)
    if only_print:
        print(print_config(config), end="")
        return EXIT_OK
    return asyncio.run(_run(config))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m receiver",
        description="Receives a call: rebuilds the face from keypoints and plays the voice.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    default = ReceiverConfig()
    add = parser.add_argument
    add(
        "command",
        nargs="?",
        default=None,
        choices=["doctor"],
        help="examine this machine instead of making a call",
    )
    add("--signaling", metavar="URL", help="address of the signaling service, such as ws://127.0.0.1:8080/ws")
    token = parser.add_mutually_exclusive_group()
    token.add_argument("--token-file", metavar="FILE", help="file with the join token")
    token.add_argument("--token-env", metavar="NAME", help="environment variable with the join token")
    add(
        "--sink", action="append", metavar="SPEC", help=f"{SPECS}; may be given several times (default: none)"
    )
    add_engine_flags(parser, default)
    add("--seconds", type=float, metavar="S", help="end the call after this long")
    add("--stats", metavar="FILE.json", help="write what happened, also after Ctrl-C or a lost peer")
    add_call_flags(parser, default)
    add_operation_flags(parser, default)
    return parser


async def _run(config: ReceiverConfig) -> int:
    """Everything that can be refused is opened before anybody is called."""
    _join_of(config)()
    backend = await asyncio.to_thread(open_fitting, config.backend, config.size, config.threads)
    print(f"receiver: {backend.model.name} on {backend.device} ({backend.name})", file=sys.stderr)
    records = any(spec.startswith("mp4:") for spec in config.sink)
    sinks = open_sinks(config.sink, signer_of(records, config.provenance_key, backend.model))
    worker = RenderWorker(backend)
    try:
        return await _call(config, worker, sinks)
    finally:
        await asyncio.to_thread(sinks.close)
        await asyncio.to_thread(worker.close)


async def _call(config: ReceiverConfig, worker: RenderWorker, sinks: SinkSet) -> int:
    stats = CallStats(joined_us=monotonic_us())
    seat = Seat(config.signaling, _join_of(config))
    maker = SessionMaker(worker, stats, _print_report, _print_digits)
    call = ReceiverCall(seat.meet, maker, sinks, config.seconds, config.rejoin_seconds)
    try:
        async with health_port(config, call_metrics(stats, maker.wire.snapshot)) as drain:

            def end_it() -> None:
                drain()
                call.stop()

            on_signals(end_it)
            end = await call.run()
    finally:
        await seat.leave()
        await asyncio.to_thread(sinks.close)
        stats.failures = list(sinks.failures)
        if config.stats and maker.wire.newest is not None and call.session is not None:
            described = _describe(worker.backend)
            content = report(stats, _shown(config), described, maker.wire.newest, call.session.decoder.stats)
            write_report(Path(config.stats), content)
    return _exit_status(end)


def _join_of(config: ReceiverConfig) -> Callable[[], Join]:
    """The way into the room that the settings name, read when it is called. That raises UserError."""
    return partial(join_from_settings, config.signaling, config.token_file, config.token_env)


def _describe(backend: Backend) -> dict[str, Any]:
    return {"backend": backend.name, "device": backend.device, "model": asdict(backend.model)}


def _shown(config: ReceiverConfig) -> dict[str, Any]:
    """Settings for the statistics: where the token is and which service was used stay out, of sinks their kinds remain.

    The address of a push often ends in the key to somebody's channel.
    """
    private = ("token_file", "token_env", "signaling", "provenance_key", "weights")
    shown = {name: value for name, value in asdict(config).items() if name not in private}
    return shown | {"sink": [spec.partition(":")[0] for spec in config.sink]}


def _print_digits(digits: str) -> None:
    """Read aloud by both people: the voice is real, the picture is not."""
    print(
        f"receiver: security number {digits}. Compare it by voice: a different one means that somebody sits in between.",
        file=sys.stderr,
    )


def _print_report(live: LiveReport) -> None:
    values = asdict(live).items()
    print(json.dumps({n: round(v, 2) if isinstance(v, float) else v for n, v in values}), flush=True)


def _exit_status(end: CallEnd) -> int:
    if end.reason in (EndReason.PEER_LOST, EndReason.PEER_REFUSED):
        detail = f" ({end.error})" if end.error else ""
        print(f"receiver: {end.reason.value}{detail}. Start the call again at both ends.", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
