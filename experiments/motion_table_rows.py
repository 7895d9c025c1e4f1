"""One line of the motion table, and the table as Markdown.

Must import the standard library only, so that whoever publishes the table need not be able to measure it.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TableRow:
    """One setting over all clips, each counted by its length.

    error_px: distance of the 468 points of the driven mesh to the mesh that the unquantised code (16 components, 25 fps)
    drives. tracked_px: to the tracked mesh. tracked_growth: tracked_px over that of the unquantised code. coder_ms: time to
    code and decode one frame in Python on this machine.
    """

    components: int
    step: float
    fps: float
    motion_kbps: float
    bits_per_frame: float
    error_px: float
    tracked_px: float
    tracked_growth: float
    coder_ms: float


def markdown(rows: Sequence[TableRow]) -> str:
    """The table as README files want it."""
    head = (
        "components",
        "steps",
        "fps",
        "kbit/s",
        "bits a frame",
        "px to the unquantised",
        "px to the tracked",
        "growth",
    )
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in rows:
        cells = (
            f"{row.components}",
            f"x{row.step:g}",
            f"{row.fps:g}",
            f"{row.motion_kbps:.2f}",
            f"{row.bits_per_frame:.1f}",
            f"{row.error_px:.3f}",
            f"{row.tracked_px:.3f}",
            f"{row.tracked_growth:.3f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
