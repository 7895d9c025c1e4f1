"""One call's row of `network.json`, and how each number of it comes about.

Must import numpy, `experiments.demo`, `experiments.measures` and the plan only. Invariant: a row has exactly the keys named here;
what could not be measured, or does not apply, is null.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from experiments.demo.recording import Joined
from experiments.demo.report import RECEIVED, build_report
from experiments.demo.stats import PlayedVoice, ReceiverStats, SenderStats
from experiments.measures.face import FaceMeasure, distance
from experiments.network.plan import Key
from sender.face.tracker import FaceModels
from shared.limits import VOICE_CONCEAL_MS

MEASURE_EVERY: Final = 2
"""Every second picture is measured, as in the demo."""

Window = tuple[int, int]
"""A blackout's begin and end in us of the machine's monotonic clock."""


@dataclass(frozen=True, slots=True)
class Row:
    """One call. Rates count everything after set-up at the sender's sockets, with 28 bytes of headers a packet.

    motion_kbps: payload of the motion sections. latency_*_ms: capture to screen of pictures that rest on received motion.
    fps: pictures shown a second, repeats included. landmark_px: mean distance of 468 face points of what was on the screen
    to the sender's crop of the same moment; _no_loss: of the clean call with the same clip, rung and bundle.
    voice_gap_max_ms, recovery_ms: see the functions of that name.
    """

    clip: str
    rung: str
    bundle_ms: int | None
    link: str
    forward_kbps: float
    reverse_kbps: float
    motion_kbps: float
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    fps: float | None
    landmark_px: float | None
    landmark_px_no_loss: float | None
    voice_gap_max_ms: float | None
    recovery_ms: float | None

    def as_json(self) -> dict[str, Any]:
        """Plain values, rounded to what is meaningful."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


def build_row(
    key: Key,
    sender: SenderStats,
    receiver: ReceiverStats,
    landmark_px: float | None,
    landmark_px_no_loss: float | None,
    blackouts: Sequence[Window],
) -> Row:
    """The row of a finished call. blackouts: those that ended while it lasted."""
    report = build_report(sender, receiver, {})
    pictures = bool(receiver.pictures)
    return Row(
        *key,
        forward_kbps=report.wire.forward_kbps,
        reverse_kbps=report.wire.reverse_kbps,
        motion_kbps=report.payload_kbps.motion,
        latency_p50_ms=report.latency_ms.glass_to_glass_p50,
        latency_p95_ms=report.latency_ms.glass_to_glass_p95,
        fps=report.frames.fps if pictures else None,
        landmark_px=landmark_px,
        landmark_px_no_loss=landmark_px_no_loss,
        voice_gap_max_ms=voice_gap_max_ms(receiver.voice),
        recovery_ms=recovery_ms(sender, receiver, blackouts),
    )


def voice_gap_max_ms(voice: Sequence[PlayedVoice]) -> float | None:
    """Longest time between the first and the last voice heard for which there was neither received voice nor
    concealment at full strength (the first VOICE_CONCEAL_MS of a hole; the fade after it counts as a gap).

    Voice is lost only where media time passes unheard *and* time passes: playout that stretches (time without media) or
    leaves out silence (media without time) is no gap. Lost packets of silence count like others. None without voice.
    """
    heard = _heard(voice)
    if not heard:
        return None
    holes_us = [
        min(
            later.played_us - _end_us(earlier),
            (later.media_ms - earlier.media_ms - earlier.duration_ms) * 1000,
        )
        for earlier, later in pairwise(heard)
    ]
    return max(0, _end_us(voice[-1]) - _end_us(heard[-1]), *holes_us) / 1000


def _end_us(block: PlayedVoice) -> int:
    return block.played_us + block.duration_ms * 1000


def _heard(voice: Sequence[PlayedVoice]) -> list[PlayedVoice]:
    """What is neither a hole nor a fade."""
    kept, concealed_ms = [], 0
    for block in voice:
        concealed_ms = concealed_ms + block.duration_ms if block.concealed else 0
        if concealed_ms <= VOICE_CONCEAL_MS:
            kept.append(block)
    return kept


def recovery_ms(sender: SenderStats, receiver: ReceiverStats, blackouts: Sequence[Window]) -> float | None:
    """Longest time from a blackout's end until both a picture and voice were played that were captured after its begin.

    None without a blackout or without pictures at the sender; infinite (null in JSON, a failure on the page) when one
    of them never came back.
    """
    if not sender.pictures:
        return None
    origin_us = min(picture.capture_us - picture.media_ms * 1000 for picture in sender.pictures)
    return max((_recovery_ms(origin_us, receiver, window) for window in blackouts), default=None)


def _recovery_ms(origin_us: int, receiver: ReceiverStats, window: Window) -> float:
    """origin_us: the clock at media time 0."""
    begin_us, end_us = window
    begin_ms = (begin_us - origin_us) / 1000
    picture_us = (p.shown_us for p in receiver.pictures if p.state in RECEIVED and p.media_ms >= begin_ms)
    voice_us = (v.played_us for v in receiver.voice if not v.concealed and v.media_ms >= begin_ms)
    firsts = [
        min((at_us for at_us in times if at_us >= end_us), default=math.inf)
        for times in (picture_us, voice_us)
    ]
    return (max(firsts) - end_us) / 1000


def landmark_px(joined: Joined, models: FaceModels) -> float | None:
    """Mean distance of the face points over every second picture; None when no picture shows a face at both ends."""
    follow = FaceMeasure(models)
    found = []
    for original, rebuilt in list(zip(joined.original, joined.rebuilt, strict=True))[1::MEASURE_EVERY]:
        region = follow.region(original)
        if region is not None:
            found.append(
                distance(follow.points(original, region), follow.points(rebuilt, region)).landmark_px
            )
    known = np.array(found)[~np.isnan(found)] if found else np.zeros(0)
    return float(known.mean()) if known.size else None
