"""What a rival takes on the wire: a model of an ordinary one-way WebRTC call, pictures and voice in RTP.

Must import the standard library and `experiments.rates.wire` only. Invariant: where there is a choice it favours the rival: voice
in long packets, no codec's RTP payload descriptor, no probing, no retransmissions, the fewest feedback packets.
"""

import math
from collections.abc import Sequence
from typing import Final

from experiments.rates.wire import Wire

IP_UDP_BYTES: Final = 28
PICTURE_RTP_BYTES: Final = 40
VOICE_RTP_BYTES: Final = 36
"""RTP header 12, extensions (name of the stream; for pictures also the time of sending), tag 16 of AES-GCM: as aiortc sends them
(captured: tests/experiments/test_rates_accounting.py). libwebrtc sends more extensions."""
RTP_PAYLOAD_MAX_BYTES: Final = 1100
"""libwebrtc fills packets up to 1200 bytes."""
SRTCP_BYTES: Final = 20
"""Index 4 and tag 16 (RFC 7714 section 9)."""
SENDER_REPORT_BYTES: Final = 28
RECEIVER_REPORT_BYTES: Final = 32
"""With one report block (RFC 3550 section 6.4)."""
REPORTS_PER_S: Final = 1
FEEDBACKS_PER_S: Final = 4
"""Transport-wide feedback at libwebrtc's longest interval, 250 ms."""
FEEDBACK_BYTES: Final = 24
"""Without arrival times: header 8 + 4, base and counts 8, one chunk, to whole words. An arrival time adds a byte."""
CONSENT_BYTES_PER_S: Final = 42
"""Connectivity checks each way, one in five seconds."""
STREAMS: Final = 2
"""Pictures and voice: each has reports of its own."""


def ordinary_wire(picture_bytes: Sequence[int], voice_bytes: Sequence[int], seconds: float) -> Wire:
    """picture_bytes: of each coded picture. voice_bytes: of each Opus packet, none for a silent clip. seconds: above 0.

    Raises ValueError for a clip without length.
    """
    if seconds <= 0:
        raise ValueError("a call lasts longer than nothing")
    pictures = sum(math.ceil(size / RTP_PAYLOAD_MAX_BYTES) for size in picture_bytes)
    packets = pictures + len(voice_bytes)
    streams = STREAMS if voice_bytes else STREAMS - 1
    headers = packets * IP_UDP_BYTES + pictures * PICTURE_RTP_BYTES + len(voice_bytes) * VOICE_RTP_BYTES
    media = sum(picture_bytes) + sum(voice_bytes) + headers
    around = IP_UDP_BYTES + SRTCP_BYTES
    sender = streams * REPORTS_PER_S * (around + SENDER_REPORT_BYTES)
    receiver = streams * REPORTS_PER_S * (around + RECEIVER_REPORT_BYTES)
    feedback = FEEDBACKS_PER_S * (around + FEEDBACK_BYTES)
    return Wire(
        (media / seconds + sender + CONSENT_BYTES_PER_S) * 8 / 1000,
        (packets / seconds + receiver + feedback + CONSENT_BYTES_PER_S) * 8 / 1000,
    )


def payload_kbps(picture_bytes: Sequence[int], seconds: float) -> float:
    """Pictures alone, as tables of codecs state it. ValueError for a clip without length."""
    if seconds <= 0:
        raise ValueError("a clip lasts longer than nothing")
    return sum(picture_bytes) * 8 / 1000 / seconds
