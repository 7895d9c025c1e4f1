"""What a peer's session description may be: one data-channel section, bounded, before aiortc's parser acts
on it.

Must not import aiortc. Invariant: a description that passes makes aiortc create no audio or video receiver
(and so no RTP parser or decoder), and at most SDP_MAX_CANDIDATES connectivity checks per local address.
"""

from shared.errors import LimitExceeded, MalformedMessage
from shared.limits import SDP_MAX_CANDIDATES, SIGNALING_SDP_MAX_BYTES


def check_remote_sdp(sdp: str) -> None:
    """Raise LimitExceeded or MalformedMessage unless `sdp` (RFC 8866, RFC 8841) is one section for data channels."""
    if len(sdp.encode("utf-8", "surrogatepass")) > SIGNALING_SDP_MAX_BYTES:
        raise LimitExceeded(f"session description longer than {SIGNALING_SDP_MAX_BYTES} bytes")
    lines = sdp.splitlines()
    sections = [line for line in lines if line.startswith("m=")]
    if len(sections) != 1 or not sections[0].startswith("m=application "):
        raise MalformedMessage("session description does not have exactly one section, for data channels")
    if sum(line.startswith("a=candidate:") for line in lines) > SDP_MAX_CANDIDATES:
        raise LimitExceeded(f"more than {SDP_MAX_CANDIDATES} ICE candidates")
    if not any(line.startswith("a=fingerprint:") for line in lines):
        raise MalformedMessage("session description without a DTLS fingerprint")
