"""Calls over real sockets on loopback whose packets are written down on the way, by their first bytes (RFC 7983, RFC 5761)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole
from aiortc.mediastreams import MediaStreamError

from experiments.rates.wire import DRAIN_MS, send_clip
from models.evaluation.offline_call import Coded
from shared.transport.base import PACKET_OVERHEAD_BYTES
from shared.transport.impairments import Impairment
from shared.transport.udp_proxy import UdpProxy
from shared.transport.virtual_time import loop_now_us
from tests.shared.transport.pairs import webrtc_pair

SETTLE_S = 2.0
"""Set-up goes on for a moment after the channels are open: the last handshake packets and their acknowledgements."""
CLOCK = Fraction(1, 1000)


@dataclass
class Packets:
    """One direction: (us, kind, size with IP headers) of every packet."""

    seen: list[tuple[int, str, int]] = field(default_factory=list)

    def note(self, data: bytes) -> None:
        self.seen.append((loop_now_us(), kind_of(data), len(data) + PACKET_OVERHEAD_BYTES))

    def sizes(self, kind: str, from_us: int = 0, to_us: int = 1 << 62) -> list[int]:
        return [size for us, one, size in self.seen if one == kind and from_us <= us < to_us]


def kind_of(data: bytes) -> str:
    first = data[0]
    if first < 4:
        return "stun"
    if first < 64:
        return "dtls"
    return "rtcp" if 192 <= data[1] < 224 else "rtp"


class CapturingProxy(UdpProxy):
    """Writes every packet down and passes it on."""

    def __init__(self, delay_ms: float) -> None:
        super().__init__(Impairment(delay_ms=delay_ms), Impairment(delay_ms=delay_ms))
        self.there, self.back = Packets(), Packets()

    def _carry_forward(self, data: bytes) -> None:
        self.there.note(data)
        super()._carry_forward(data)

    def _carry_reverse(self, data: bytes) -> None:
        self.back.note(data)
        super()._carry_reverse(data)


@dataclass(frozen=True)
class Captured:
    """A call's packets from begin_us to end_us. there, back: whole calls, set-up included. dropped: messages that the
    machine was too slow to send."""

    there: Packets
    back: Packets
    begin_us: int
    end_us: int
    dropped: int = 0

    def total_bytes(self, way: Packets, kind: str) -> int:
        return sum(way.sizes(kind, self.begin_us, self.end_us))


async def our_call(coded: Coded, bundle_ms: int, delay_ms: float) -> Captured:
    """The clip through two shipped transports, in real time."""
    proxy = CapturingProxy(delay_ms)
    async with webrtc_pair(proxy=proxy) as (near, far):
        await asyncio.sleep(SETTLE_S)
        begin_us = loop_now_us()
        await send_clip(coded, bundle_ms, near, far)
        dropped = near.stats.rt_dropped_stale
    end_us = begin_us + round(coded.seconds * 1e6) + DRAIN_MS * 1000
    return Captured(proxy.there, proxy.back, begin_us, end_us, dropped)


class _Coded(MediaStreamTrack):
    """Gives coded packets at their times, then ends."""

    def __init__(self, kind: str, packets: Sequence[bytes], every_ms: int) -> None:
        super().__init__()
        self.kind = kind
        self._packets, self._every_ms, self._next = packets, every_ms, 0
        self._begin = 0.0

    async def recv(self) -> Any:
        loop = asyncio.get_running_loop()
        self._begin = self._begin or loop.time()
        if self._next == len(self._packets):
            raise MediaStreamError
        await asyncio.sleep(max(0.0, self._begin + self._next * self._every_ms / 1000 - loop.time()))
        packet = av.Packet(self._packets[self._next])
        packet.pts, packet.time_base = self._next * self._every_ms, CLOCK
        self._next += 1
        return packet


async def ordinary_call(pictures: Sequence[bytes], voice: Sequence[bytes], voice_ms: int) -> Captured:
    """H.264 pictures at 25 a second (one NAL unit each, start code included) and Opus packets, one way, by aiortc."""
    proxy, near, far = CapturingProxy(20), RTCPeerConnection(), RTCPeerConnection()
    sink = MediaBlackhole()
    far.on("track", sink.addTrack)
    transceiver = near.addTransceiver(_Coded("video", pictures, 40), direction="sendonly")
    near.addTransceiver(_Coded("audio", voice, voice_ms), direction="sendonly")
    transceiver.setCodecPreferences([codec for codec in _codecs() if codec.mimeType == "video/H264"])
    try:
        await near.setLocalDescription(await near.createOffer())
        offer = await proxy.pass_offer(near.localDescription.sdp)
        await far.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await far.setLocalDescription(await far.createAnswer())
        answer = await proxy.pass_answer(far.localDescription.sdp)
        await near.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await sink.start()
        while not proxy.there.sizes("rtp"):
            await asyncio.sleep(0.02)
        begin_us = loop_now_us() - 40_000
        await asyncio.sleep(len(pictures) * 0.04 + 0.2)
        return Captured(proxy.there, proxy.back, begin_us, loop_now_us())
    finally:
        await sink.stop()
        await asyncio.gather(near.close(), far.close())
        proxy.close()


def _codecs() -> Any:
    from aiortc import RTCRtpSender

    return RTCRtpSender.getCapabilities("video").codecs
