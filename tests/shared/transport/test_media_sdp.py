"""shared.transport.media_sdp."""

import pytest

from shared.errors import LimitExceeded, MalformedMessage, RemoteError
from shared.limits import SDP_MAX_CANDIDATES, SIGNALING_SDP_MAX_BYTES
from shared.transport.media_sdp import PLAYS, PUBLISHES, NotAcceptable, check_media_offer

HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=fingerprint:sha-256 00\r\n"
AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=recvonly\r\n"
VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=recvonly\r\n"
CANDIDATE = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"


def test_a_players_offer_is_taken() -> None:
    check_media_offer(HEAD + AUDIO + VIDEO, PLAYS)
    check_media_offer(HEAD.replace("BUNDLE 0 1", "BUNDLE 1") + VIDEO.replace("recvonly", "sendrecv"), PLAYS)
    check_media_offer(HEAD + AUDIO.replace("a=recvonly\r\n", "") + VIDEO, PLAYS)


def test_the_limits_are_met_exactly() -> None:
    offer = HEAD + AUDIO + VIDEO
    check_media_offer(offer + CANDIDATE * SDP_MAX_CANDIDATES, PLAYS)
    with pytest.raises(LimitExceeded, match="candidates"):
        check_media_offer(offer + CANDIDATE * (SDP_MAX_CANDIDATES + 1), PLAYS)
    padded = offer + "a=" + "x" * (SIGNALING_SDP_MAX_BYTES - len(offer) - 2)
    check_media_offer(padded, PLAYS)
    with pytest.raises(LimitExceeded, match="longer"):
        check_media_offer(padded + "x", PLAYS)


@pytest.mark.parametrize(
    ("offer", "directions", "error"),
    [
        ("", PLAYS, MalformedMessage),
        ("\x00\ud800 nonsense", PLAYS, MalformedMessage),
        (HEAD, PLAYS, MalformedMessage),
        (HEAD.replace("a=fingerprint:sha-256 00\r\n", "") + AUDIO + VIDEO, PLAYS, MalformedMessage),
        (HEAD + AUDIO + AUDIO, PLAYS, NotAcceptable),
        (HEAD + AUDIO + VIDEO + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", PLAYS, NotAcceptable),
        (HEAD.replace("a=group:BUNDLE 0 1\r\n", "") + AUDIO + VIDEO, PLAYS, NotAcceptable),
        (HEAD.replace("BUNDLE 0 1", "BUNDLE 0 2") + AUDIO + VIDEO, PLAYS, NotAcceptable),
        (HEAD.replace("BUNDLE 0 1", "BUNDLE 2") + AUDIO, PLAYS, NotAcceptable),
        (HEAD + AUDIO + VIDEO.replace("a=mid:1", "a=mid:0"), PLAYS, NotAcceptable),
        (HEAD + AUDIO + VIDEO, PUBLISHES, NotAcceptable),
        (HEAD + AUDIO + VIDEO.replace("recvonly", "inactive"), PLAYS, NotAcceptable),
    ],
)
def test_every_other_offer_is_refused(
    offer: str, directions: frozenset[str], error: type[RemoteError]
) -> None:
    with pytest.raises(error):
        check_media_offer(offer, directions)
