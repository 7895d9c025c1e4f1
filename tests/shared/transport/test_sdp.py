"""Which session descriptions of a peer are let through."""

import pytest

from shared.errors import LimitExceeded, MalformedMessage
from shared.limits import SDP_MAX_CANDIDATES, SIGNALING_SDP_MAX_BYTES
from shared.transport.sdp import check_remote_sdp

SDP = "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=fingerprint:sha-256 AA\r\n"
CANDIDATE = "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n"


def test_one_section_for_data_channels_passes() -> None:
    check_remote_sdp(SDP + CANDIDATE)


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "v=0\r\na=fingerprint:sha-256 AA\r\n",
        SDP + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
        SDP.replace("application", "video"),
        SDP + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
        SDP.replace("a=fingerprint", "a=other"),
    ],
)
def test_anything_else_is_malformed(sdp: str) -> None:
    with pytest.raises(MalformedMessage):
        check_remote_sdp(sdp)


def test_the_number_of_candidates_is_limited() -> None:
    check_remote_sdp(SDP + CANDIDATE * SDP_MAX_CANDIDATES)
    with pytest.raises(LimitExceeded):
        check_remote_sdp(SDP + CANDIDATE * (SDP_MAX_CANDIDATES + 1))


def test_the_length_is_limited() -> None:
    padding = "a=" + "x" * (SIGNALING_SDP_MAX_BYTES - len(SDP) - 2)
    check_remote_sdp(SDP + padding)
    with pytest.raises(LimitExceeded):
        check_remote_sdp(SDP + padding + "x")
