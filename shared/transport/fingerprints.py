"""The DTLS fingerprints of an open connection, for the short authentication string.

Invariant: they are those of the certificates that the handshake really used, not those that a session description claims.
"""

from shared.short_authentication import Fingerprints
from shared.transport.base import Transport
from shared.transport.webrtc import WebRtcTransport


def fingerprints_of(transport: Transport) -> Fingerprints | None:
    """Both ends' fingerprints of an open WebRTC connection; None for transports without DTLS (links of tests)."""
    if not isinstance(transport, WebRtcTransport):
        return None
    return Fingerprints(transport.local_fingerprint, transport.remote_fingerprint)
