"""The numbers of a call as `report.json` holds them: exactly the groups named here, and how each is computed.

Must import numpy, `experiments.demo.stats` and `experiments.measures` only. Invariant: a number that could
not be measured is null, never zero; the wire is counted at the UDP sockets + 28 bytes a packet, at the
sender.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.demo.stats import PlayedVoice, ReceiverStats, SenderStats, SentPicture, ShownPicture
from experiments.measures.clip import ClipMeans

HELD: Final = "HELD"
RECEIVED: Final = frozenset({"FRESH", "INTERPOLATED", "BLENDED", "VIDEO"})
"""States of pictures that rest on what was sent for their own moment; others are repeats, guesses or the voice's."""
MADE_UP: Final = frozenset({HELD, "CONCEALED"})
"""States of pictures whose motion is missing."""
QUALITY_ARMS: Final = ("rebuilt", "frozen", "av1_same_wire")
QUALITY_MEASURES: Final = ("psnr_y_db", "ssim_y", "ms_ssim", "vgg", "landmark_px", "mouth_px")

Series = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Input:
    """What was before the sender: frames due at its source, their rate, and the length of the media."""

    frames: int
    fps: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Wire:
    """Everything on the wire after set-up; set-up (both ways) apart."""

    forward_kbps: float
    reverse_kbps: float
    forward_packets: int
    reverse_packets: int
    setup_bytes: int


@dataclass(frozen=True, slots=True)
class PayloadKbps:
    """What the messages carried."""

    audio: float
    motion: float
    keyframe: float
    control: float


@dataclass(frozen=True, slots=True)
class Frames:
    """captured: due at the sender's source; rendered: shown by the receiver; concealed: of these, repeated or guessed for
    want of motion."""

    captured: int
    rendered: int
    concealed: int
    fps: float


@dataclass(frozen=True, slots=True)
class LatencyMs:
    """first_picture: from the receiver's joining to its first picture.

    glass_to_glass: capture to screen, same picture.
    """

    first_picture: float | None
    glass_to_glass_p50: float | None
    glass_to_glass_p95: float | None


@dataclass(frozen=True, slots=True)
class AvSkewMs:
    """Distance between the media time on the screen and the one in the ear at the same moment."""

    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over the measured frames against the sender's crop."""

    psnr_y_db: float | None
    ssim_y: float | None
    ms_ssim: float | None
    vgg: float | None
    landmark_px: float | None
    mouth_px: float | None


@dataclass(frozen=True, slots=True)
class ComputeMs:
    """Work per picture."""

    sender_frame_p50: float | None
    sender_frame_p95: float | None
    receiver_frame_p50: float | None
    receiver_frame_p95: float | None


@dataclass(frozen=True, slots=True)
class Model:
    """What rendered the pictures."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Report:
    """The whole of report.json."""

    input: Input
    wire: Wire
    payload_kbps: PayloadKbps
    frames: Frames
    latency_ms: LatencyMs
    av_skew_ms: AvSkewMs
    quality: dict[str, Quality]
    compute_ms: ComputeMs
    model: Model

    def as_json(self) -> dict[str, Any]:
        """Plain values, rounded to what is meaningful; NaN is null."""
        rounded = _rounded(asdict(self))
        assert isinstance(rounded, dict)
        return rounded


def build_report(sender: SenderStats, receiver: ReceiverStats, quality: Mapping[str, ClipMeans]) -> Report:
    """Put a call's numbers together. quality: one entry per QUALITY_ARMS, or none when pictures were not measured."""
    latencies = [ms for _, ms in latency_series(sender.pictures, receiver.pictures)]
    skews = [abs(ms) for _, ms in skew_series(receiver.pictures, receiver.voice)]
    sent = [picture.compute_ms for picture in sender.pictures]
    rendered = [picture.compute_ms for picture in receiver.pictures if picture.state != HELD]
    seconds = media_seconds(sender.pictures)
    return Report(
        input=Input(sender.captured, sender.captured / seconds if seconds else 0.0, seconds),
        wire=_wire(sender),
        payload_kbps=_payload(sender),
        frames=_frames(sender, receiver),
        latency_ms=LatencyMs(_first_picture(receiver), percentile(latencies, 50), percentile(latencies, 95)),
        av_skew_ms=AvSkewMs(percentile(skews, 50), percentile(skews, 95)),
        quality={arm: _quality(quality[arm]) for arm in QUALITY_ARMS if arm in quality},
        compute_ms=ComputeMs(
            percentile(sent, 50), percentile(sent, 95), percentile(rendered, 50), percentile(rendered, 95)
        ),
        model=Model(receiver.model_name, receiver.model_sha256),
    )


def media_seconds(pictures: Sequence[SentPicture]) -> float:
    """Length of the captured media: first picture to one frame (40 ms) after the last."""
    return (pictures[-1].media_ms - pictures[0].media_ms + 40) / 1000 if pictures else 0.0


def latency_series(sent: Sequence[SentPicture], shown: Sequence[ShownPicture]) -> list[tuple[int, float]]:
    """(media_ms, capture to screen in ms) of every picture that is neither a repeat nor a guess.

    A picture that lies between two captures counts from when its own moment was before the camera.
    """
    times = np.array([picture.media_ms for picture in sent])
    series = []
    for picture in shown:
        at = int(np.searchsorted(times, picture.media_ms, side="right")) - 1
        if picture.state in RECEIVED and at >= 0:
            captured_us = sent[at].capture_us + (picture.media_ms - sent[at].media_ms) * 1000
            series.append((picture.media_ms, (picture.shown_us - captured_us) / 1000))
    return series


def skew_series(shown: Sequence[ShownPicture], voice: Sequence[PlayedVoice]) -> list[tuple[int, float]]:
    """(media_ms, ms by which the voice is ahead of the picture) of every picture shown while voice was
    playing."""
    if len(voice) < 2:
        return []
    played_us = np.array([block.played_us for block in voice], np.float64)
    media_ms = np.array([block.media_ms for block in voice], np.float64)
    series = []
    for picture in shown:
        if picture.state in RECEIVED and played_us[0] <= picture.shown_us <= played_us[-1]:
            heard_ms = float(np.interp(picture.shown_us, played_us, media_ms))
            series.append((picture.media_ms, heard_ms - picture.media_ms))
    return series


def percentile(values: Sequence[float], q: float) -> float | None:
    """The q-th percentile, None of nothing."""
    return float(np.percentile(values, q)) if len(values) else None


def _wire(sender: SenderStats) -> Wire:
    wire = sender.wire
    per_kbps = max(wire.seconds, 1e-3) * 1000 / 8
    return Wire(
        wire.forward_bytes / per_kbps,
        wire.reverse_bytes / per_kbps,
        wire.forward_packets,
        wire.reverse_packets,
        wire.setup_bytes,
    )


def _payload(sender: SenderStats) -> PayloadKbps:
    payload, per_kbps = sender.payload, max(sender.wire.seconds, 1e-3) * 1000 / 8
    return PayloadKbps(
        payload.audio_bytes / per_kbps,
        payload.motion_bytes / per_kbps,
        payload.keyframe_bytes / per_kbps,
        payload.control_bytes / per_kbps,
    )


def _frames(sender: SenderStats, receiver: ReceiverStats) -> Frames:
    """What is shown after the last capture is the last picture once more, and not counted."""
    last_ms = sender.pictures[-1].media_ms if sender.pictures else 0
    shown = [picture for picture in receiver.pictures if picture.media_ms <= last_ms]
    span_s = (shown[-1].shown_us - shown[0].shown_us) / 1e6 if len(shown) > 1 else 0.0
    concealed = sum(picture.state in MADE_UP for picture in shown)
    fps = (len(shown) - 1) / span_s if span_s > 0 else 0.0
    return Frames(sender.captured, len(shown), concealed, fps)


def _first_picture(receiver: ReceiverStats) -> float | None:
    return (receiver.pictures[0].shown_us - receiver.joined_us) / 1000 if receiver.pictures else None


def _quality(means: ClipMeans) -> Quality:
    return Quality(**{name: getattr(means, name) for name in QUALITY_MEASURES})


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value
