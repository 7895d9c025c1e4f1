"""One cell as a true call: three processes on loopback, in real time, pinned to what was found to meet the rate.

    file, Step --experiments.demo.call--> statistics of both ends, two recordings --> wire, latency, pictures, voice

May import everything of experiments; starts processes. Invariant: nothing of the cell is a model: the wire is counted at the
sockets, pictures and voice are those that the receiver recorded; the recordings, which show people, are gone afterwards.
"""

import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.demo.call import CallFailed, CallSettings, direct, run_call
from experiments.demo.recording import Joined, join, read_recording, read_voice
from experiments.demo.report import HELD, Report, build_report
from experiments.demo.stats import ReceiverStats, read_receiver_stats, read_sender_stats
from experiments.network.relay import Relay
from experiments.rates.measured import (
    DIGITS,
    OPUS_DELAY_SAMPLES,
    SETTLED_FRAMES,
    Measurer,
    MeasureTools,
    settled,
)
from experiments.rates.ours import Step
from experiments.rates.search import RATE_TOLERANCE, off
from experiments.rates.settings import RunSettings
from sender.sources.base import PICTURE_INTERVAL_MS, VOICE_BLOCK_MS, SourceReport
from sender.sources.file import probe_file
from sender.sources.file_decode import voice_samples
from shared.errors import UserError
from shared.opus import SAMPLE_RATE_HZ, SAMPLES_PER_MS

MAX_KBPS_LEAST: Final = 10.0
"""What `sender --max-kbps` takes at least."""

Json = dict[str, Any]


def real_cell(path: Path, step: Step, target_kbps: float, settings: RunSettings, tools: MeasureTools) -> Json:
    """Call and measure. UserError when the call did not take place or showed nothing."""
    with tempfile.TemporaryDirectory(prefix="facewire-rates-") as folder:
        call = CallSettings(
            str(path), settings.seconds, step.bundle_ms, Path(folder), film=False, more=_flags(step, target_kbps),
            size=settings.size,
        )  # fmt: skip
        route = direct if settings.link is None else Relay(settings.link).route
        try:
            files = run_call(call, lambda end, line: None, route).files
        except CallFailed as error:
            raise UserError(str(error)) from error
        sender, receiver = read_sender_stats(files.sender_stats), read_receiver_stats(files.receiver_stats)
        joined = join(
            read_recording(files.crops, "the sender"), read_recording(files.lossless, "the receiver")
        )
        heard, rate_hz = read_voice(files.lossless)
    report = build_report(sender, receiver, {})
    wire = {"forward_kbps": report.wire.forward_kbps, "back_kbps": report.wire.reverse_kbps}
    kbps = sum(wire.values())
    # The recordings begin with the first picture that both have; the first second is the call's, not theirs.
    early = sum(media_ms < SETTLED_FRAMES * PICTURE_INTERVAL_MS for media_ms in joined.media_ms)
    begin = 0 if settings.link is None else min(early, settled(len(joined.original)))
    measurer = Measurer(joined.original, tools, settings.every, begin)
    return {
        "reached": off(kbps, target_kbps) <= RATE_TOLERANCE,
        "wire": {name: round(value, 3) for name, value in (wire | {"kbps": kbps}).items()},
        "payload_kbps": {
            "audio": round(report.payload_kbps.audio, 3), "motion": round(report.payload_kbps.motion, 3),
            "keyframe": round(report.payload_kbps.keyframe, 3), "control": round(report.payload_kbps.control, 3),
        },
        "how": {
            "rung": step.rung, "bundle_ms": step.bundle_ms, "keyframe_bytes": step.keyframe_bytes, "real_call": True,
            "pictures": report.frames.rendered, "concealed": report.frames.concealed,
        },
        "measures": measurer.pictures(joined.rebuilt)
        | _voice(path, joined, heard, rate_hz, measurer)
        | _of_call(report, receiver),
    }  # fmt: skip


def _flags(step: Step, target_kbps: float) -> tuple[str, ...]:
    """Of the sender. Only thumbnails take their rate from what a call may use."""
    most = ("--max-kbps", f"{max(MAX_KBPS_LEAST, target_kbps):g}") if step.rung == "thumbnail" else ()
    return "--rung", step.rung, "--keyframe-bytes", str(step.keyframe_bytes), *most


def _of_call(report: Report, receiver: ReceiverStats) -> Json:
    held = [picture.state == HELD for picture in receiver.pictures]
    freezes = sum(now and not before for before, now in zip([False, *held], held, strict=False))
    latency, skew = report.latency_ms, report.av_skew_ms
    numbers = {
        "latency_p50_ms": latency.glass_to_glass_p50, "latency_p95_ms": latency.glass_to_glass_p95,
        "av_skew_p95_ms": skew.p95, "freezes": float(freezes),
    }  # fmt: skip
    return {name: None if value is None else round(value, DIGITS) for name, value in numbers.items()}


def _voice(
    path: Path, joined: Joined, heard: NDArray[np.int16], rate_hz: int, measurer: Measurer
) -> dict[str, float | None]:
    """From the first picture that both recordings have."""
    probe = probe_file(path)
    if not probe.has_voice or rate_hz != SAMPLE_RATE_HZ:
        return {"pesq": None, "stoi": None}
    last_ms = joined.media_ms[-1] + 40
    blocks: Sequence[NDArray[np.int16]] = list(
        islice(voice_samples(probe, None, SourceReport()), -(-last_ms // VOICE_BLOCK_MS))
    )
    spoken = np.concatenate([np.zeros(0, np.int16), *blocks])[joined.media_ms[0] * SAMPLES_PER_MS :]
    return measurer.voice(spoken, heard[joined.start_file_ms * SAMPLES_PER_MS :], OPUS_DELAY_SAMPLES)
