"""What is counted for each arm, against packets of real calls on loopback. Real time: about a minute."""

import asyncio

import numpy as np
import pytest

from experiments.rates.codecs import CODECS, why_absent
from experiments.rates.encodings import Encodings
from experiments.rates.ordinary_call import (
    CONSENT_BYTES_PER_S,
    IP_UDP_BYTES,
    PICTURE_RTP_BYTES,
    RECEIVER_REPORT_BYTES,
    RTP_PAYLOAD_MAX_BYTES,
    SENDER_REPORT_BYTES,
    SRTCP_BYTES,
    VOICE_RTP_BYTES,
    ordinary_wire,
)
from experiments.rates.real_link import Packets, over_webrtc
from experiments.rates.rival import Rival, on_the_wire, picture_bytes
from experiments.rates.virtual_call import our_wire
from experiments.rates.wire import CONSENT_BYTES_PER_S as OUR_CONSENT_BYTES_PER_S
from models.evaluation.offline_call import Coded
from shared.frames import VoicePacket
from shared.transport.small_packets import CONSENT_INTERVAL_S
from tests.experiments.captured_packets import ordinary_call
from tests.shared.harness import frame_at, keyframe, motion_walk

pytestmark = [pytest.mark.slow, pytest.mark.network]
SECONDS = 10
LATE_MS = 30.0
"""A part of a call that came later than this: the machine was at something else, and the call was another one. Bundles that leave
together are acknowledged together, and one packet of 85 bytes is 3 % of what goes back in ten seconds."""
CALLS = 4
ORDINARY_CONSENT_S = 5


@pytest.mark.parametrize("bundle_ms", [80, 160])
async def test_our_accounting_is_that_of_captured_packets_within_1_percent(bundle_ms: int) -> None:
    walk = motion_walk(SECONDS * 25)
    motion = tuple(frame_at(i, walk, 0) for i in range(SECONDS * 25))
    voice = tuple(VoicePacket(80 * i, 80, bytes(60)) for i in range(SECONDS * 25 // 2))
    coded = Coded("motion", (keyframe(0),), 0, motion, 0, voice, (), float(SECONDS))
    for _ in range(CALLS):
        captured = await over_webrtc(coded, bundle_ms)
        print(f"a part came {captured.sent.late_ms} ms late")
        if captured.sent.late_ms <= LATE_MS:
            break
    else:
        pytest.skip(f"in {CALLS} calls this machine was late by more than {LATE_MS:g} ms: they say nothing")
    counted = await asyncio.to_thread(our_wire, coded, bundle_ms)  # it has a loop of its own
    consent = OUR_CONSENT_BYTES_PER_S * SECONDS
    there = captured.media_bytes(captured.there), counted.forward_kbps * 125 * SECONDS - consent
    back = captured.media_bytes(captured.back), counted.back_kbps * 125 * SECONDS - consent
    print(f"bundles of {bundle_ms} ms: captured/counted bytes there {there}, back {back}")
    assert there[0] + back[0] == pytest.approx(there[1] + back[1], rel=0.01)
    assert there[0] == pytest.approx(there[1], rel=0.01)
    assert back[0] == pytest.approx(back[1], rel=0.05)
    checks = check_and_answer(captured.there, captured.sent.begin_us)
    if checks is not None:
        assert checks / CONSENT_INTERVAL_S == pytest.approx(OUR_CONSENT_BYTES_PER_S, rel=0.15)


def check_and_answer(way: Packets, from_us: int = 0) -> int | None:
    """Bytes of the last check and the last answer; both are random in time, so None where one of them did not come."""
    found = way.sizes("check", from_us), way.sizes("checked", from_us)
    return found[0][-1] + found[1][-1] if all(found) else None


async def test_an_ordinary_call_s_accounting_is_that_of_captured_packets() -> None:
    sizes = [900] + [60] * 249
    voice = [b"\x0b" + bytes(59)] * 125
    captured = await ordinary_call(pictures_of(sizes), voice, 80)
    rtp = captured.there.sizes("rtp")
    model = rtp_bytes(sizes, len(voice), 60)
    print(f"RTP: {len(rtp)} packets, captured {sum(rtp)} B, counted {model} B; RTCP there {captured.there.sizes('rtcp')}, "
          f"back {captured.back.sizes('rtcp')}")  # fmt: skip
    assert len(rtp) == len(sizes) + len(voice)
    assert sum(rtp) == pytest.approx(model, rel=0.01)
    around = IP_UDP_BYTES + SRTCP_BYTES
    assert max(captured.there.sizes("rtcp")) >= SENDER_REPORT_BYTES + around
    assert RECEIVER_REPORT_BYTES + around in captured.back.sizes("rtcp")
    checks = check_and_answer(captured.there)
    assert checks is not None
    assert checks / ORDINARY_CONSENT_S == pytest.approx(CONSENT_BYTES_PER_S, rel=0.15)
    assert ordinary_wire(sizes, list(map(len, voice)), SECONDS).forward_kbps * 125 * SECONDS > model


@pytest.mark.parametrize("arm", CODECS)
async def test_the_accounting_of_every_rival_s_pictures_is_that_of_captured_packets_within_1_percent(
    arm: str, sample_pictures: list[np.ndarray]
) -> None:
    """aiortc can packetise H.264 only, so each coded picture of the arm travels as one NAL unit of its size."""
    if reason := why_absent(CODECS[arm]):
        pytest.skip(reason)
    frames = sample_pictures[:50]
    encodings = Encodings(CODECS[arm], frames)
    met = await asyncio.to_thread(Rival(encodings, frames, on_the_wire([60] * 25, 2.0)).meet, 30.0)
    sizes = [size for size in picture_bytes(met.stream, len(frames)) if size > 1]
    captured = await ordinary_call(pictures_of(sizes), [b"\x0b" + bytes(59)] * 25, 80, pace=2.0)
    rtp, model = captured.there.sizes("rtp"), rtp_bytes(sizes, 25, 60)
    print(f"{arm}: {len(sizes)} pictures, captured {sum(rtp)} B, counted {model} B")
    assert sum(rtp) == pytest.approx(model, rel=0.01)


def pictures_of(sizes: list[int]) -> list[bytes]:
    """NAL units of these sizes, each after its start code."""
    rng = np.random.default_rng(0)
    return [
        b"\x00\x00\x00\x01\x41" + rng.integers(1, 256, size - 1).astype(np.uint8).tobytes() for size in sizes
    ]


def rtp_bytes(picture_sizes: list[int], voices: int, voice_size: int) -> int:
    """What `ordinary_wire` counts for media alone."""
    packets = sum(-(-size // RTP_PAYLOAD_MAX_BYTES) for size in picture_sizes)
    headers = packets * PICTURE_RTP_BYTES + voices * VOICE_RTP_BYTES + (packets + voices) * IP_UDP_BYTES
    return sum(picture_sizes) + voices * voice_size + headers
