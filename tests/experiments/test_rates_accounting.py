"""What is counted for each arm, against packets of real calls on loopback. Real time: about half a minute."""

import asyncio

import numpy as np
import pytest

from experiments.rates.ordinary_call import (
    CONSENT_BYTES_PER_S,
    IP_UDP_BYTES,
    PICTURE_RTP_BYTES,
    RECEIVER_REPORT_BYTES,
    SENDER_REPORT_BYTES,
    SRTCP_BYTES,
    VOICE_RTP_BYTES,
    ordinary_wire,
)
from experiments.rates.wire import CONSENT_BYTES_PER_S as OUR_CONSENT_BYTES_PER_S
from experiments.rates.wire import DELAY_MS, our_wire
from models.evaluation.offline_call import Coded
from shared.frames import VoicePacket
from shared.transport.small_packets import CONSENT_INTERVAL_S
from tests.experiments.captured_packets import ordinary_call, our_call
from tests.shared.harness import frame_at, keyframe, motion_walk

pytestmark = [pytest.mark.slow, pytest.mark.network]
SECONDS = 10


@pytest.mark.parametrize("bundle_ms", [80, 160])
async def test_our_accounting_is_that_of_captured_packets_within_1_percent(bundle_ms: int) -> None:
    walk = motion_walk(SECONDS * 25)
    motion = tuple(frame_at(i, walk, 0) for i in range(SECONDS * 25))
    voice = tuple(VoicePacket(80 * i, 80, bytes(60)) for i in range(SECONDS * 25 // 2))
    coded = Coded("motion", (keyframe(0),), 0, motion, 0, voice, (), float(SECONDS))
    for _ in range(3):  # a busy machine says nothing
        captured = await our_call(coded, bundle_ms, DELAY_MS)
        print(f"dropped {captured.dropped}")
        if not captured.dropped:
            break
    counted = await asyncio.to_thread(our_wire, coded, bundle_ms)  # it has a loop of its own
    consent = OUR_CONSENT_BYTES_PER_S * SECONDS
    there = captured.total_bytes(captured.there, "dtls"), counted.forward_kbps * 125 * SECONDS - consent
    back = captured.total_bytes(captured.back, "dtls"), counted.back_kbps * 125 * SECONDS - consent
    print(f"bundles of {bundle_ms} ms: captured/counted bytes there {there}, back {back}")
    assert sum(pair[0] for pair in (there, back)) == pytest.approx(
        sum(pair[1] for pair in (there, back)), rel=0.01
    )
    assert there[0] == pytest.approx(there[1], rel=0.01)
    assert back[0] == pytest.approx(back[1], rel=0.05)
    checks = captured.there.sizes("stun")[-2:]  # a request and an answer, once in each interval
    assert sum(checks) / CONSENT_INTERVAL_S == pytest.approx(OUR_CONSENT_BYTES_PER_S, rel=0.15)


async def test_an_ordinary_call_s_accounting_is_that_of_captured_packets() -> None:
    rng = np.random.default_rng(0)
    pictures = [
        b"\x00\x00\x00\x01\x41" + rng.integers(1, 256, size).astype(np.uint8).tobytes()
        for size in [900] + [60] * 249
    ]
    voice = [b"\x0b" + bytes(59)] * 125
    captured = await ordinary_call(pictures, voice, 80)
    sizes = [len(picture) - 4 for picture in pictures]
    rtp = captured.there.sizes("rtp")
    headers = (
        len(sizes) * PICTURE_RTP_BYTES
        + len(voice) * VOICE_RTP_BYTES
        + (len(sizes) + len(voice)) * IP_UDP_BYTES
    )
    model = sum(sizes) + sum(map(len, voice)) + headers
    print(f"RTP: {len(rtp)} packets, captured {sum(rtp)} B, counted {model} B; RTCP there {captured.there.sizes('rtcp')}, "
          f"back {captured.back.sizes('rtcp')}; STUN {captured.there.sizes('stun')}")  # fmt: skip
    assert len(rtp) == len(sizes) + len(voice)
    assert sum(rtp) == pytest.approx(model, rel=0.01)
    around = IP_UDP_BYTES + SRTCP_BYTES
    assert max(captured.there.sizes("rtcp")) >= SENDER_REPORT_BYTES + around
    assert RECEIVER_REPORT_BYTES + around in captured.back.sizes("rtcp")
    checks = captured.there.sizes("stun")[-2:]
    assert sum(checks) / 5 == pytest.approx(CONSENT_BYTES_PER_S, rel=0.15)
    assert ordinary_wire(sizes, list(map(len, voice)), SECONDS).forward_kbps * 125 * SECONDS > model
