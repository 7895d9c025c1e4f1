"""One call, end to end, on this machine: `python -m experiments.demo [--input clip.mp4|camera] [--out DIR]`.

Starts signaling, sender and receiver as separate processes, runs the call over loopback WebRTC in real time,
measures it against a held first frame and AV1 at the same wire rate, and leaves reconstructed.mp4,
side_by_side.mp4, report.json and report.html. Invariant: whatever goes wrong is said in one line, and what
was rendered until then stays playable.
"""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import av
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from experiments.demo.call import CallFailed, CallSettings, files_in, run_call
from experiments.demo.measure import Measured, measure_call
from experiments.demo.page import render_page
from experiments.demo.processes import Report as ChildReport
from experiments.demo.video import Column, marked, write_side_by_side
from experiments.sample import SAMPLE_PATH
from receiver.fitting import SIZE_CHOICES
from shared.errors import UserError

DEFAULT_SECONDS: Final = 10.0
SECONDS_MIN, SECONDS_MAX = 1.0, 120.0
"""Shorter says nothing; longer does not fit in memory when it is measured (10 MB a second)."""
EXIT_FAILED, EXIT_USER, EXIT_INTERRUPTED = 1, 2, 130
NO_CAMERA: Final = (
    "There is no camera on this machine (no /dev/video*). Plug one in, or on a virtual machine pass one through, "
    "and check that your user may open it (group 'video'). Without one, use a clip: make demo INPUT=clip.mp4, or "
    "no INPUT for the sample."
)


@dataclass(slots=True)
class Live:
    """What the children said last, for the progress line."""

    bar: Progress
    task: TaskID
    numbers: dict[str, float] = field(default_factory=dict)
    sender_state: str = "silent"

    def update(self, end: str, report: ChildReport) -> None:
        """Take one line of a child's stdout."""
        if end == "sender":
            self.sender_state = str(report.get("state", self.sender_state))
        # The wire is counted where it begins, pictures where they end.
        for name in ("media_s", "forward_kbps") if end == "sender" else ("fps",):
            value = report.get(name)
            if isinstance(value, int | float):
                self.numbers[name] = float(value)
        text = f"{self.numbers.get('forward_kbps', 0):.1f} kbit/s, {self.numbers.get('fps', 0):.1f} fps"
        self.bar.update(self.task, completed=self.numbers.get("media_s", 0.0), numbers=text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0, 1 when a part failed, 2 for something the user can mend, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    console = Console()
    if threading.current_thread() is threading.main_thread():
        # A shell without job control starts background jobs deaf to SIGINT, and a demo must never have to be killed.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        settings = _settings(options)
        measured = _run(settings, options.vgg_weights, console)
    except UserError as error:
        print(f"demo: {error}", file=sys.stderr)
        return EXIT_USER
    except CallFailed as error:
        print(f"demo: {error}", file=sys.stderr)
        return EXIT_USER if error.status == EXIT_USER else EXIT_FAILED
    except KeyboardInterrupt:
        print(
            f"demo: stopped; what was rendered is in {files_in(options.out).reconstructed}", file=sys.stderr
        )
        return EXIT_INTERRUPTED
    _summarise(measured, settings.out, console)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.demo", description="One measured call on this machine."
    )
    parser.add_argument(
        "--input", default="", help="a video file or 'camera' (default: the project's own sample)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out/demo"), help="folder of the results (default: %(default)s)"
    )
    parser.add_argument(
        "--seconds", type=float, help=f"length of the call (default: the clip's, at most {DEFAULT_SECONDS:g})"
    )
    parser.add_argument(
        "--bundle-ms", type=int, default=80, help="media in one message (default: %(default)s)"
    )
    parser.add_argument(
        "--vgg-weights", type=Path, help="safetensors file of the measure vgg (default: the shared one)"
    )
    parser.add_argument(
        "--weights",
        type=Path,
        help="folder of your own weights (models.export --out); default: the shipped ones",
    )
    parser.add_argument(
        "--size",
        choices=SIZE_CHOICES,
        default="auto",
        help="network of the receiver; auto: lite, or nano where lite is too slow (default: %(default)s)",
    )
    return parser


def _settings(options: argparse.Namespace) -> CallSettings:
    """Checked settings; UserError for what cannot work."""
    if options.seconds is not None and not SECONDS_MIN <= options.seconds <= SECONDS_MAX:
        raise UserError(
            f"--seconds {options.seconds:g} is not possible: choose {SECONDS_MIN:g} to {SECONDS_MAX:g}."
        )
    out = options.out.resolve()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Cannot write into {out}: {error.strerror}. Choose another --out.") from error
    source, seconds = _source(options.input, options.seconds or DEFAULT_SECONDS)
    weights = options.weights and options.weights.resolve()
    return CallSettings(source, seconds, options.bundle_ms, out, weights=weights, size=options.size)


def _source(given: str, seconds: float) -> tuple[str, float]:
    """What the sender opens, and for how long at most."""
    if given == "camera":
        if sys.platform.startswith("linux") and not list(Path("/dev").glob("video*")):
            raise UserError(NO_CAMERA)
        return "camera", seconds
    path = Path(given).resolve() if given else SAMPLE_PATH
    if not path.is_file():
        raise UserError(
            f"There is no file {path}. Give --input a video file, 'camera', or leave it out for the sample."
        )
    return str(path), min(seconds, _duration_s(path) or seconds)


def _duration_s(path: Path) -> float | None:
    """Length of a video; None when its container does not say.

    The sender explains what is wrong with a bad file.
    """
    try:
        with av.open(str(path)) as container:
            return container.duration / av.time_base if container.duration else None
    except (OSError, av.FFmpegError):
        return None


def _run(settings: CallSettings, vgg_weights: Path | None, console: Console) -> Measured:
    columns = (
        TextColumn("{task.description:24}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[numbers]}"),
    )
    with Progress(*columns, console=console) as bar:
        live = Live(bar, bar.add_task("call, in real time", total=settings.seconds, numbers=""))
        outcome = run_call(settings, live.update)
        bar.update(live.task, completed=settings.seconds)
        tasks: dict[str, TaskID] = {}

        def progress(what: str, part: float) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=1.0, numbers="")
            bar.update(tasks[what], completed=part)

        try:
            measured = measure_call(outcome, vgg_weights, progress)
        except UserError as error:
            raise UserError(f"{error} The sender's last word was: {live.sender_state}.") from error
        progress("writing", 0.0)
        _write(settings, measured)
        progress("writing", 1.0)
    return measured


def _write(settings: CallSettings, measured: Measured) -> None:
    """report.json, details.json, side_by_side.mp4 and report.html."""
    out = settings.out
    (out / "report.json").write_text(json.dumps(measured.report.as_json(), indent=1) + "\n")
    rival = measured.rival
    details = {
        "measured_frames": len(measured.joined.media_ms),
        "memory_mb": asdict(measured.memory),
        "av1": {
            "target_payload_kbps": round(rival.target_kbps, 3),
            "payload_kbps": round(rival.coded.payload_kbps, 3),
            "size_px": rival.coded.size_px,
            "fps": rival.coded.fps,
            "crf": rival.coded.crf,
            "reached": rival.reached,
            "chosen_by": rival.measure,
        },
        "means": {arm: asdict(result.means) for arm, result in measured.quality.items()},
        "faces_missed": {arm: result.faces_missed for arm, result in measured.quality.items()},
    }
    (out / "details.json").write_text(json.dumps(details, indent=1) + "\n")
    columns = [
        Column("original", measured.joined.original),
        Column(
            f"facewire, {measured.report.wire.forward_kbps:.1f} kbit/s wire", marked(measured.joined.rebuilt)
        ),
        Column(f"AV1, same wire ({rival.coded.size_px} px, {rival.coded.fps:g} fps)", rival.coded.frames),
    ]
    write_side_by_side(out / "side_by_side.mp4", columns, measured.voice, measured.voice_rate_hz)
    (out / "report.html").write_text(render_page(measured, Path(settings.source).name), encoding="utf-8")


def _summarise(measured: Measured, out: Path, console: Console) -> None:
    report = measured.report
    ours, rival = report.quality["rebuilt"], report.quality["av1_same_wire"]

    def pair(name: str, digits: int) -> str:
        values = (getattr(ours, name), getattr(rival, name))
        return " against ".join("not measured" if v is None else f"{v:.{digits}f}" for v in values)

    console.print(
        f"wire     {report.wire.forward_kbps:.1f} kbit/s forward, {report.wire.reverse_kbps:.1f} back\n"
        f"pictures {report.frames.rendered} of {report.frames.captured} at {report.frames.fps:.1f} fps, "
        f"{report.frames.concealed} repeated\n"
        f"quality, ours against AV1 at the same wire rate: PSNR {pair('psnr_y_db', 1)} dB, vgg {pair('vgg', 2)}, "
        f"face points {pair('landmark_px', 1)} px\n"
        f"memory   sender {measured.memory.sender_mb:.0f} MB, receiver {measured.memory.receiver_mb:.0f} MB\n"
        f"open     {out / 'report.html'}",
        highlight=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    sys.exit(main())
