"""What happened in a call, for the line on the screen and for the file that measures it.

Must import the standard library and `shared` only. Invariant: the file is written whole or not at all and names no
person, room, address or token; times are of the machine's monotonic clock in microseconds, so that both ends on one
machine can be compared by media_ms.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from shared.core.decoder import DecoderStats
from shared.core.due import PictureDue, PictureState
from shared.errors import UserError
from shared.limits import STATS_MAX_PICTURES
from shared.transport.base import Transport

_STATES = tuple(state.value for state in PictureState)


@dataclass(frozen=True, slots=True)
class PictureStat:
    """One picture. due_us: when it should be seen. shown_us: when the sinks had it. compute_ms: 0 if shown again."""

    media_ms: int
    due_us: int
    shown_us: int
    state: str
    compute_ms: float


@dataclass(frozen=True, slots=True)
class VoiceStat:
    """One block of voice. played_us: when the sinks had it. silent: concealment had faded out, the voice has a gap."""

    media_ms: int
    duration_ms: int
    due_us: int
    played_us: int
    concealed: bool
    silent: bool = False


@dataclass(slots=True)
class CallStats:
    """Filled while the call runs.

    joined_us: when this end went to the signaling service. opened_us: when the channels to the peer were first open; times
    of media are of the connection that they came by, counts["connections"] of them.
    playout: (due_us, offset_us) at each change of the media clock; the delay grew by as much as offset_us did.
    """

    joined_us: int = 0
    opened_us: int = 0
    ended_us: int = 0
    reason: str = "failed"
    pictures: list[PictureStat] = field(default_factory=list)
    voice: list[VoiceStat] = field(default_factory=list)
    playout: list[tuple[int, int]] = field(default_factory=list)
    references: list[dict[str, float]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add_picture(self, due: PictureDue, shown_us: int, compute_ms: float) -> None:
        """Count all, keep the first STATS_MAX_PICTURES."""
        self.counts["shown"] += 1
        self.counts[due.state.value] += 1
        self.counts["rendered"] += compute_ms > 0
        if len(self.pictures) < STATS_MAX_PICTURES:
            row = PictureStat(due.media_ms, due.due_us, shown_us, due.state.name, round(compute_ms, 3))
            self.pictures.append(row)

    def add_voice(self, row: VoiceStat) -> None:
        """Count all, keep the first STATS_MAX_PICTURES."""
        self.counts["voice_blocks"] += 1
        self.counts["voice_concealed"] += row.concealed
        self.counts["voice_silent"] += row.silent
        if len(self.voice) < STATS_MAX_PICTURES:
            self.voice.append(row)

    def add_reference(self, ready_us: int, compute_ms: float) -> None:
        """Keep the first STATS_MAX_PICTURES: a peer decides how many keyframes it sends."""
        if len(self.references) < STATS_MAX_PICTURES:
            self.references.append({"ready_us": ready_us, "compute_ms": round(compute_ms, 3)})

    def forget_rows(self) -> None:
        """Keep the counts only: for a process whose calls nobody reports one by one."""
        for rows in (self.pictures, self.voice, self.playout, self.references):
            rows.clear()

    def note_clock(self, media_ms: int, due_us: int) -> None:
        """Remember where the media clock stands, when that changed."""
        offset_us = due_us - media_ms * 1000
        if (not self.playout or self.playout[-1][1] != offset_us) and len(self.playout) < STATS_MAX_PICTURES:
            self.playout.append((due_us, offset_us))


def report(
    stats: CallStats,
    config: Mapping[str, Any],
    backend: Mapping[str, Any],
    transport: Transport,
    decoder: DecoderStats,
) -> dict[str, Any]:
    """Everything as plain values for JSON. config: without secrets. backend: name, device, model."""
    wire = transport.counter.snapshot()
    seconds = 0.0 if wire.open_us is None else (wire.taken_us - wire.open_us) / 1_000_000
    return {
        "reason": stats.reason,
        "config": dict(config),
        "clock": "time.monotonic_ns() // 1000",
        "joined_us": stats.joined_us,
        "opened_us": stats.opened_us,
        "ended_us": stats.ended_us,
        **backend,
        "wire": asdict(wire) | {"seconds": seconds},
        "wire_history": [asdict(second) for second in transport.counter.history()],
        "transport": asdict(transport.stats),
        "decoder": asdict(decoder),
        "counts": {**dict.fromkeys(_STATES, 0), **stats.counts},
        "playout": [{"due_us": due_us, "offset_us": offset_us} for due_us, offset_us in stats.playout],
        "references": stats.references,
        "pictures": [asdict(picture) for picture in stats.pictures],
        "voice": [asdict(voice) for voice in stats.voice],
        "failures": stats.failures,
    }


def write_report(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON beside the place and move it there. Raises UserError if that is not possible."""
    draft = path.with_name(path.name + ".part")
    try:
        draft.write_text(json.dumps(content) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror}. Choose another path for --stats.") from error
