"""Command line: `python -m sender --source clip.mp4 --signaling ws://host/ws --token-file token`.

Invariant: a `UserError` ends the command with one line on stderr and exit status 2, never with a traceback; the
statistics are written however the call ends.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from models.weights import bundle_digest, use_weights
from sender.call_end import CallEnd, EndReason, LiveReport
from sender.config import RUNGS, SenderConfig, load_config, print_config
from sender.face.models import load_prior
from sender.face.segmentation import PersonSegmenter
from sender.face.tracker import FaceModels, FaceTracker
from sender.motion_encoder import ANALYSER, MotionEncoder
from sender.pipeline import FacePipeline, warm_up
from sender.self_view import open_self_view
from sender.session import SenderSession
from sender.sources.base import Source
from sender.sources.open import open_source
from sender.stats import write_report
from shared.errors import UserError
from shared.join_token import join_from_settings
from shared.transport.fingerprints import fingerprints_of
from shared.transport.seat import Seat

EXIT_OK, EXIT_FAILED, EXIT_USER = 0, 1, 2
_EXAMPLES = """\
examples:
  python -m sender --source clip.mp4 --signaling ws://127.0.0.1:8080/ws --token-file sender.token
  python -m sender --source camera:1 --signaling wss://calls.example.org/ws --token-env FACEWIRE_TOKEN
  python -m sender --source pattern --seconds 10 --stats call.json ...     (no camera, no file needed)

Settings come from the defaults, then --config FILE.toml, then flags; --print-config shows the result. Each second a
line of JSON goes to stdout: state, media_s, forward_kbps, reverse_kbps, fps, rung, bundle_ms, estimate_kbps. Ctrl-C
ends the call in good order.
A token comes from: python -m signaling token --room ROOM --role sender --secret-file FILE
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one call; returns the process's exit status: 0, 1 when the other end was lost, 2 for what one can mend."""
    options = vars(_parser().parse_args(arguments))
    try:
        file, only_print = options.pop("config", None), options.pop("print_config", False)
        config = load_config(options, file)
        if only_print:
            print(print_config(config), end="")
            return EXIT_OK
        if config.weights:
            use_weights(Path(config.weights))
        return asyncio.run(_call(config))
    except UserError as error:
        print(f"sender: {error}", file=sys.stderr)
        return EXIT_USER
    except KeyboardInterrupt:  # before the call began; during it the signal handler ends it
        return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sender",
        description="Sends one person's face and voice into a call: voice as Opus, the face as motion and keyframes.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    default = SenderConfig()
    add = parser.add_argument
    add(
        "--source",
        metavar="SPEC",
        help="video file (or file:PATH), camera, camera:N, pattern, or whip:HOST:PORT for a WebRTC publisher (default: pattern)",
    )
    add("--signaling", metavar="URL", help="address of the signaling service, such as ws://127.0.0.1:8080/ws")
    token = parser.add_mutually_exclusive_group()
    token.add_argument("--token-file", metavar="FILE", help="file with the join token")
    token.add_argument("--token-env", metavar="NAME", help="environment variable with the join token")
    add("--loop", action="store_true", help="play the file over and over")
    add("--microphone", metavar="NAME", help="microphone to use with a camera (default: the system's)")
    add(
        "--rung",
        choices=tuple(RUNGS),
        help="what travels besides the voice: auto follows the network (default: auto)",
    )
    add(
        "--max-kbps",
        type=float,
        metavar="KBPS",
        help="most that may be sent, headers counted (default: 20; 40 for thumbnail, 150 for video)",
    )
    add(
        "--bundle-ms",
        type=_or_auto,
        metavar="MS",
        help="time between messages, 40 to 200, or auto: 80, more on a thin link (default: auto)",
    )
    add(
        "--voice-kbps",
        type=float,
        metavar="KBPS",
        help=f"Opus, 6 to 24 kbit/s (default: {default.voice_kbps:g})",
    )
    add(
        "--voice-frame-ms",
        type=_or_auto,
        metavar="MS",
        help="20, 40, 60, 80, 100, 120 or auto (default: auto)",
    )
    add(
        "--keyframe-bytes", type=int, metavar="N", help=f"largest picture (default: {default.keyframe_bytes})"
    )
    add(
        "--keyframe-kbps",
        type=float,
        metavar="KBPS",
        help=f"pace of keyframes (default: {default.keyframe_kbps:g})",
    )
    add(
        "--weights",
        metavar="DIR",
        help="one's own weights (python -m models.export --detector --out DIR), before the shipped ones",
    )
    add("--seconds", type=float, metavar="S", help="end the call after this long")
    add(
        "--rejoin-seconds",
        type=float,
        metavar="S",
        help=f"wait this long for a peer that was lost, 0: not at all (default: {default.rejoin_seconds:g})",
    )
    add(
        "--stats",
        metavar="FILE.json",
        help="write what happened, also after Ctrl-C or when the other end is lost",
    )
    add("--record-crop", metavar="FILE.mkv", help="write the crops losslessly (FFV1), to measure with")
    add("--config", type=Path, metavar="FILE.toml", help="settings by their long names, with _ for -")
    add("--print-config", action="store_true", help="print the settings and end")
    return parser


def _or_auto(text: str) -> int | None:
    return None if text == "auto" else int(text)


def make_pipeline() -> FacePipeline:
    """The networks of this end. Raises UserError when one is missing."""
    faces, segmenter, coder = FaceModels.load(), PersonSegmenter(load_prior("segmentation")), MotionEncoder()
    warm_up(FacePipeline(FaceTracker(faces), segmenter, coder))
    return FacePipeline(FaceTracker(faces), segmenter, coder, open_self_view())


async def _call(config: SenderConfig) -> int:
    join = partial(join_from_settings, config.signaling, config.token_file, config.token_env)
    join()  # a mistake in it is said before anything is opened
    seat = Seat(config.signaling, join)
    source = open_source(config.source, config.loop, config.microphone or None)
    try:
        pipeline = await asyncio.to_thread(make_pipeline)
        transport = await seat.meet()
    except BaseException:
        await source.close()
        await seat.leave()
        raise
    try:
        model = bundle_digest([ANALYSER])[:16]
        session = SenderSession(
            config,
            source,
            transport,
            pipeline,
            model,
            on_report=_print_report,
            fingerprints_of=fingerprints_of,
            on_authenticated=_print_digits,
            meet=seat.meet,
        )
    except BaseException:
        await transport.close()
        await source.close()
        await seat.leave()
        raise
    _stop_on_signals(session)
    try:
        end = await session.run()
    finally:
        await seat.leave()
        _warn(source)
        if config.stats:
            write_report(Path(config.stats), session.report())
    return _exit_status(end)


def _stop_on_signals(session: SenderSession) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, session.stop)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(session.stop))


def _print_digits(digits: str) -> None:
    """Read aloud by both people: the voice is real, the picture is not."""
    print(
        f"sender: security number {digits}. Compare it by voice: a different one means that somebody sits in between.",
        file=sys.stderr,
    )


def _print_report(report: LiveReport) -> None:
    print(json.dumps({name: _short(value) for name, value in asdict(report).items()}), flush=True)


def _short(value: object) -> object:
    return round(value, 2) if isinstance(value, float) else value


def _warn(source: Source) -> None:
    for warning in source.report.warnings:
        print(f"sender: {warning}", file=sys.stderr)


def _exit_status(end: CallEnd) -> int:
    if end.reason in (EndReason.PEER_LOST, EndReason.PEER_REFUSED):
        detail = f" ({end.error})" if end.error else ""
        print(f"sender: {end.reason.value}{detail}. Start the call again at both ends.", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
