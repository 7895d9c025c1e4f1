"""How a call went, for the one who runs it: why it ended, and what is said once a second.

Must import the standard library only. Invariant: values only, no behaviour.
"""

from dataclasses import dataclass
from enum import Enum


class EndReason(Enum):
    """Why a call ended."""

    SOURCE_ENDED = "the source ended"
    TIME_IS_UP = "the time is up"
    STOPPED = "stopped"
    PEER_LEFT = "the other end hung up"
    PEER_LOST = "the other end is gone"
    PEER_REFUSED = "the other end does not speak this protocol"


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended. error: what went wrong, if something did."""

    reason: EndReason
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class LiveReport:
    """What is said once a second. media_s: of the newest picture. fps: pictures sent. Rates count every wire byte.

    rung: what is sent besides the voice. bundle_ms: time between messages. estimate_kbps: what the path is taken to carry.
    """

    state: str
    media_s: float
    forward_kbps: float
    reverse_kbps: float
    fps: float
    rung: str
    bundle_ms: int
    estimate_kbps: float
