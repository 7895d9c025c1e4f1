"""Writes `web/codec/limits.js` and `web/call/limits.js`: the limits of shared/limits.py that the page enforces too, with
their reasons.

`python -m signaling.web_limits` writes the files anew; a test fails while they are not what this would write. Must import
`shared.limits` only; nothing imports this at run time. Invariant: no limit is written by hand twice.
"""

import ast
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from shared import limits

TARGET: Final = Path(__file__).parent / "web" / "codec" / "limits.js"
NAMES: Final = (
    "ACK_AFTER_BYTES",
    "ACK_DELAY_GROWTH_MS",
    "ACK_HISTORY_BITS",
    "ACK_INTERVAL_MS",
    "ACK_URGENT_INTERVAL_MS",
    "ARRIVAL_GAPS_MAX",
    "ARRIVAL_TICK_US",
    "BASE_UNIT_MS",
    "BUNDLE_MAX_MOTION_FRAMES",
    "BUNDLE_MAX_MS",
    "BUNDLE_MAX_VIDEO_UNITS",
    "BUNDLE_MAX_VOICE_PACKETS",
    "BUNDLE_MIN_MS",
    "CONTROL_MAX_ITEMS",
    "CONTROL_MAX_STRING_BYTES",
    "EXPRESSION_EASE_MS",
    "EXPRESSION_MEAN_POSES",
    "GALLERY_SIZE",
    "HEAD_CONCEAL_MAX_MS",
    "HEAD_DAMPING_MS",
    "INTERPOLATE_MAX_GAP_MS",
    "KEYFRAMES_PENDING",
    "KEYFRAME_IDLE_MS",
    "KEYFRAME_MAX_BYTES",
    "KEYFRAME_MAX_PARTS",
    "KEYFRAME_MAX_SIDE_PX",
    "KEYFRAME_PART_PAYLOAD_BYTES",
    "MEDIA_WRAP_MS",
    "MESSAGE_MAX_BYTES",
    "MOTION_BLEND_MS",
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
    "VIDEO_MAX_SIDE_PX",
    "VIDEO_MIN_SIDE_PX",
    "VIDEO_PART_MAX_BYTES",
    "VIDEO_SIDE_UNIT_PX",
    "VIDEO_UNITS_PENDING",
    "VIDEO_UNIT_MAX_BYTES",
    "VOICE_IDLE_MS",
    "VOICE_PACKET_MAX_BYTES",
    "VOICE_QUIET_BYTES",
    "VOICE_SEEN",
    "VOICE_SNAP_MS",
)
"""What the codec's modules import. A module that needs one more names it here."""
CALL_TARGET: Final = Path(__file__).parent / "web" / "call" / "limits.js"
CALL_NAMES: Final = (
    "ACK_HISTORY_BITS",
    "ARRIVAL_TICK_US",
    "BASE_MAX_DISTANCE_MS",
    "BASE_UNIT_MS",
    "BUNDLE_MAX_MOTION_FRAMES",
    "BUNDLE_MAX_MS",
    "BUNDLE_MAX_VOICE_PACKETS",
    "BUNDLE_MIN_MS",
    "BUNDLE_STALE_MS",
    "CALL_MALFORMED_MAX",
    "CONTROL_QUEUE_MESSAGES",
    "COORDINATE_MAX",
    "GALLERY_SIZE",
    "KEYFRAME_BOUND_MAX_MS",
    "KEYFRAME_MAX_BYTES",
    "KEYFRAME_MAX_PARTS",
    "KEYFRAME_MAX_SIDE_PX",
    "KEYFRAME_PART_PAYLOAD_BYTES",
    "KEYFRAME_RATE_BURST",
    "KEYFRAME_RATE_PER_S",
    "KEYFRAME_RESEND_MIN_MS",
    "KEYFRAME_TIMEOUT_MAX_MS",
    "KEYFRAME_TIMEOUT_MS",
    "CAREFUL_BUNDLES",
    "KNOWN_FRAMES",
    "TRUST_AFTER_BUNDLES",
    "TRUSTED_BUNDLES",
    "MESSAGE_MAX_BYTES",
    "OPUS_BITRATE_MIN_BPS",
    "PACKET_WIRE_BYTES",
    "PEER_PROBE_MS",
    "PICTURE_SIZE_PX",
    "PICTURE_STEP_MS",
    "RT_OUTBOX_MAX_BYTES",
    "SDP_MAX_CANDIDATES",
    "SENT_BUNDLES",
    "SIGNALING_ICE_SERVERS_MAX",
    "SIGNALING_MESSAGE_MAX_BYTES",
    "SIGNALING_SDP_MAX_BYTES",
    "SIGNALING_TEXT_MAX_BYTES",
    "THUMBNAIL_MAX_AGE_MS",
    "VIDEO_HOLD_MAX_MS",
    "VIDEO_LEAVE_MS",
    "VIDEO_QUEUE",
    "VIDEO_RATE_BURST",
    "VIDEO_RATE_PER_S",
    "VIDEO_REORDER_UNITS",
    "VIDEO_SHELF_PICTURES",
    "VOICE_CONCEAL_MS",
    "VOICE_FADE_MS",
    "VOICE_HISTORY_MS",
    "VOICE_LAG_MAX_MS",
    "VOICE_PACKET_MAX_BYTES",
)
"""The same for the rest of the page: session, faces, pictures, sound."""
_HEAD: Final = """\
/**
 * The limits of shared/limits.py that the page enforces too. Written by `python -m signaling.web_limits`: change them
 * there, never here.
 */
"""


def limits_module(names: Sequence[str] = NAMES) -> str:
    """The text of a limits.js with these constants."""
    reasons = _reasons()
    lines = [
        f"\n/** {reasons[name]} */\nexport const {name} = {getattr(limits, name)};\n"
        for name in sorted(names)
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
    CALL_TARGET.write_text(limits_module(CALL_NAMES), encoding="utf-8")
