"""The sender's settings: defaults, then a TOML file, then flags.

Must import the standard library and `shared` only. Invariant: a `SenderConfig` that exists is valid; whatever is not is
a UserError that names the setting and its range.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shared.config_file import load_settings, print_settings
from shared.core.ladder import MAX_DEFAULT_KBPS, LadderConfig, Plan
from shared.errors import UserError
from shared.frames import Rung
from shared.limits import (
    BUNDLE_MAX_MS,
    BUNDLE_MIN_MS,
    KEYFRAME_IMAGE_MIN_BYTES,
    KEYFRAME_SENDER_MAX_BYTES,
    OPUS_BITRATE_MAX_BPS,
    OPUS_BITRATE_MIN_BPS,
    REJOIN_MAX_S,
)
from shared.opus import FRAME_DURATIONS_MS

RUNGS: Final[dict[str, Rung | None]] = {"auto": None, **{rung.name.lower(): rung for rung in Rung}}
RUNG_MAX_KBPS: Final[dict[Rung | None, float]] = {Rung.THUMBNAIL: 40.0, Rung.VIDEO: 150.0}
"""What a call may take when the user asks for one of these rungs and for no rate."""
BUNDLE_DEFAULT_MS: Final = 80
"""Time between messages where the network allows it."""
MAX_KBPS_LEAST: Final = 10.0
MAX_KBPS_MOST: Final = 1000.0
"""Below the least not even voice fits; nothing is sent that needs the most."""


@dataclass(frozen=True, slots=True)
class SenderConfig:
    """All settings of one call. Times and sizes are in the units of their names; None and "" mean not set.

    source: see `sender.sources.open`. signaling: ws:// or wss:// address. token_file, token_env: where the join token
    is. rung: "auto", or the one to stay on. max_kbps: on the wire; None: 20, or what the chosen rung, voice_kbps and
    bundle_ms take.
    bundle_ms: None follows the network. voice_frame_ms: None follows the bundles. weights: a folder of one's own.
    seconds: end after this long. rejoin_seconds: how long a peer that was lost is waited for; 0: not at all.
    """

    source: str = "pattern"
    signaling: str = ""
    token_file: str = ""
    token_env: str = ""
    loop: bool = False
    microphone: str = ""
    rung: str = "auto"
    max_kbps: float | None = None
    bundle_ms: int | None = None
    voice_kbps: float = 6.0
    voice_frame_ms: int | None = None
    keyframe_bytes: int = 2048
    keyframe_kbps: float = 100.0
    weights: str = ""
    stats: str = ""
    record_crop: str = ""
    seconds: float | None = None
    rejoin_seconds: float = 30.0

    def __post_init__(self) -> None:
        """Raises UserError for values outside their ranges."""
        if self.bundle_ms is not None:
            _check_range("bundle_ms", self.bundle_ms, BUNDLE_MIN_MS, BUNDLE_MAX_MS)
        if self.rung not in RUNGS:
            raise UserError(f"rung = {self.rung!r} is not possible: choose one of {', '.join(RUNGS)}.")
        if self.max_kbps is not None:
            _check_range("max_kbps", self.max_kbps, MAX_KBPS_LEAST, MAX_KBPS_MOST)
        _check_range("voice_kbps", self.voice_kbps, OPUS_BITRATE_MIN_BPS / 1000, OPUS_BITRATE_MAX_BPS / 1000)
        _check_range(
            "keyframe_bytes", self.keyframe_bytes, KEYFRAME_IMAGE_MIN_BYTES, KEYFRAME_SENDER_MAX_BYTES
        )
        _check_range("keyframe_kbps", self.keyframe_kbps, 1, 10_000)
        if self.seconds is not None:
            _check_range("seconds", self.seconds, 0.1, 86_400 * 7)
        _check_range("rejoin_seconds", self.rejoin_seconds, 0, REJOIN_MAX_S)
        if self.voice_frame_ms is not None and self.voice_frame_ms not in FRAME_DURATIONS_MS:
            raise UserError(
                f"voice_frame_ms = {self.voice_frame_ms} is not possible: choose one of {FRAME_DURATIONS_MS}."
            )

    @property
    def ladder(self) -> LadderConfig:
        """What the rate may do."""
        rung, max_kbps = RUNGS[self.rung], self.max_kbps
        if max_kbps is None:
            asked = Plan(Rung.MOTION, self.bundle_ms or BUNDLE_DEFAULT_MS, self.voice_kbps, 25.0)
            max_kbps = RUNG_MAX_KBPS.get(rung, max(MAX_DEFAULT_KBPS, asked.wire_kbps()))
        return LadderConfig(max_kbps, rung, self.bundle_ms, self.voice_kbps)


def load_config(flags: Mapping[str, Any], file: Path | None = None) -> SenderConfig:
    """Defaults, overridden by the file, overridden by flags. Raises UserError."""
    return load_settings(SenderConfig(), flags, file, "python -m sender")


def print_config(config: SenderConfig) -> str:
    """The settings as TOML that `--config` reads; what is not set is left out."""
    return print_settings(config)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # also false for NaN
        raise UserError(f"{name} = {value:g} is not possible: choose {low:g} to {high:g}.")
