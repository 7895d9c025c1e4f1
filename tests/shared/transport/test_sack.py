"""Delayed acknowledgements on a real association."""

import asyncio

import pytest

from shared.core.decoder import DecoderConfig
from shared.frames import Channel
from shared.limits import ACK_INTERVAL_MS, MESSAGE_MAX_BYTES, SACK_AFTER_BYTES, SACK_DELAY_MS
from shared.transport.impairments import Impairment, PatternLoss
from shared.transport.udp_proxy import UdpProxy
from shared.transport.webrtc import WebRtcConfig, WebRtcTransport
from tests.shared.transport.pairs import collected, ctl, data_chunk, rt, send_chunk, until, webrtc_pair

pytestmark = pytest.mark.network

FIRST_AND_LAST = 0x03
UNORDERED = 0x04
IMMEDIATE = 0x08


DATA_HEADER_BYTES = 16
FULL_BYTES = SACK_AFTER_BYTES - DATA_HEADER_BYTES
LATER_S = 0.1
"""Longer than anything on loopback takes, shorter than the delay."""


async def send_data(end: WebRtcTransport, size_bytes: int) -> None:
    """An unordered message in a packet of its own."""
    await send_chunk(end, data_chunk(end, bytes(size_bytes), flags=FIRST_AND_LAST | UNORDERED))


async def reverse_cost(config: WebRtcConfig, messages: int = 40) -> tuple[int, float]:
    """Packets and kbit/s that come back for 12.5 messages of 120 bytes a second."""
    async with webrtc_pair(config) as (a, b), collected(b):
        before = a.counter.snapshot()
        for _ in range(messages):
            await a.send(rt(bytes(120)))
            await asyncio.sleep(0.08)
        after = a.counter.snapshot()
        return after.reverse_packets - before.reverse_packets, after.rates_kbps(before)[1]


async def test_delaying_saves_three_of_four_packets_back(capsys: pytest.CaptureFixture[str]) -> None:
    (at_once, at_once_kbps), (delayed, delayed_kbps) = await asyncio.gather(
        reverse_cost(WebRtcConfig(delayed_sack=False)), reverse_cost(WebRtcConfig())
    )
    with capsys.disabled():
        print(
            f"\n  back: {at_once} packets, {at_once_kbps:.2f} kbit/s; {delayed} packets, {delayed_kbps:.2f} kbit/s"
        )
    assert delayed <= 0.25 * at_once


def test_our_own_acknowledgement_comes_before_the_delay_ends_and_that_before_the_rfcs_limit() -> None:
    assert DecoderConfig().ack_interval_ms == ACK_INTERVAL_MS < SACK_DELAY_MS < 500


async def test_a_single_message_is_acknowledged_within_the_delay() -> None:
    async with webrtc_pair() as (a, b), collected(b):
        await asyncio.sleep(0.05)
        before = a.counter.snapshot().reverse_packets
        await a.send(rt(b"x"))
        await asyncio.sleep(SACK_DELAY_MS / 2000)
        assert a.counter.snapshot().reverse_packets == before
        await until(lambda: a.counter.snapshot().reverse_packets > before, SACK_DELAY_MS / 1000)


async def test_one_byte_less_than_the_limit_waits_and_the_next_is_acknowledged_at_once() -> None:
    async with webrtc_pair() as (a, b), collected(b):
        await asyncio.sleep(0.05)
        before = a.counter.snapshot().reverse_packets
        await send_data(a, FULL_BYTES - 1)
        await asyncio.sleep(LATER_S)
        assert a.counter.snapshot().reverse_packets == before
        await send_data(a, 1)
        await until(lambda: a.counter.snapshot().reverse_packets > before, LATER_S)


async def test_a_full_packet_is_acknowledged_at_once() -> None:
    async with webrtc_pair() as (a, b), collected(b):
        await asyncio.sleep(0.05)
        before = a.counter.snapshot().reverse_packets
        await send_data(a, FULL_BYTES)
        await until(lambda: a.counter.snapshot().reverse_packets > before, LATER_S)


async def test_an_acknowledgement_rides_on_data_that_leaves_anyway() -> None:
    async with webrtc_pair() as (a, b), collected(a), collected(b) as messages:
        await asyncio.sleep(0.05)
        before = a.counter.snapshot()
        await a.send(rt(b"x"))
        await until(lambda: messages)
        await b.send(rt(bytes(120)))
        await asyncio.sleep(SACK_DELAY_MS / 2000)
        after = a.counter.snapshot()
        assert not a._sctp._sent_queue
    assert after.reverse_packets - before.reverse_packets == 1
    assert after.reverse_bytes - before.reverse_bytes == 205 + 16


async def test_the_largest_message_leaves_no_room_and_is_still_one_packet() -> None:
    async with webrtc_pair() as (a, b), collected(a) as answers, collected(b) as messages:
        await a.send(rt(b"x"))
        await until(lambda: messages)
        await b.send(rt(bytes(MESSAGE_MAX_BYTES)))
        await until(lambda: answers)
    assert len(answers[0][1]) == MESSAGE_MAX_BYTES


async def test_a_packet_that_asks_for_it_is_acknowledged_at_once() -> None:
    async with webrtc_pair() as (a, b), collected(b):
        await asyncio.sleep(0.05)
        before = a.counter.snapshot().reverse_packets
        await send_chunk(a, data_chunk(a, b"now", flags=FIRST_AND_LAST | UNORDERED | IMMEDIATE))
        await asyncio.sleep(SACK_DELAY_MS / 4000)
        assert a.counter.snapshot().reverse_packets == before + 1


async def test_a_packet_beyond_a_gap_is_acknowledged_at_once() -> None:
    async with webrtc_pair() as (a, b), collected(b):
        await asyncio.sleep(0.05)
        before = a.counter.snapshot().reverse_packets
        await send_chunk(a, data_chunk(a, b"x", flags=FIRST_AND_LAST | UNORDERED, skip=1))
        await asyncio.sleep(SACK_DELAY_MS / 4000)
        assert a.counter.snapshot().reverse_packets == before + 1


async def test_a_duplicate_is_acknowledged_at_once() -> None:
    async with webrtc_pair() as (a, b), collected(b):
        await asyncio.sleep(0.05)
        before = a.counter.snapshot().reverse_packets
        chunk = data_chunk(a, b"x", flags=FIRST_AND_LAST | UNORDERED)
        await send_chunk(a, chunk)
        await asyncio.sleep(0.02)
        await send_chunk(a, chunk)
        await asyncio.sleep(0.03)
        assert a.counter.snapshot().reverse_packets == before + 1


async def test_ctl_stays_reliable_and_ordered_when_data_and_acknowledgements_are_lost() -> None:
    proxy = UdpProxy()
    async with webrtc_pair(proxy=proxy) as (a, b), collected(b) as messages:
        loss = PatternLoss((False, False, True, False, False, False, True), repeat=True)
        proxy.restart(Impairment(loss=loss, delay_ms=10), Impairment(loss=loss, delay_ms=10))
        for i in range(40):
            await a.send(ctl(b"%d" % i))
            await asyncio.sleep(0.02)
        await until(lambda: len(messages) == 40, 15)
    assert messages == [(Channel.CTL, b"%d" % i) for i in range(40)]


async def test_the_peers_retransmission_timeout_stays_near_its_minimum() -> None:
    """Delays of up to SACK_DELAY_MS in the round-trip samples lift RTO little above RTO.Min (1 s) on a path of 100 ms."""
    proxy = UdpProxy(Impairment(delay_ms=50), Impairment(delay_ms=50))
    async with webrtc_pair(proxy=proxy) as (a, b), collected(b):
        for _ in range(25):
            await a.send(rt(bytes(120)))
            await asyncio.sleep(0.08)
        assert 1 <= a._sctp._rto < 1.5
