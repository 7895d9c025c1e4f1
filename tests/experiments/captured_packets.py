"""An ordinary call by aiortc over real sockets on loopback, whose packets are written down on the way."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from unittest.mock import patch

import aiortc.codecs.h264
import av
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole
from aiortc.mediastreams import MediaStreamError

from experiments.rates.ordinary_call import RTP_PAYLOAD_MAX_BYTES
from experiments.rates.real_link import CapturingProxy, Packets

CLOCK = Fraction(1, 1000)
PICTURE_MS = 40


@dataclass(frozen=True)
class Captured:
    """there, back: a whole call, set-up included."""

    there: Packets
    back: Packets


class _Coded(MediaStreamTrack):
    """Gives coded packets at their times, then ends."""

    def __init__(self, kind: str, packets: Sequence[bytes], every_ms: int, pace: float) -> None:
        super().__init__()
        self.kind = kind
        self._packets, self._every_ms, self._pace, self._next = packets, every_ms, pace, 0
        self._begin = 0.0

    async def recv(self) -> Any:
        loop = asyncio.get_running_loop()
        self._begin = self._begin or loop.time()
        if self._next == len(self._packets):
            raise MediaStreamError
        due = self._begin + self._next * self._every_ms / 1000 / self._pace
        await asyncio.sleep(max(0.0, due - loop.time()))
        packet = av.Packet(self._packets[self._next])
        packet.pts, packet.time_base = self._next * self._every_ms, CLOCK
        self._next += 1
        return packet


async def ordinary_call(
    pictures: Sequence[bytes], voice: Sequence[bytes], voice_ms: int, pace: float = 1.0
) -> Captured:
    """H.264 pictures at 25 a second (one NAL unit each, start code included) and Opus packets, one way. pace: times real time.

    aiortc cuts at 1300 bytes; here it cuts where the counted call does (and libwebrtc: 1200 less headers and extensions).
    """
    with patch.object(aiortc.codecs.h264, "PACKET_MAX", RTP_PAYLOAD_MAX_BYTES):
        return await _call(pictures, voice, voice_ms, pace)


async def _call(pictures: Sequence[bytes], voice: Sequence[bytes], voice_ms: int, pace: float) -> Captured:
    proxy, near, far = CapturingProxy(), RTCPeerConnection(), RTCPeerConnection()
    sink = MediaBlackhole()
    far.on("track", sink.addTrack)
    transceiver = near.addTransceiver(_Coded("video", pictures, PICTURE_MS, pace), direction="sendonly")
    near.addTransceiver(_Coded("audio", voice, voice_ms, pace), direction="sendonly")
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
        long_ms = max(len(pictures) * PICTURE_MS, len(voice) * voice_ms)
        await asyncio.sleep(long_ms / 1000 / pace + 1.0)
        return Captured(proxy.there, proxy.back)
    finally:
        await sink.stop()
        await asyncio.gather(near.close(), far.close())
        proxy.close()


def _codecs() -> Any:
    from aiortc import RTCRtpSender

    return RTCRtpSender.getCapabilities("video").codecs
