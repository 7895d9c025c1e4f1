"""Real and in-process pairs of transports for the tests of this folder."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from aiortc.rtcsctptransport import Chunk, DataChunk

from shared.frames import Channel, Outgoing
from shared.transport.base import Transport, TransportClosed
from shared.transport.udp_proxy import UdpProxy
from shared.transport.webrtc import WebRtcConfig, WebRtcTransport


def rt(data: bytes) -> Outgoing:
    return Outgoing(Channel.RT, data)


def ctl(data: bytes) -> Outgoing:
    return Outgoing(Channel.CTL, data)


@asynccontextmanager
async def webrtc_pair(
    config: WebRtcConfig | None = None, proxy: UdpProxy | None = None
) -> AsyncIterator[tuple[WebRtcTransport, WebRtcTransport]]:
    """Two open transports; the first one made the offer. Both are closed at the end."""
    a, b = WebRtcTransport(config), WebRtcTransport(config)
    try:
        offer = await a.create_offer()
        answer = await b.accept_offer(await proxy.pass_offer(offer) if proxy else offer)
        await a.accept_answer(await proxy.pass_answer(answer) if proxy else answer)
        await asyncio.gather(a.wait_open(), b.wait_open())
        yield a, b
    finally:
        await asyncio.gather(a.close(), b.close())
        if proxy:
            proxy.close()


async def collect(transport: Transport, into: list[tuple[Channel, bytes]]) -> None:
    """Receive until the transport is closed."""
    with suppress(TransportClosed):
        while True:
            into.append(await transport.receive())


@asynccontextmanager
async def collected(transport: Transport) -> AsyncIterator[list[tuple[Channel, bytes]]]:
    """The messages that arrive while the block runs."""
    messages: list[tuple[Channel, bytes]] = []
    task = asyncio.ensure_future(collect(transport, messages))
    try:
        yield messages
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    """Wait for a condition that other tasks bring about; TimeoutError if they do not."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


async def send_chunk(transport: WebRtcTransport, chunk: Chunk) -> None:
    """Put any SCTP chunk on the wire, as a hostile peer would."""
    await transport._sctp._send_chunk(chunk)


def data_chunk(
    transport: WebRtcTransport, data: bytes, *, flags: int, stream_id: int = 0, skip: int = 0
) -> DataChunk:
    """A DATA chunk with the next number of this association, `skip` numbers left out before it."""
    sctp = transport._sctp
    chunk = DataChunk(flags=flags)
    chunk.tsn = (sctp._local_tsn + skip) % 2**32
    chunk.stream_id = stream_id
    chunk.protocol = 53
    chunk.user_data = data
    sctp._local_tsn = (chunk.tsn + 1) % 2**32
    return chunk
