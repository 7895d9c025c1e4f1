"""A UDP proxy between two real peers on one machine, that does to their packets what an `Impairment` says.

Must not import aiortc. Invariant: the peers know no address of each other but the proxy's, so that every
packet of the call, STUN and DTLS included, passes it and is counted.

    offerer <-> [socket that plays the answerer]  models  [socket that plays the offerer] <-> answerer

It is placed by rewriting session descriptions: each keeps one host candidate, whose port becomes the proxy's.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, Final

from shared.transport.base import PACKET_OVERHEAD_BYTES
from shared.transport.impairments import Impairment
from shared.transport.link_model import LinkModel
from shared.transport.virtual_time import loop_now_us

_Address = tuple[str, int]
_DTLS_APPLICATION_DATA: Final = 23
"""First byte of a DTLS record (RFC 6347 section 4.1) that holds no handshake; STUN begins with 0..3 (RFC 7983)."""
_PASSAGES_KEPT: Final = 100_000
"""The newest packets of one direction that are remembered: an hour of a call, about 20 MB."""


@dataclass(frozen=True, slots=True)
class Passage:
    """What the link did with one packet. at_us: since the link began. size_bytes: headers included. wait_us: time in
    the queue before its first bit left, None: lost."""

    at_us: int
    size_bytes: int
    wait_us: int | None


@dataclass(slots=True)
class ProxyCount:
    """Packets of one direction with 28 bytes of headers each: offered to the link, and delivered by it.

    passages: those offered since the link began, the newest _PASSAGES_KEPT of them.
    """

    offered_bytes: int = 0
    offered_packets: int = 0
    delivered_bytes: int = 0
    delivered_packets: int = 0
    passages: deque[Passage] = field(default_factory=lambda: deque(maxlen=_PASSAGES_KEPT))


class UdpProxy:
    """One call's proxy. forward: from the peer that offers to the one that answers. Close it after the call.

    offer' = await proxy.pass_offer(offer), to the answerer; answer' = await proxy.pass_answer(answer), to the offerer.
    """

    def __init__(
        self,
        forward: Impairment | None = None,
        reverse: Impairment | None = None,
        seed: int = 0,
        begin_with_data: bool = False,
    ) -> None:
        """begin_with_data: the first encrypted data restarts the link, so that blackouts and rate steps count from
        the moment when the call is set up; until then there are none. False: they count from now."""
        self._seed = seed
        self._offerer = _Side()
        self._answerer = _Side()
        self.forward = ProxyCount()
        self.reverse = ProxyCount()
        self.began_us: int | None = None
        """When the link began, on the event loop's clock in us; None: it waits for data."""
        self._impairments = (forward or Impairment(), reverse or Impairment())
        if begin_with_data:
            self._use(*(replace(each, rate=(), blackouts=()) for each in self._impairments))
        else:
            self.restart()

    def restart(self, forward: Impairment | None = None, reverse: Impairment | None = None) -> None:
        """Begin anew, with other impairments if given: blackouts and rate steps count from now."""
        old_forward, old_reverse = self._impairments
        self._impairments = (forward or old_forward, reverse or old_reverse)
        self.forward.passages.clear()
        self.reverse.passages.clear()
        self.began_us = loop_now_us()
        self._use(*self._impairments)

    async def pass_offer(self, sdp: str) -> str:
        """The offer as the answerer must see it."""
        self._offerer.peer, lines = _take_candidate(sdp)
        # What the answerer sends to "the offerer" arrives here and goes the reverse way.
        port = await self._answerer.open(self._offerer.peer[0], self._carry_reverse)
        return _with_port(lines, port)

    async def pass_answer(self, sdp: str) -> str:
        """The answer as the offerer must see it."""
        self._answerer.peer, lines = _take_candidate(sdp)
        port = await self._offerer.open(self._answerer.peer[0], self._carry_forward)
        return _with_port(lines, port)

    def close(self) -> None:
        """Close both sockets; packets still on the way are lost."""
        self._offerer.close()
        self._answerer.close()

    def _use(self, forward: Impairment, reverse: Impairment) -> None:
        now_us = loop_now_us()
        self._forward_model = LinkModel(forward, 2 * self._seed, now_us)
        self._reverse_model = LinkModel(reverse, 2 * self._seed + 1, now_us)

    def _begin_with(self, data: bytes) -> None:
        if self.began_us is None and data[:1] == bytes([_DTLS_APPLICATION_DATA]):
            self.restart()

    def _carry_forward(self, data: bytes) -> None:
        self._begin_with(data)
        self._carry(data, self._forward_model, self.forward, self._answerer)

    def _carry_reverse(self, data: bytes) -> None:
        self._begin_with(data)
        self._carry(data, self._reverse_model, self.reverse, self._offerer)

    def _carry(self, data: bytes, model: LinkModel, count: ProxyCount, to: "_Side") -> None:
        size_bytes = len(data) + PACKET_OVERHEAD_BYTES
        count.offered_bytes += size_bytes
        count.offered_packets += 1

        def deliver() -> None:
            if to.send(data):
                count.delivered_bytes += size_bytes
                count.delivered_packets += 1

        now_us = loop_now_us()
        arrivals_us = model.offer(now_us, size_bytes)
        if self.began_us is not None:
            count.passages.append(Passage(now_us - self.began_us, size_bytes, model.wait_us))
        for arrival_us in arrivals_us:
            if arrival_us <= now_us:
                deliver()
            else:
                asyncio.get_running_loop().call_at(arrival_us / 1_000_000, deliver)


class _Side(asyncio.DatagramProtocol):
    """The socket that faces one peer. peer: that peer's own address; packets from elsewhere are ignored."""

    def __init__(self) -> None:
        self.peer: _Address | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._carry: Any = None

    async def open(self, host: str, carry: Any) -> int:
        """Bind on `host`; packets of the peer go to carry(data). Returns the port."""
        self._carry = carry
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, 0))
        self._transport = transport
        port: int = transport.get_extra_info("sockname")[1]
        return port

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self.peer is None or addr[:2] == self.peer:  # the answerer may speak before its answer was seen
            self._carry(data)

    def send(self, data: bytes) -> bool:
        """Send to the peer; False when this side is not open or knows no peer."""
        if self._transport is None or self.peer is None or self._transport.is_closing():
            return False
        self._transport.sendto(data, self.peer)
        return True

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()


def _take_candidate(sdp: str) -> tuple[_Address, list[str]]:
    """Address of the first IPv4 UDP host candidate, and the description's lines with that candidate only."""
    lines = sdp.splitlines()
    candidates = [line for line in lines if line.startswith("a=candidate:")]
    for line in candidates:
        fields = line.split()
        if fields[2].lower() == "udp" and fields[7] == "host" and ":" not in fields[4]:
            kept = [other for other in lines if other not in candidates or other == line]
            return (fields[4], int(fields[5])), kept
    raise ValueError("the description has no IPv4 host candidate to put a proxy in front of")


def _with_port(lines: list[str], port: int) -> str:
    """The description with `port` in its (only) candidate."""
    rewritten = []
    for line in lines:
        fields = line.split(" ")
        if line.startswith("a=candidate:"):
            fields[5] = str(port)
        rewritten.append(" ".join(fields))
    return "\r\n".join(rewritten) + "\r\n"
