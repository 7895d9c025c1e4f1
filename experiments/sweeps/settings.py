"""All that a sweep may vary or fix in a call, each with its range; and the link that the settings of a point describe.

Must import the standard library, `shared` and the modules of links only. Invariant: settings that exist are valid; what is not is
a UserError that names the setting, what is possible, and why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from experiments.network.links import Link
from experiments.traces.link import open_link
from shared.coding.motion_layout import EXPRESSION, KEYPOINTS
from shared.errors import UserError
from shared.limits import BUNDLE_MAX_MS, BUNDLE_MIN_MS, GALLERY_SIZE
from shared.transport.impairments import GilbertElliott, Impairment, LossPattern, RandomLoss, RateStep

Value = float | str


@dataclass(frozen=True, slots=True)
class CallSettings:
    """One point. Defaults: the call that facewire makes by itself, on a clean link with 20 ms each way.

    rung, bundle_ms, thumbnail_kbps, keyframe_bytes: of the sender. keyframes: "one"; "pose", where none is near, `references` at
    most; "value", where what is rebuilt went wrong. fps: motion frames a second. keypoints: learned ones that are sent, others
    stay where the reference has them. source_px: of the camera's square picture. components, step: of `experiments.motion_table`.

    loss: share of packets. burst: mean length of losses in packets; 1: each on its own. delay_ms: one way. jitter_ms: uniform and
    extra. link_kbps: 0: no limit; else a queue of queue_bytes waits before it. trace: a name or file that is the whole link.
    """

    rung: str = "motion"
    bundle_ms: float = 80
    references: float = 1
    keyframes: str = "one"
    keyframe_bytes: float = 2000
    thumbnail_kbps: float = 5.0
    fps: float = 25.0
    keypoints: float = KEYPOINTS
    source_px: float = 256
    components: float = EXPRESSION
    step: float = 1.0
    loss: float = 0.0
    burst: float = 1.0
    delay_ms: float = 20.0
    jitter_ms: float = 0.0
    link_kbps: float = 0.0
    queue_bytes: float = 4000
    trace: str = ""

    def __post_init__(self) -> None:
        """Raises UserError for values outside their ranges and for settings that exclude each other."""
        for field in fields(self):
            SETTINGS[field.name].check(field.name, getattr(self, field.name))
        if self.burst > 1 and self.loss / (1 - self.loss) > self.burst:
            raise UserError(
                f"loss {self.loss:g} in bursts of {self.burst:g} packets cannot be: give longer bursts or less loss."
            )
        if self.trace and any(getattr(self, name) != DEFAULTS[name] for name in LINK_SETTINGS):
            raise UserError(f"A trace is the whole link: leave {', '.join(LINK_SETTINGS)} out beside it.")


@dataclass(frozen=True, slots=True)
class Numbers:
    """A setting that is a number. whole: without a fraction."""

    low: float
    high: float
    whole: bool = False

    def check(self, name: str, value: Any) -> None:
        """UserError for anything else."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not self.low <= value <= self.high or (self.whole and value != int(value)):
            kind = "a whole number" if self.whole else "a number"
            raise UserError(
                f"{name} = {value!r} is not possible: give {kind} from {self.low:g} to {self.high:g}."
            )


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting that is one of some words or numbers; no words: any text."""

    words: tuple[Value, ...] = ()

    def check(self, name: str, value: Any) -> None:
        """UserError for anything else."""
        if not (value in self.words if self.words else isinstance(value, str)) or isinstance(value, bool):
            among = f"choose one of {', '.join(map(str, self.words))}" if self.words else "give a text"
            raise UserError(f"{name} = {value!r} is not possible: {among}.")


SETTINGS: Final[Mapping[str, Numbers | Choice]] = {
    "rung": Choice(("voice", "motion", "thumbnail", "video")),
    "bundle_ms": Numbers(BUNDLE_MIN_MS, BUNDLE_MAX_MS, whole=True),
    "references": Numbers(1, GALLERY_SIZE, whole=True),
    "keyframes": Choice(("one", "pose", "value")),
    "keyframe_bytes": Numbers(256, 4096, whole=True),
    "thumbnail_kbps": Numbers(2, 50),
    "fps": Choice((25, 12.5, 6.25)),
    "keypoints": Numbers(0, KEYPOINTS, whole=True),
    "source_px": Numbers(32, 1024, whole=True),
    "components": Numbers(1, EXPRESSION, whole=True),
    "step": Numbers(0.25, 8),
    "loss": Numbers(0, 0.9),
    "burst": Numbers(1, 50),
    "delay_ms": Numbers(0, 1000),
    "jitter_ms": Numbers(0, 1000),
    "link_kbps": Numbers(0, 100_000),
    "queue_bytes": Numbers(0, 1_000_000, whole=True),
    "trace": Choice(),
}
"""Every setting with what it may be."""
LINK_SETTINGS: Final = ("loss", "burst", "delay_ms", "jitter_ms", "link_kbps", "queue_bytes")
CODER_SETTINGS: Final = ("components", "step")
"""Those of the motion table, which codes motion and draws no picture."""
DEFAULTS: Final[Mapping[str, Value]] = {
    field.name: field.default
    for field in fields(CallSettings)
    if isinstance(field.default, int | float | str)
}


def link_of_settings(settings: CallSettings, seed: int) -> Link:
    """Both directions of the point's link; they lose and delay alike, each with a chance of its own.

    A trace begins where the seed says. UserError for a trace that cannot be read.
    """
    if settings.trace:
        return open_link(settings.trace, seed, begin_ms=None)
    rate = (RateStep(0, settings.link_kbps),) if settings.link_kbps else ()
    way = Impairment(
        _losses(settings.loss, settings.burst),
        settings.delay_ms,
        settings.jitter_ms,
        rate,
        int(settings.queue_bytes),
    )
    return Link("point", "as the sweep's settings say", seed, way, way)


def _losses(share: float, burst: float) -> LossPattern:
    """Of this share in the mean; bursts by Gilbert's model, whose bad state loses everything."""
    if burst == 1:
        return RandomLoss(share)
    return GilbertElliott(good_to_bad=share / (burst * (1 - share)), bad_to_good=1 / burst)
