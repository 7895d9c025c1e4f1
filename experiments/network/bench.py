"""One call of the benchmark: made, measured, and turned into a row and a time line.

May import everything of experiments. Invariant: the recordings of a call, which show people, are gone when it is measured.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from experiments.demo.call import CallSettings, Watch, run_call
from experiments.demo.recording import join, read_recording
from experiments.demo.stats import ReceiverStats, SenderStats, read_receiver_stats, read_sender_stats
from experiments.network.links import CLEAN
from experiments.network.plan import CallPlan
from experiments.network.relay import Relay
from experiments.network.row import Row, build_row, landmark_px
from experiments.network.timeline import Timeline, build_timeline, is_told, windows
from sender.face.tracker import FaceModels
from shared.errors import UserError


@dataclass(frozen=True, slots=True)
class Finished:
    """A measured call. model: name and sha256 of what drew the pictures."""

    row: Row
    timeline: Timeline | None
    model: dict[str, str]


def make_call(
    plan: CallPlan, landmark_px_no_loss: float | None, models: FaceModels, watch: Watch
) -> Finished:
    """Call and measure. CallFailed and UserError when the call did not take place or did not end as it should."""
    relay = Relay(plan.link)
    with tempfile.TemporaryDirectory(prefix="facewire-network-") as folder:
        settings = CallSettings(
            str(plan.clip),
            plan.link.seconds,
            plan.bundle_ms,
            Path(folder),
            film=False,
            more=_flags(plan),
            size="lite",  # rows are compared with one another
        )
        files = run_call(settings, watch, relay.route).files
        log = relay.log
        if log is None:
            raise UserError("No data of the call passed the link.")
        sender, receiver = read_sender_stats(files.sender_stats), read_receiver_stats(files.receiver_stats)
        shown_px = _landmark_px(files.crops, files.lossless, models)
    clean_px = shown_px if plan.link.name == CLEAN else landmark_px_no_loss
    blackouts = windows(plan.link, log, _end_us(sender, receiver))
    row = build_row(plan.key, sender, receiver, shown_px, clean_px, blackouts)
    model = {"name": receiver.model_name, "sha256": receiver.model_sha256}
    return Finished(
        row, build_timeline(plan.key, plan.link, log, sender) if is_told(plan.link) else None, model
    )


def _flags(plan: CallPlan) -> tuple[str, ...]:
    most = () if plan.link.max_kbps is None else ("--max-kbps", f"{plan.link.max_kbps:g}")
    return "--loop", "--rung", plan.rung, *most


def _landmark_px(crops: Path, rebuilt: Path, models: FaceModels) -> float | None:
    """None when the receiver showed nothing, as on the voice rung."""
    try:
        joined = join(read_recording(crops, "the sender"), read_recording(rebuilt, "the receiver"))
    except UserError:
        return None
    return landmark_px(joined, models)


def _end_us(sender: SenderStats, receiver: ReceiverStats) -> int:
    """When the last picture or voice of the call was captured or played."""
    captured = [picture.capture_us for picture in sender.pictures[-1:]]
    played = [block.played_us for block in receiver.voice[-1:]]
    return max([*captured, *played], default=0)
