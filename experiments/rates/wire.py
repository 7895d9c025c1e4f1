"""What a call takes on the wire, as all arms are compared: both directions, IP headers included, set-up left out.

    a `MemoryLink`'s count --wire_of--> Wire

Must import `shared.transport.base` only. Invariant: only the headers around messages are a model
(`shared.transport.memory_link`), brought here to the cipher and the consent checks of a call between two of our ends.
"""

from dataclasses import dataclass
from typing import Final

from shared.transport.base import WireSnapshot

NONCE_BYTES: Final = 8
"""Of AES-GCM in each packet, which the link models and ours do not send (`shared.transport.small_packets`)."""
CONSENT_BYTES_PER_S: Final = 21
"""Connectivity checks each way, one in ten seconds."""


@dataclass(frozen=True, slots=True)
class Wire:
    """Mean rates over a clip, IP headers included. forward: of the media. back: of what answers it."""

    forward_kbps: float
    back_kbps: float

    @property
    def kbps(self) -> float:
        """Both directions: what arms are compared at."""
        return self.forward_kbps + self.back_kbps


def wire_of(taken: WireSnapshot, seconds: float) -> Wire:
    """Rates of a `MemoryLink`'s count: its model of a packet brought to ours, and the consent checks that it has not."""

    def kbps(size_bytes: int, packets: int) -> float:
        return ((size_bytes - NONCE_BYTES * packets) / seconds + CONSENT_BYTES_PER_S) * 8 / 1000

    return Wire(
        kbps(taken.forward_bytes, taken.forward_packets), kbps(taken.reverse_bytes, taken.reverse_packets)
    )
