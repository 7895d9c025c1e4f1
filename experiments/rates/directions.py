"""The measures of a rate experiment: what each is called, which way is better, and what it can tell.

    value --goodness--> a number that is higher when the result is better

Must import the standard library only. Invariant: every place that compares two values (win rates, BD-rate, the best arm,
arrows in tables) asks this table, so none can have a measure the wrong way round.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Best(Enum):
    """Where the best value of a measure lies."""

    HIGHEST = "higher is better"
    LOWEST = "lower is better"
    ONE = "best at 1"


class Kind(Enum):
    """What a measure is about. Only pictures are bought with rate here: every arm carries the same voice."""

    PICTURE = "picture"
    VOICE = "voice"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Measure:
    """name: as in results.json. digits: decimals in tables. says: one line. bd: whether a BD-rate of it means anything."""

    name: str
    title: str
    unit: str
    best: Best
    digits: int
    kind: Kind
    says: str

    @property
    def higher_is_better(self) -> bool | None:
        """None for a measure that is best at 1."""
        return None if self.best is Best.ONE else self.best is Best.HIGHEST

    @property
    def bd(self) -> bool:
        """A ratio that is best at 1 is not bought with rate: noise sharpens too. Voice and time do not grow with it either."""
        return self.kind is Kind.PICTURE and self.best is not Best.ONE

    @property
    def label(self) -> str:
        """Title and unit."""
        return f"{self.title}, {self.unit}" if self.unit else self.title

    def goodness(self, value: float) -> float | None:
        """Higher is better. A ratio counts by its distance from 1 in octaves, so that half and twice are equally far;
        None for a ratio that is not above 0."""
        if self.best is Best.ONE:
            return -abs(math.log2(value)) if value > 0 else None
        return value if self.best is Best.HIGHEST else -value

    def mean(self, values: Sequence[float]) -> float | None:
        """Over clips; geometric for ratios, of which those that are not above 0 are left out. None of nothing."""
        if self.best is not Best.ONE:
            return statistics.fmean(values) if values else None
        logs = [math.log(value) for value in values if value > 0]
        return math.exp(statistics.fmean(logs)) if logs else None


_RATIO: Final = "a mean over clips hides what lies above and below 1; wins count each clip's distance from it"
MEASURES: Final[Mapping[str, Measure]] = {
    measure.name: measure
    for measure in (
        Measure("vgg", "vgg", "", Best.LOWEST, 3, Kind.PICTURE,
                "distance of VGG19 features: how different it looks; not LPIPS"),
        Measure("landmark_px", "face points", "px", Best.LOWEST, 2, Kind.PICTURE,
                "distance of 468 points of the face mesh: whether the face is where it was"),
        Measure("mouth_px", "mouth shape", "px", Best.LOWEST, 2, Kind.PICTURE,
                "distance of the lips' points after their mean is removed: whether speech can be read"),
        Measure("eye_px", "eye shape", "px", Best.LOWEST, 2, Kind.PICTURE,
                "distance of the eyelids' points after their mean is removed: blinks and narrowing"),
        Measure("psnr_y_db", "PSNR (luma)", "dB", Best.HIGHEST, 2, Kind.PICTURE,
                "error of each pixel; punishes a face that is right and lies a pixel aside"),
        Measure("ssim_y", "SSIM (luma)", "", Best.HIGHEST, 3, Kind.PICTURE,
                "local structure, window of 11 pixels; forgives blur"),
        Measure("ms_ssim", "MS-SSIM", "", Best.HIGHEST, 3, Kind.PICTURE, "structure on five scales"),
        Measure("vmaf", "VMAF", "", Best.HIGHEST, 1, Kind.PICTURE,
                "predicted opinion of viewers of ordinary video, 0 to 100; not trained on rebuilt faces"),
        Measure("sharp_ratio", "sharpness", "of the original's", Best.ONE, 2, Kind.PICTURE,
                f"variance of the Laplacian over the original's; noise raises it; {_RATIO}"),
        Measure("flicker", "frame-to-frame change", "of the original's", Best.ONE, 2, Kind.PICTURE,
                f"0 stands still, above 1 flickers; {_RATIO}"),
        Measure("temporal_error", "temporal error", "levels", Best.LOWEST, 2, Kind.PICTURE,
                "how differently the picture changes from one frame to the next"),
        Measure("lpips", "LPIPS", "", Best.LOWEST, 3, Kind.PICTURE, "from the user's own weights"),
        Measure("dists", "DISTS", "", Best.LOWEST, 3, Kind.PICTURE, "from the user's own weights"),
        Measure("csim", "CSIM", "", Best.HIGHEST, 3, Kind.PICTURE,
                "cosine of two face identities, from the user's own weights"),
        Measure("lse_d", "LSE-D", "", Best.LOWEST, 2, Kind.PICTURE,
                "distance of lips and voice, from the user's own weights"),
        Measure("lse_c", "LSE-C", "", Best.HIGHEST, 2, Kind.PICTURE,
                "how clearly lips and voice belong together, from the user's own weights"),
        Measure("pesq", "PESQ", "", Best.HIGHEST, 2, Kind.VOICE,
                "opinion of the voice, 1 to 4.6; every arm carries the same voice unless packets were lost"),
        Measure("stoi", "STOI", "", Best.HIGHEST, 3, Kind.VOICE, "how well the voice is understood, 0 to 1"),
        Measure("latency_p50_ms", "latency, median", "ms", Best.LOWEST, 0, Kind.TIME,
                "from camera to screen; of real calls only"),
        Measure("latency_p95_ms", "latency, 95th percentile", "ms", Best.LOWEST, 0, Kind.TIME,
                "from camera to screen; of real calls only"),
        Measure("av_skew_p95_ms", "voice and picture apart, 95th percentile", "ms", Best.LOWEST, 0, Kind.TIME,
                "between the moment on the screen and the one in the ear; of real calls only"),
        Measure("freezes", "freezes", "a call", Best.LOWEST, 1, Kind.TIME, "times that the picture stood still"),
    )
}  # fmt: skip
HEADLINES: Final[tuple[str, ...]] = ("vgg", "landmark_px", "psnr_y_db")
"""What the page's first sentence is about: how it looks, whether the face is where it was, and the pixels."""
