"""Measure a finished call: join its recordings, let AV1 compete at the same wire rate, compare, build the
report.

May import everything of experiments. Invariant: ours, the held first frame and AV1 are measured on the same
frames against the same originals, and AV1 gets every bit of the wire that the voice and the packet headers
leave.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experiments.demo.call import CallOutcome
from experiments.demo.recording import Joined, hold_first, join, read_recording, read_voice
from experiments.demo.report import Report, build_report
from experiments.demo.stats import ReceiverStats, SenderStats, read_receiver_stats, read_sender_stats
from experiments.measures.clip import ClipQuality, compare_many, load_tools
from experiments.measures.vgg import load_vgg
from experiments.rivals.av1 import RivalClip, encode_at_rate, rival_payload_kbps

MEASURE_EVERY: Final = 2
"""Every second frame is measured."""
VGG_SAMPLES: Final = 16
"""Frames of the call on which vgg is taken: it costs 0.3 s a picture on one core."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Memory:
    """Peak resident memory of each end in MB (10^6 bytes)."""

    sender_mb: float
    receiver_mb: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything the page and the film need. voice: what the receiver played, int16 mono, from
    the first joined picture on."""

    report: Report
    sender: SenderStats
    receiver: ReceiverStats
    joined: Joined
    rival: RivalClip
    quality: dict[str, ClipQuality]
    memory: Memory
    voice: NDArray[np.int16]
    voice_rate_hz: int
    vgg_absent: bool


def measure_call(outcome: CallOutcome, vgg_weights: Path | None, progress: Progress) -> Measured:
    """All measurements of one call; progress(what, 0..1). UserError when the call left too little behind."""
    files = outcome.files
    sender, receiver = read_sender_stats(files.sender_stats), read_receiver_stats(files.receiver_stats)
    joined = join(read_recording(files.crops, "the sender"), read_recording(files.lossless, "the receiver"))
    vgg = load_vgg(vgg_weights, threads=min(4, os.cpu_count() or 1))  # the call is over: the cores are free
    target_kbps = rival_budget_kbps(sender)
    rival = encode_at_rate(
        joined.original, target_kbps, vgg, lambda part: progress("AV1 at the same rate", part)
    )
    variants = {
        "rebuilt": joined.rebuilt,
        "frozen": hold_first(joined.original),
        "av1_same_wire": rival.coded.frames,
    }
    vgg_every = max(1, len(joined.original) // MEASURE_EVERY // VGG_SAMPLES)
    tools = load_tools(vgg)
    quality = compare_many(
        joined.original, variants, tools, MEASURE_EVERY, vgg_every, lambda part: progress("measuring", part)
    )
    means = {arm: result.means for arm, result in quality.items()}
    voice, rate_hz = read_voice(files.lossless)
    return Measured(
        report=build_report(sender, receiver, means),
        sender=sender,
        receiver=receiver,
        joined=joined,
        rival=rival,
        quality=quality,
        memory=Memory(outcome.sender_rss_bytes / 1e6, outcome.receiver_rss_bytes / 1e6),
        voice=voice[joined.start_file_ms * rate_hz // 1000 :],
        voice_rate_hz=rate_hz,
        vgg_absent=vgg is None,
    )


def rival_budget_kbps(sender: SenderStats) -> float:
    """Payload that AV1 may use: our forward wire rate less the same voice and the headers of as many
    packets."""
    seconds = max(sender.wire.seconds, 1e-3)
    return rival_payload_kbps(
        wire_kbps=sender.wire.forward_bytes * 8 / 1000 / seconds,
        voice_kbps=sender.payload.audio_bytes * 8 / 1000 / seconds,
        packets_per_s=sender.wire.forward_packets / seconds,
    )
