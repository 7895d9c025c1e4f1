"""The proxy between two real peers."""

import asyncio

import pytest

from shared.frames import Channel
from shared.transport.impairments import Blackout, Impairment, PatternLoss, RateStep
from shared.transport.udp_proxy import UdpProxy
from tests.shared.transport.pairs import collected, rt, until, webrtc_pair

pytestmark = pytest.mark.network


async def test_every_packet_of_a_call_passes_the_proxy() -> None:
    proxy = UdpProxy()
    async with webrtc_pair(proxy=proxy) as (a, b), collected(b) as messages:
        await a.send(rt(b"through"))
        await until(lambda: messages)
        await asyncio.sleep(0.3)  # the delayed acknowledgement
        counted = a.counter.snapshot()
        assert proxy.forward.delivered_packets + proxy.reverse.delivered_packets == (
            counted.setup_packets + counted.forward_packets + counted.reverse_packets
        )
    assert messages == [(Channel.RT, b"through")]


async def test_delay_is_added_each_way() -> None:
    proxy = UdpProxy(Impairment(delay_ms=60), Impairment(delay_ms=40))
    async with webrtc_pair(proxy=proxy) as (a, b):
        begin_s = asyncio.get_running_loop().time()
        await a.send(rt(b"ping"))
        await b.receive()
        await b.send(rt(b"pong"))
        await a.receive()
        assert asyncio.get_running_loop().time() - begin_s == pytest.approx(0.1, abs=0.05)


async def test_impairments_begin_anew_at_restart() -> None:
    proxy = UdpProxy()
    async with webrtc_pair(proxy=proxy) as (a, b), collected(b) as messages:
        proxy.restart(forward=Impairment(blackouts=(Blackout(0, 200),)))
        await a.send(rt(b"lost"))
        await asyncio.sleep(0.25)
        await a.send(rt(b"kept"))
        await until(lambda: messages)
    assert messages == [(Channel.RT, b"kept")]


async def test_a_lost_rt_message_is_not_sent_again() -> None:
    proxy = UdpProxy()
    async with webrtc_pair(proxy=proxy) as (a, b), collected(b) as messages:
        proxy.restart(forward=Impairment(loss=PatternLoss((False, True, False))))
        for data in (b"0", b"1", b"2", b"3", b"4", b"5"):
            await a.send(rt(data))
            await asyncio.sleep(0.02)
        await asyncio.sleep(1.3)  # longer than the sender's retransmission timeout of 1 s
    assert [data for _, data in messages] == [b"0", b"2", b"3", b"4", b"5"]


def test_a_description_without_a_host_candidate_is_refused() -> None:
    async def main() -> None:
        await UdpProxy().pass_offer("v=0\r\na=candidate:1 1 udp 1 fd00::2 5000 typ host\r\n")

    with pytest.raises(ValueError, match="no IPv4 host candidate"):
        asyncio.run(main())


async def test_time_begins_with_the_first_encrypted_data_when_asked() -> None:
    impairment = Impairment(blackouts=(Blackout(0, 300),))
    proxy = UdpProxy(impairment, seed=1, begin_with_data=True)
    before = proxy.began_us
    begin_s = asyncio.get_running_loop().time()
    async with webrtc_pair(proxy=proxy):  # DTLS passes; SCTP's first packet falls into the blackout it starts
        assert asyncio.get_running_loop().time() - begin_s > 0.3
        assert before is None and proxy.began_us is not None
        assert proxy.began_us / 1_000_000 > begin_s
        assert proxy.forward.passages[0].wait_us is None
        assert min(way.passages[0].at_us for way in (proxy.forward, proxy.reverse)) < 1000


async def test_passages_tell_size_and_wait_of_each_packet_since_the_link_began() -> None:
    proxy = UdpProxy()
    async with webrtc_pair(proxy=proxy) as (a, b), collected(b) as messages:
        proxy.restart(forward=Impairment(rate=(RateStep(0, 50),)))
        assert not proxy.forward.passages
        await a.send(rt(bytes(900)))
        await a.send(rt(bytes(900)))
        await until(lambda: len(messages) == 2)
        waits_us = [each.wait_us for each in proxy.forward.passages if each.size_bytes > 900]
    assert waits_us[0] == 0
    assert waits_us[1] == pytest.approx(993 * 8 / 50 * 1000, rel=0.2)
