"""The same call in real time: two shipped WebRTC transports over sockets on loopback, every packet written down on the way.

    Coded --driver over WebRtcTransport, CapturingProxy (20 ms each way)--> Sent, Captured --captured_wire--> Wire

Needs aiortc. Invariant: nothing of the wire is a model: bytes are those of the packets, 28 bytes of IP and UDP headers added, and
the kinds are told by their first bytes (RFC 7983, RFC 5761).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from experiments.network.links import CLEAN, LINKS
from experiments.rates.driver import Sent, send_clip
from experiments.rates.wire import CONSENT_BYTES_PER_S, Wire
from models.evaluation.offline_call import Coded
from shared.transport.base import PACKET_OVERHEAD_BYTES
from shared.transport.udp_proxy import UdpProxy
from shared.transport.virtual_time import loop_now_us
from shared.transport.webrtc import WebRtcTransport

SETTLE_S: Final = 2.0
"""Set-up goes on for a moment after the channels are open: the last handshake packets and their acknowledgements."""


@dataclass(slots=True)
class Packets:
    """One direction: (us, kind, size with IP headers) of every packet."""

    seen: list[tuple[int, str, int]] = field(default_factory=list)

    def note(self, data: bytes) -> None:
        """Write a packet down."""
        self.seen.append((loop_now_us(), kind_of(data), len(data) + PACKET_OVERHEAD_BYTES))

    def sizes(self, kind: str, from_us: int = 0, to_us: int = 1 << 62) -> list[int]:
        """Bytes of each packet of a kind."""
        return [size for us, one, size in self.seen if one == kind and from_us <= us < to_us]


def kind_of(data: bytes) -> str:
    """check, checked (a connectivity check and its answer), dtls, rtcp or rtp."""
    first = data[0]
    if first < 4:
        return "checked" if first else "check"
    if first < 64:
        return "dtls"
    return "rtcp" if 192 <= data[1] < 224 else "rtp"


class CapturingProxy(UdpProxy):
    """Delays every packet by as much as a call in virtual time does, and writes it down. there: from who offers."""

    def __init__(self) -> None:
        super().__init__(LINKS[CLEAN].forward, LINKS[CLEAN].reverse)
        self.there, self.back = Packets(), Packets()

    def _carry_forward(self, data: bytes) -> None:
        self.there.note(data)
        super()._carry_forward(data)

    def _carry_reverse(self, data: bytes) -> None:
        self.back.note(data)
        super()._carry_reverse(data)


@dataclass(frozen=True, slots=True, eq=False)
class RealCall:
    """A call and its packets, set-up included."""

    sent: Sent
    there: Packets
    back: Packets

    def media_bytes(self, way: Packets) -> int:
        """Encrypted packets of one direction, from the call's begin to where its wire is counted."""
        return sum(way.sizes("dtls", self.sent.begin_us, self.sent.end_us))


async def over_webrtc(coded: Coded, bundle_ms: int, wait_ms: int = 0) -> RealCall:
    """Make the call: as long as the clip, and SETTLE_S. UserError for bundles that no call has."""
    proxy = CapturingProxy()
    async with _pair(proxy) as (near, far):
        await asyncio.sleep(SETTLE_S)
        sent = await send_clip(coded, bundle_ms, near, far, wait_ms=wait_ms)
    return RealCall(sent, proxy.there, proxy.back)


def captured_wire(call: RealCall, seconds: float) -> Wire:
    """Rates of the captured packets. Connectivity checks come once in ten seconds, at a random moment: their mean is added."""

    def kbps(way: Packets) -> float:
        return (call.media_bytes(way) / seconds + CONSENT_BYTES_PER_S) * 8 / 1000

    return Wire(kbps(call.there), kbps(call.back))


@asynccontextmanager
async def _pair(proxy: UdpProxy) -> AsyncIterator[tuple[WebRtcTransport, WebRtcTransport]]:
    """Two open transports; the first one made the offer."""
    near, far = WebRtcTransport(), WebRtcTransport()
    try:
        answer = await far.accept_offer(await proxy.pass_offer(await near.create_offer()))
        await near.accept_answer(await proxy.pass_answer(answer))
        await asyncio.gather(near.wait_open(), far.wait_open())
        yield near, far
    finally:
        await asyncio.gather(near.close(), far.close())
        proxy.close()
