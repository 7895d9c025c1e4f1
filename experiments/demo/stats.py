"""What the two ends wrote about a call (`--stats FILE`), read into one shape.

Must not import anything of the call itself. Invariant: this is the only place that knows the names inside the
stats files; times are of the machine's monotonic clock, in microseconds, which both ends share on one
machine.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import UserError
from shared.frames import Rung


@dataclass(frozen=True, slots=True)
class WireTotals:
    """Bytes with all headers, and packets, after set-up; set-up apart."""

    forward_bytes: int
    forward_packets: int
    reverse_bytes: int
    reverse_packets: int
    setup_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class WireSecond:
    """One second of the call, set-up included."""

    second: int
    forward_bytes: int
    reverse_bytes: int


@dataclass(frozen=True, slots=True)
class Payload:
    """Bytes inside the messages, by part."""

    audio_bytes: int
    motion_bytes: int
    keyframe_bytes: int
    control_bytes: int


@dataclass(frozen=True, slots=True)
class SentPicture:
    """A picture that the sender took: when it was due at the camera, and how long the sender worked on it."""

    media_ms: int
    capture_us: int
    compute_ms: float


@dataclass(frozen=True, slots=True)
class SentPlan:
    """How the sender sent from media_ms on. rung: voice, motion, thumbnail or video. wire_kbps: what it expected to need."""

    media_ms: int
    rung: str
    bundle_ms: int
    wire_kbps: float


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture that the receiver showed. state: the name of a `shared.core.due.PictureState` but WAITING.

    compute_ms: of rendering, 0 if held.
    """

    media_ms: int
    shown_us: int
    state: str
    compute_ms: float


@dataclass(frozen=True, slots=True)
class PlayedVoice:
    """A block of voice that the receiver played. concealed: made up for one that is missing."""

    media_ms: int
    duration_ms: int
    played_us: int
    concealed: bool


@dataclass(frozen=True, slots=True)
class SenderStats:
    """The sender's side of a call. captured: pictures due at the source, those it came too late for included."""

    captured: int
    wire: WireTotals
    history: tuple[WireSecond, ...]
    payload: Payload
    pictures: tuple[SentPicture, ...]
    plans: tuple[SentPlan, ...]


@dataclass(frozen=True, slots=True)
class ReceiverStats:
    """The receiver's side of a call. joined_us: when it entered the room."""

    joined_us: int
    pictures: tuple[ShownPicture, ...]
    voice: tuple[PlayedVoice, ...]
    model_name: str
    model_sha256: str


def read_sender_stats(path: Path) -> SenderStats:
    """UserError when the file is absent or not the sender's."""
    content = _load(path, "sender")
    try:
        counts = content["counts"]
        return SenderStats(
            captured=int(counts["captured"]) + int(counts.get("skipped_late", 0)),
            wire=WireTotals(**_pick(WireTotals, content["wire"])),
            history=tuple(WireSecond(**_pick(WireSecond, row)) for row in content["wire_history"]),
            payload=Payload(**_pick(Payload, content["payload"])),
            pictures=tuple(SentPicture(**_pick(SentPicture, row)) for row in content["pictures"]),
            plans=tuple(_plan(row) for row in content["plans"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unknown(path, "sender", error) from error


def read_receiver_stats(path: Path) -> ReceiverStats:
    """UserError when the file is absent or not the receiver's."""
    content = _load(path, "receiver")
    try:
        return ReceiverStats(
            joined_us=int(content["joined_us"]),
            pictures=tuple(_shown(row) for row in content["pictures"] if row["state"].upper() != "WAITING"),
            voice=tuple(PlayedVoice(**_pick(PlayedVoice, row)) for row in content["voice"]),
            model_name=str(content["model"]["name"]),
            model_sha256=str(content["model"]["sha256"]),
        )
    except (KeyError, TypeError) as error:
        raise _unknown(path, "receiver", error) from error


def _shown(row: Mapping[str, Any]) -> ShownPicture:
    return ShownPicture(**_pick(ShownPicture, row) | {"state": str(row["state"]).upper()})


def _plan(row: Mapping[str, Any]) -> SentPlan:
    return SentPlan(**_pick(SentPlan, row) | {"rung": Rung(row["rung"]).name.lower()})


def _pick(kind: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that `kind` wants; KeyError when one is absent, others are ignored."""
    names: Sequence[str] = kind.__slots__
    return {name: row[name] for name in names}


def _load(path: Path, end: str) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            f"The {end} left no statistics ({error}): the call did not end as it should."
        ) from error
    if not isinstance(content, dict):
        raise _unknown(path, end, TypeError("not an object"))
    return content


def _unknown(path: Path, end: str, error: Exception) -> UserError:
    return UserError(
        f"{path} is not this version's statistics of the {end} ({error!r}). Are both of one installation?"
    )
