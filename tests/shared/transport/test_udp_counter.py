"""The counter against independent counts: a proxy in between, and the kernel's own view of the loopback interface."""

import asyncio
import os
import socket
import struct

import pytest
from aioice.ice import StunProtocol
from aioice.turn import TurnClientUdpProtocol

from shared.transport.base import WireCounter
from shared.transport.udp_counter import counting
from shared.transport.udp_proxy import UdpProxy
from shared.transport.webrtc import WebRtcConfig, WebRtcTransport
from tests.shared.transport.pairs import collected, ctl, rt, until, webrtc_pair

pytestmark = pytest.mark.network

ETH_P_IP = 0x0800
PACKET_OUTGOING = 4


class LostReceiver:
    def protocol_lost(self, protocol: StunProtocol) -> None:
        """aioice tells its connection when a socket has closed."""


async def talk(a: WebRtcTransport, b: WebRtcTransport) -> None:
    async with collected(a), collected(b):
        for i in range(60):
            await a.send(rt(bytes(60 + i)))
            if i % 5 == 0:
                await b.send(ctl(bytes(40)))
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)


async def test_both_ends_agree_with_a_proxy_within_one_percent(capsys: pytest.CaptureFixture[str]) -> None:
    proxy = UdpProxy()
    async with webrtc_pair(proxy=proxy) as (a, b):
        await talk(a, b)
        seen_a, seen_b = a.counter.snapshot(), b.counter.snapshot()
        counted = proxy.forward.delivered_bytes + proxy.reverse.delivered_bytes
    with capsys.disabled():
        print(f"\n  proxy {counted} bytes, counters {seen_a.total_bytes} and {seen_b.total_bytes}")
    assert seen_a.total_bytes == pytest.approx(counted, rel=0.01)
    assert seen_b.total_bytes == pytest.approx(counted, rel=0.01)


@pytest.mark.skipif(
    not hasattr(socket, "AF_PACKET") or os.geteuid() != 0, reason="a raw capture needs root on Linux"
)
async def test_the_counter_agrees_with_a_capture_within_one_percent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP)) as capture:
        capture.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_000_000)
        capture.bind(("lo", ETH_P_IP))
        capture.setblocking(False)
        proxy = UdpProxy()  # keeps the call on one IPv4 address, whatever interfaces the machine has
        async with webrtc_pair(proxy=proxy) as (a, b):
            await talk(a, b)
            counted = a.counter.snapshot()
            candidates = a._sctp.transport.transport._connection.local_candidates
            captured = captured_bytes(capture, next(c.port for c in candidates if ":" not in c.host))
    with capsys.disabled():
        print(f"\n  capture {captured} bytes, counter {counted.total_bytes}")
    assert counted.total_bytes == pytest.approx(captured, rel=0.01)


def captured_bytes(capture: socket.socket, port: int) -> int:
    """IPv4 lengths of the UDP packets from or to `port`; loopback shows each twice, the outgoing copy is left out."""
    total_bytes = 0
    while True:
        try:
            packet, address = capture.recvfrom(2048)
        except BlockingIOError:
            return total_bytes
        header_bytes = (packet[0] & 15) * 4
        ports = struct.unpack_from("!HH", packet, header_bytes)
        if packet[9] == socket.IPPROTO_UDP and port in ports and address[2] != PACKET_OUTGOING:
            total_bytes += struct.unpack_from("!H", packet, 2)[0]


async def test_a_message_of_120_bytes_costs_205_on_the_wire() -> None:
    async with webrtc_pair(WebRtcConfig(delayed_sack=False)) as (a, b), collected(b):
        before = a.counter.snapshot()
        for _ in range(10):
            await a.send(rt(bytes(120)))
            await asyncio.sleep(0.01)
        after = a.counter.snapshot()
    assert after.forward_bytes - before.forward_bytes == 10 * 205


async def test_set_up_is_counted_apart() -> None:
    async with webrtc_pair() as (a, _):
        snapshot = a.counter.snapshot()
    assert 2_000 < snapshot.setup_bytes < 8_000
    assert snapshot.forward_packets <= 2


async def test_sockets_that_are_not_ours_are_left_alone() -> None:
    async with webrtc_pair():
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(
            lambda: StunProtocol(LostReceiver()),  # type: ignore[arg-type]
            local_addr=("127.0.0.1", 0),
        )
        assert protocol.transport is transport
        assert "datagram_received" not in vars(protocol)
        transport.close()


async def test_a_relayed_call_is_counted_at_the_turn_socket() -> None:
    counter = WireCounter()
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        with counting(counter):
            transport, protocol = await loop.create_datagram_endpoint(
                lambda: TurnClientUdpProtocol(server.getsockname(), "user", "secret", 600, 500),
                remote_addr=server.getsockname(),
            )
        protocol._send(bytes(50))
        _, client = server.recvfrom(2048)
        server.sendto(b"x" * 30, client)
        await until(lambda: counter.snapshot().setup_packets == 2)
        transport.close()
    assert counter.snapshot().setup_bytes == 50 + 28 + 30 + 28


async def test_a_packet_that_the_kernel_refuses_is_not_counted() -> None:
    counter = WireCounter()
    with counting(counter):
        transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: StunProtocol(LostReceiver()),  # type: ignore[arg-type]
            local_addr=("127.0.0.1", 0),
        )
    protocol.transport.sendto(bytes(70_000), ("127.0.0.1", 9))  # longer than any UDP packet
    protocol.transport.sendto(bytes(10), ("127.0.0.1", 9))
    transport.close()
    assert (counter.snapshot().setup_packets, counter.snapshot().setup_bytes) == (1, 38)


async def test_an_empty_datagram_from_a_stranger_does_not_end_the_call() -> None:
    async with webrtc_pair() as (a, b), collected(b) as messages:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for candidate in b._sctp.transport.transport._connection.local_candidates:
                if ":" not in candidate.host:
                    stranger.sendto(b"", (candidate.host, candidate.port))
        await asyncio.sleep(0.1)
        await a.send(rt(b"still there"))
        await asyncio.sleep(0.1)
    assert [data for _, data in messages] == [b"still there"]
