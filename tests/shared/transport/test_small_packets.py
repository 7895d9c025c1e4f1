"""shared.transport.small_packets: the cipher that two of our ends agree on, the one that others get, and what it saves."""

from typing import Any

import pytest
from aioice import ice
from aiortc import RTCPeerConnection

from shared.transport.small_packets import CONSENT_FAILURES, CONSENT_INTERVAL_S
from shared.transport.webrtc import WebRtcTransport
from tests.shared.transport.pairs import rt, until, webrtc_pair

pytestmark = pytest.mark.network
RECORD_BYTES = 13 + 16
"""Header and tag of a DTLS 1.2 record (RFC 6347, section 4.1) with ChaCha20-Poly1305 (RFC 7905)."""
SCTP_BYTES = 12 + 16
"""Common header and that of a DATA chunk (RFC 9260, sections 3.1 and 3.3.1)."""
IP_UDP_BYTES = 28


def cipher_of(transport: WebRtcTransport) -> str:
    ssl: Any = transport._sctp.transport._ssl
    return str(ssl.get_cipher_name())


async def test_two_of_our_ends_agree_on_the_cipher_without_a_nonce_and_a_message_costs_what_it_says() -> None:
    async with webrtc_pair() as (a, b):
        assert cipher_of(a) == cipher_of(b) == "ECDHE-ECDSA-CHACHA20-POLY1305"
        before = a.counter.snapshot()
        await a.send(rt(bytes(100)))
        await until(lambda: a.counter.snapshot().forward_packets > before.forward_packets)
        after = a.counter.snapshot()
    assert after.forward_packets == before.forward_packets + 1
    assert after.forward_bytes - before.forward_bytes == 100 + SCTP_BYTES + RECORD_BYTES + IP_UDP_BYTES


async def test_an_end_with_aiortcs_own_choice_is_met_too_and_takes_ours_where_we_decide() -> None:
    plain = RTCPeerConnection()
    opened: list[str] = []
    for stream in (0, 1):
        channel = plain.createDataChannel(str(stream), negotiated=True, id=stream)
        channel.on("open", lambda: opened.append("open"))
    ours = WebRtcTransport()
    try:
        offer = await ours.create_offer()
        from aiortc import RTCSessionDescription

        await plain.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await plain.setLocalDescription(await plain.createAnswer())
        await ours.accept_answer(plain.localDescription.sdp)
        await ours.wait_open()
        assert cipher_of(ours) == "ECDHE-ECDSA-CHACHA20-POLY1305", (
            "the answer took the client's part, so this end chose"
        )
    finally:
        await ours.close()
        await plain.close()


def test_consent_ends_thirty_seconds_after_the_last_answer_as_the_rfc_has_it() -> None:
    assert CONSENT_INTERVAL_S * CONSENT_FAILURES == 30 and CONSENT_INTERVAL_S >= 4
    assert ice.CONSENT_INTERVAL == CONSENT_INTERVAL_S and ice.CONSENT_FAILURES == CONSENT_FAILURES
