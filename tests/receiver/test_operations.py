"""receiver.operations: the health port of a call, and the wire of all its connections."""

import asyncio

import aiohttp
import pytest

from receiver.config import ReceiverConfig
from receiver.operations import call_metrics, health_port
from receiver.session_maker import CallWire
from receiver.stats import CallStats
from shared.errors import UserError
from shared.frames import Channel, Outgoing
from shared.transport.memory_link import MemoryLink
from tests.receiver.ports import free_port


async def answer(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.text()


async def test_the_port_tells_of_the_call_and_closes_with_it() -> None:
    link, port = MemoryLink(), free_port()
    wire = CallWire()
    stats = CallStats()
    metrics = call_metrics(stats, wire.snapshot)
    async with health_port(ReceiverConfig(health_port=port), metrics) as drain:
        assert (await answer(port, "/readyz"))[0] == 200
        wire.begin(link.b)
        await link.b.send(Outgoing(Channel.RT, bytes(100)))
        stats.counts["fresh"] += 3
        status, text = await answer(port, "/metrics")
        assert status == 200 and 'facewire_receiver_events_total{event="fresh"} 3.0' in text
        sent = link.b.counter.snapshot().forward_bytes
        assert sent and f'facewire_receiver_wire_bytes_total{{part="forward_bytes"}} {sent:.1f}' in text
        drain()
        assert (await answer(port, "/readyz"))[0] == 503
        assert (await answer(port, "/healthz"))[0] == 200
    with pytest.raises(aiohttp.ClientConnectorError):
        await answer(port, "/healthz")


async def test_without_a_port_nothing_listens() -> None:
    before = len(asyncio.all_tasks())
    async with health_port(ReceiverConfig(), None) as drain:
        drain()
        assert len(asyncio.all_tasks()) == before


async def test_a_port_that_is_taken_is_said_before_the_call() -> None:
    config = ReceiverConfig(health_port=free_port())
    async with health_port(config, None):
        with pytest.raises(UserError, match="--health-port"):
            async with health_port(config, None):
                pass


async def test_the_wire_is_that_of_all_connections() -> None:
    first, second, wire = MemoryLink(), MemoryLink(), CallWire()
    assert wire.snapshot().total_bytes == 0
    for link, count in ((first, 1), (second, 2)):
        wire.begin(link.b)
        for _ in range(count):
            await link.b.send(Outgoing(Channel.RT, b"x"))
    both = wire.snapshot()
    assert both.forward_packets == 3 and wire.newest is second.b
    assert both.forward_bytes == sum(link.b.counter.snapshot().forward_bytes for link in (first, second))
