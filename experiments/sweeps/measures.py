"""What a sweep measures: the measures of rates, and those that only a link or the coder alone has.

Must import `experiments.rates.directions` only. Invariant: a measure that cannot be had without a real call is named in
`NOT_OFFLINE` with the reason, and never replaced by another one.
"""

from collections.abc import Mapping
from typing import Final

from experiments.rates.directions import MEASURES, Best, Kind, Measure

_EXTRA: Final = (
    Measure("kbps", "wire, both directions", "kbit/s", Best.LOWEST, 2, Kind.TIME,
            "pictures, voice, headers and answers, at the sender's socket"),
    Measure("concealed_share", "pictures without motion", "of all", Best.LOWEST, 3, Kind.PICTURE,
            "share of pictures that were guessed or held because motion was missing"),
    Measure("voice_concealed_share", "voice made up", "of its time", Best.LOWEST, 3, Kind.VOICE,
            "share of the voice's time that was concealed because packets were missing"),
    Measure("first_picture_ms", "first picture", "ms", Best.LOWEST, 0, Kind.TIME,
            "media time of the first picture that was shown: the keyframe had come through by then"),
    Measure("delay_p50_ms", "link and playout, median", "ms", Best.LOWEST, 0, Kind.TIME,
            "from capture to when the picture was due: bundle, link and jitter buffer, without any computing"),
    Measure("delay_p95_ms", "link and playout, 95th percentile", "ms", Best.LOWEST, 0, Kind.TIME,
            "the same for the slowest pictures"),
    Measure("motion_kbps", "motion payload", "kbit/s", Best.LOWEST, 2, Kind.PICTURE, "coded motion alone"),
    Measure("keyframe_bytes", "keyframes", "bytes", Best.LOWEST, 0, Kind.PICTURE, "all that the clip took"),
    Measure("keyframes", "keyframes", "a clip", Best.LOWEST, 1, Kind.PICTURE, "how many the clip took"),
    Measure("bits_per_frame", "bits a frame", "bits", Best.LOWEST, 1, Kind.PICTURE, "coded motion of one frame"),
    Measure("error_px", "mesh to the unquantised code's", "px", Best.LOWEST, 3, Kind.PICTURE,
            "468 points of the driven mesh; no picture is drawn"),
    Measure("tracked_px", "mesh to the tracked one", "px", Best.LOWEST, 3, Kind.PICTURE,
            "468 points of the driven mesh; no picture is drawn"),
)  # fmt: skip
SWEEP_MEASURES: Final[Mapping[str, Measure]] = {**MEASURES, **{measure.name: measure for measure in _EXTRA}}
NOT_OFFLINE: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("latency_p50_ms", "latency_p95_ms"),
        "computing takes no time in virtual time: see delay_p50_ms for link and playout, or make real calls",
    ),
    "av_skew_p95_ms": "one clock plays both in virtual time: only a real call can tell",
}
"""Measures that only a real call has, and why."""
