"""The sender's settings: defaults, then a TOML file, then flags.

Must import the standard library and `shared` only. Invariant: a `SenderConfig` that exists is valid; whatever is not is
a UserError that names the setting and its range.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from shared.errors import UserError
from shared.limits import (
    BUNDLE_MAX_MS,
    BUNDLE_MIN_MS,
    KEYFRAME_IMAGE_MIN_BYTES,
    KEYFRAME_SENDER_MAX_BYTES,
    OPUS_BITRATE_MAX_BPS,
    OPUS_BITRATE_MIN_BPS,
)
from shared.opus import FRAME_DURATIONS_MS


@dataclass(frozen=True, slots=True)
class SenderConfig:
    """All settings of one call. Times and sizes are in the units of their names; None and "" mean not set.

    source: see `sender.sources.open`. signaling: ws:// or wss:// address. token_file, token_env: where the join token
    is. voice_frame_ms: None follows bundle_ms. seconds: end after this long.
    """

    source: str = "pattern"
    signaling: str = ""
    token_file: str = ""
    token_env: str = ""
    loop: bool = False
    microphone: str = ""
    bundle_ms: int = 80
    voice_kbps: float = 6.0
    voice_frame_ms: int | None = None
    keyframe_bytes: int = 2048
    keyframe_kbps: float = 100.0
    stats: str = ""
    record_crop: str = ""
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Raises UserError for values outside their ranges."""
        _check_range("bundle_ms", self.bundle_ms, BUNDLE_MIN_MS, BUNDLE_MAX_MS)
        _check_range("voice_kbps", self.voice_kbps, OPUS_BITRATE_MIN_BPS / 1000, OPUS_BITRATE_MAX_BPS / 1000)
        _check_range(
            "keyframe_bytes", self.keyframe_bytes, KEYFRAME_IMAGE_MIN_BYTES, KEYFRAME_SENDER_MAX_BYTES
        )
        _check_range("keyframe_kbps", self.keyframe_kbps, 1, 10_000)
        if self.seconds is not None:
            _check_range("seconds", self.seconds, 0.1, 86_400 * 7)
        if self.voice_frame_ms is not None and self.voice_frame_ms not in FRAME_DURATIONS_MS:
            raise UserError(
                f"voice_frame_ms = {self.voice_frame_ms} is not possible: choose one of {FRAME_DURATIONS_MS}."
            )

    @property
    def voice_packet_ms(self) -> int:
        """Duration of one Opus packet: the longest that fills bundles evenly, unless one was chosen."""
        if self.voice_frame_ms is not None:
            return self.voice_frame_ms
        return max((ms for ms in FRAME_DURATIONS_MS if self.bundle_ms % ms == 0), default=60)


def load_config(flags: Mapping[str, Any], file: Path | None = None) -> SenderConfig:
    """Defaults, overridden by the file, overridden by flags. Raises UserError."""
    return replace(SenderConfig(), **{**_read(file), **flags})


def print_config(config: SenderConfig) -> str:
    """The settings as TOML that `--config` reads; what is not set is left out."""
    values = ((field.name, getattr(config, field.name)) for field in fields(config))
    return "".join(f"{name} = {_toml(value)}\n" for name, value in values if value not in (None, ""))


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return (
        repr(value)
        if not isinstance(value, str)
        else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )


def _read(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"The settings file {file} cannot be read: {error}.") from error
    kinds = get_type_hints(SenderConfig)
    for name, value in values.items():
        if name not in kinds:
            raise UserError(f"{file}: there is no setting {name!r}. There are: {', '.join(sorted(kinds))}.")
        if not _is_a(value, kinds[name]):
            raise UserError(
                f"{file}: {name} = {value!r} is of the wrong kind. See python -m sender --print-config."
            )
    return values


def _is_a(value: Any, kind: Any) -> bool:
    kinds = getattr(kind, "__args__", (kind,))
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, kinds) or (float in kinds and isinstance(value, int))


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # also false for NaN
        raise UserError(f"{name} = {value:g} is not possible: choose {low:g} to {high:g}.")
