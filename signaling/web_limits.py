"""Writes `web/codec/limits.js`: the limits of shared/limits.py that the page enforces too, with their reasons.

`python -m signaling.web_limits` writes the file anew; a test fails while it is not what this would write. Must import
`shared.limits` only; nothing imports this at run time. Invariant: no limit is written by hand twice.
"""

import ast
from itertools import pairwise
from pathlib import Path
from typing import Final

from shared import limits

TARGET: Final = Path(__file__).parent / "web" / "codec" / "limits.js"
NAMES: Final = (
    "ACK_HISTORY_BITS",
    "ACK_URGENT_INTERVAL_MS",
    "BASE_UNIT_MS",
    "BUNDLE_MAX_MOTION_FRAMES",
    "BUNDLE_MAX_MS",
    "BUNDLE_MAX_VOICE_PACKETS",
    "BUNDLE_MIN_MS",
    "CONTROL_MAX_ITEMS",
    "CONTROL_MAX_STRING_BYTES",
    "GALLERY_SIZE",
    "INTERPOLATE_MAX_GAP_MS",
    "KEYFRAMES_PENDING",
    "KEYFRAME_IDLE_MS",
    "KEYFRAME_MAX_BYTES",
    "KEYFRAME_MAX_PARTS",
    "KEYFRAME_MAX_SIDE_PX",
    "KEYFRAME_PART_PAYLOAD_BYTES",
    "MEDIA_WRAP_MS",
    "MESSAGE_MAX_BYTES",
    "MOTION_DELTA_MAX",
    "MOTION_HISTORY_FRAMES",
    "MOTION_SYMBOL_MAX",
    "PICTURE_STEP_MS",
    "PLAYOUT_MARGIN_MS",
    "PLAYOUT_MAX_DELAY_MS",
    "PLAYOUT_MAX_QUEUE",
    "PLAYOUT_RESYNC_MS",
    "PLAYOUT_START_MS",
    "PLAYOUT_WINDOW_ITEMS",
    "PLAYOUT_WINDOW_MS",
    "REQUEST_INTERVAL_MS",
    "SEQ_WINDOW",
    "VOICE_IDLE_MS",
    "VOICE_PACKET_MAX_BYTES",
    "VOICE_QUIET_BYTES",
    "VOICE_SEEN",
    "VOICE_SNAP_MS",
)
"""What the page's modules import. A module that needs one more names it here."""
_HEAD: Final = """\
/**
 * The limits of shared/limits.py that the page enforces too. Written by `python -m signaling.web_limits`: change them
 * there, never here.
 */
"""


def limits_module() -> str:
    """The text of limits.js."""
    reasons = _reasons()
    lines = [
        f"\n/** {reasons[name]} */\nexport const {name} = {getattr(limits, name)};\n"
        for name in sorted(NAMES)
    ]
    return _HEAD + "".join(lines)


def _reasons() -> dict[str, str]:
    """The string under each constant, by the constant's name, on one line."""
    body = ast.parse(Path(limits.__file__).read_text(encoding="utf-8")).body
    found = {}
    for node, below in pairwise(body):
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(below, ast.Expr)
        ):
            found[node.target.id] = " ".join(str(ast.literal_eval(below.value)).split())
    return found


if __name__ == "__main__":
    TARGET.write_text(limits_module(), encoding="utf-8")
