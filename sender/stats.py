"""What happened in a call, for the line on the screen and for the file that measures it.

Must import the standard library and `shared` only. Invariant: the file is written whole or not at all; times are of the
machine's monotonic clock in microseconds, so that both ends on one machine can be compared.
"""

import json
from collections import Counter
from dataclasses import asdict, astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

from sender.config import SenderConfig
from shared.core.encoder import EncoderStats
from shared.core.ladder import Plan
from shared.errors import UserError
from shared.transport.base import WireSecond, WireSnapshot


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went over the wire: of one connection, or of several of one call one after another.

    history: seconds count from begun_us, the clock when the first connection began (0: there was none yet).
    """

    wire: WireSnapshot = field(default_factory=WireSnapshot)
    history: tuple[WireSecond, ...] = ()
    payload: EncoderStats = field(default_factory=EncoderStats)
    begun_us: int = 0

    def then(self, later: "Traffic") -> "Traffic":
        """Both together; the time between them counts."""
        if not self.begun_us:
            return later
        pause_s = (later.begun_us - self.begun_us) // 1_000_000
        shifted = (replace(second, second=second.second + pause_s) for second in later.history)
        return Traffic(
            self.wire.then(later.wire), (*self.history, *shifted), _sum(self.payload, later.payload), self.begun_us
        )  # fmt: skip


def _sum(one: EncoderStats, other: EncoderStats) -> EncoderStats:
    return EncoderStats(*(a + b for a, b in zip(astuple(one), astuple(other), strict=True)))


PICTURES_KEPT = 90_000
"""One hour at 25 fps; after that only counters grow."""

PLANS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class PictureStat:
    """One picture that was worked on. capture_us: when it was due. compute_ms: time in the worker thread."""

    media_ms: int
    capture_us: int
    compute_ms: float
    state: str
    sent: bool


@dataclass(slots=True)
class CallStats:
    """Filled while the call runs."""

    started_us: int = 0
    reason: str = ""
    pictures: list[PictureStat] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    keyframes: list[dict[str, float]] = field(default_factory=list)
    plans: list[dict[str, Any]] = field(default_factory=list)

    def add_picture(self, picture: PictureStat) -> None:
        """Keeps the first hour's pictures and counts all."""
        self.counts["processed"] += 1
        self.counts["sent"] += picture.sent
        if len(self.pictures) < PICTURES_KEPT:
            self.pictures.append(picture)

    def note_plan(self, media_ms: int, plan: Plan) -> None:
        """What is sent from media_ms on; the first thousand changes."""
        if len(self.plans) < PLANS_KEPT:
            self.plans.append({"media_ms": media_ms, **asdict(plan), "wire_kbps": round(plan.wire_kbps(), 1)})

    def report(self, config: SenderConfig, traffic: Traffic) -> dict[str, Any]:
        """Everything as plain values for JSON; the token's whereabouts are left out."""
        wire = traffic.wire
        seconds = 0.0 if wire.open_us is None else (wire.taken_us - wire.open_us) / 1_000_000
        settings = {name: value for name, value in asdict(config).items() if not name.startswith("token")}
        return {
            "reason": self.reason,
            "config": settings,
            "started_us": self.started_us,
            "wire": asdict(wire) | {"seconds": seconds},
            "wire_history": [asdict(second) for second in traffic.history],
            "payload": asdict(traffic.payload),
            "counts": dict(self.counts),
            "keyframes": self.keyframes,
            "plans": self.plans,
            "pictures": [asdict(picture) for picture in self.pictures],
            "warnings": self.warnings,
        }


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Writes JSON beside the place and moves it there. Raises UserError if that is not possible."""
    draft = path.with_name(path.name + ".part")
    try:
        draft.write_text(json.dumps(report) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror}. Choose another path for --stats.") from error
