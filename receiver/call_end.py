"""Why a call, or one connection of it, ended. Frozen values, no behaviour."""

from dataclasses import dataclass
from enum import Enum


class EndReason(Enum):
    """Why a call ended."""

    TIME_IS_UP = "the time is up"
    STOPPED = "stopped"
    PEER_LEFT = "the other end hung up"
    PEER_LOST = "the other end is gone"
    PEER_REFUSED = "the other end does not speak this protocol"
    NO_SINK_LEFT = "nothing is left to show or record to"


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended. error: what went wrong, if something did."""

    reason: EndReason
    error: Exception | None = None
