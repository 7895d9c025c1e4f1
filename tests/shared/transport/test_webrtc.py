"""Real calls over aiortc on this machine."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import LimitExceeded, MalformedMessage, RemoteError, UserError
from shared.frames import Channel
from shared.limits import (
    CTL_OUTBOX_MAX_BYTES,
    MESSAGE_MAX_BYTES,
    RT_OUTBOX_MAX_BYTES,
    SDP_MAX_CANDIDATES,
    TRANSPORT_CLOSE_DRAIN_MS,
    TRANSPORT_OPEN_TIMEOUT_S,
)
from shared.signaling_messages import IceServer
from shared.transport import webrtc
from shared.transport.base import TransportClosed, TransportState
from shared.transport.impairments import Blackout, Impairment, RandomLoss
from shared.transport.udp_proxy import UdpProxy
from shared.transport.virtual_time import run_virtual
from shared.transport.webrtc import WebRtcConfig, WebRtcTransport
from tests.shared.transport.pairs import collected, ctl, rt, until, webrtc_pair

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[3]


async def test_small_messages_survive_on_both_channels_both_ways() -> None:
    async with webrtc_pair() as (a, b), collected(a) as at_a, collected(b) as at_b:
        for i in range(50):
            await a.send(rt(b"rt%d" % i))
            await b.send(ctl(b"ctl%d" % i))
            await asyncio.sleep(0.002)
        await until(lambda: len(at_a) == len(at_b) == 50)
    assert at_a == [(Channel.CTL, b"ctl%d" % i) for i in range(50)]
    assert sorted(at_b) == sorted((Channel.RT, b"rt%d" % i) for i in range(50))


@pytest.mark.parametrize("size_bytes", [1, MESSAGE_MAX_BYTES])
async def test_the_smallest_and_the_largest_message_are_one_packet(size_bytes: int) -> None:
    async with webrtc_pair(WebRtcConfig(delayed_sack=False)) as (a, b):
        before = a.counter.snapshot().forward_packets
        await a.send(rt(bytes(size_bytes)))
        assert await b.receive() == (Channel.RT, bytes(size_bytes))
        assert a.counter.snapshot().forward_packets == before + 1


@pytest.mark.parametrize("size_bytes", [0, MESSAGE_MAX_BYTES + 1])
async def test_messages_outside_the_limits_are_refused(size_bytes: int) -> None:
    async with webrtc_pair() as (a, _):
        with pytest.raises(ValueError):
            await a.send(rt(bytes(size_bytes)))


async def test_the_channels_are_negotiated_without_retransmits_and_without_order() -> None:
    async with webrtc_pair() as (a, _):
        channels = a._channels
    assert (channels[Channel.RT].id, channels[Channel.CTL].id) == (0, 1)
    assert (channels[Channel.RT].ordered, channels[Channel.RT].maxRetransmits) == (False, 0)
    assert (channels[Channel.CTL].ordered, channels[Channel.CTL].maxRetransmits) == (True, None)
    assert all(channel.negotiated for channel in channels.values())


async def test_both_ends_know_both_certificates() -> None:
    async with webrtc_pair() as (a, b):
        assert a.local_fingerprint == b.remote_fingerprint
        assert b.local_fingerprint == a.remote_fingerprint
        assert len(a.local_fingerprint) == 32


async def test_a_peer_with_another_certificate_than_described_is_not_let_in() -> None:
    a, b = WebRtcTransport(), WebRtcTransport()
    offer = await a.create_offer()
    answer = await b.accept_offer(offer)
    lines = [
        line[:-5] + "00:00" if line.startswith("a=fingerprint:") and line[-5:] != "00:00" else line
        for line in answer.splitlines()
    ]
    await a.accept_answer("\r\n".join(lines) + "\r\n")
    with pytest.raises(TransportClosed):
        await a.wait_open(5)
    await asyncio.gather(a.close(), b.close())


async def test_the_first_retransmission_timeout_is_that_of_rfc_9260() -> None:
    async with webrtc_pair() as (a, _):
        assert a._sctp._rto == 1


async def test_no_server_is_asked_unless_somebody_chose_one() -> None:
    transport = WebRtcTransport()
    connection = transport._sctp.transport.transport._connection
    assert (connection.stun_server, connection.turn_server) == (None, None)
    await transport.close()


async def test_rt_data_never_queues_past_its_bound_and_the_newest_survives() -> None:
    proxy = UdpProxy()
    async with webrtc_pair(proxy=proxy) as (a, b), collected(b) as messages:
        proxy.restart(Impairment(blackouts=(Blackout(0, 700),)))
        for i in range(60):
            await a.send(rt(i.to_bytes(2, "big") * 500))
            await asyncio.sleep(0.01)
            waiting_bytes = a._channels[Channel.RT].bufferedAmount + a._outbox._bytes
            assert waiting_bytes <= RT_OUTBOX_MAX_BYTES + MESSAGE_MAX_BYTES
        async with asyncio.timeout(1.5):  # the retransmission timeout, 1 s, then data flows again
            while (Channel.RT, b"newest") not in messages:
                await a.send(rt(b"newest"))
                await asyncio.sleep(0.02)
    assert a.stats.rt_dropped_stale > 30


async def test_after_a_blackout_rt_data_flows_again_within_a_second(
    capsys: pytest.CaptureFixture[str],
) -> None:
    proxy = UdpProxy()
    async with webrtc_pair(proxy=proxy) as (a, b), collected(b) as messages:
        for _ in range(10):
            await a.send(rt(bytes(140)))
            await asyncio.sleep(0.02)
        dark = Impairment(blackouts=(Blackout(0, 1700),))
        proxy.restart(dark, dark)
        loop = asyncio.get_running_loop()
        end_s = loop.time() + 1.7
        count = len(messages)
        while len(messages) == count or loop.time() < end_s:
            await a.send(rt(bytes(140)))
            await asyncio.sleep(0.08)
        recovery_s = loop.time() - end_s
    with capsys.disabled():
        print(f"\n  data back {recovery_s * 1000:.0f} ms after a blackout of 1700 ms")
    assert recovery_s < 1


async def test_a_peer_that_never_acknowledges_ctl_loses_the_call() -> None:
    proxy = UdpProxy()
    async with webrtc_pair(proxy=proxy) as (a, _):
        proxy.restart(Impairment(loss=RandomLoss(1)))
        with pytest.raises(TransportClosed, match="acknowledge") as closed:
            for _ in range(2 * CTL_OUTBOX_MAX_BYTES // 1024):
                await a.send(ctl(bytes(1024)))
        assert isinstance(closed.value.__cause__, LimitExceeded)
        assert a.state is TransportState.CLOSED


async def test_the_last_control_message_before_a_close_arrives() -> None:
    async with webrtc_pair() as (a, b), collected(b) as messages:
        await a.send(ctl(b"bye"))
        await a.close()
        await until(lambda: b.state is TransportState.CLOSED)
    assert messages == [(Channel.CTL, b"bye")]


async def test_closing_while_the_other_end_sends_ends_both_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    async with webrtc_pair() as (a, b):

        async def send_for_ever() -> None:
            while True:
                await a.send(rt(bytes(500)))
                await a.send(ctl(bytes(50)))
                await asyncio.sleep(0.001)

        sender = asyncio.ensure_future(send_for_ever())
        reader = asyncio.ensure_future(a.receive())
        await asyncio.sleep(0.1)
        async with asyncio.timeout(1):
            await b.close()
            for task in (sender, reader):
                with pytest.raises(TransportClosed, match="the peer ended the call"):
                    await task
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() == before


async def test_closing_is_quick_at_every_age_and_may_be_repeated() -> None:
    new, offering = WebRtcTransport(), WebRtcTransport()
    await offering.create_offer()
    async with asyncio.timeout(1):
        for transport in (new, offering, new, offering):
            await transport.close()
    for transport in (new, offering):
        with pytest.raises(TransportClosed, match="closed by this end"):
            await transport.receive()


async def test_closing_ends_even_when_aiortc_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webrtc, "TRANSPORT_CLOSE_TIMEOUT_S", 0.1)
    async with webrtc_pair() as (a, b):
        protocols = list(a._sctp.transport.transport._connection._protocols)
        close_really = a._pc.close
        monkeypatch.setattr(a._pc, "close", asyncio.Event().wait)
        async with asyncio.timeout(1):
            await a.close()
        assert all(protocol.transport.is_closing() for protocol in protocols)
        await b.close()
        await close_really()


async def test_a_machine_without_a_network_calls_over_its_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: [])
    async with webrtc_pair() as (a, b):
        candidates = a._sctp.transport.transport._connection.local_candidates
        await a.send(rt(b"offline"))
        assert await b.receive() == (Channel.RT, b"offline")
    assert [candidate.host for candidate in candidates] == ["127.0.0.1"]


async def test_sending_before_the_call_is_open_is_refused() -> None:
    transport = WebRtcTransport()
    with pytest.raises(TransportClosed, match="not open yet"):
        await transport.send(rt(b"x"))
    await transport.close()


async def test_waiting_for_a_peer_that_never_answers_ends_with_the_timeout() -> None:
    transport = WebRtcTransport()
    await transport.create_offer()
    with pytest.raises(TransportClosed, match=r"within 0\.1 s"):
        await transport.wait_open(0.1)
    await transport.close()


def test_a_peer_that_never_comes_is_waited_for_as_long_as_the_limit() -> None:
    async def main() -> float:
        transport = WebRtcTransport()
        loop = asyncio.get_running_loop()
        waiting = asyncio.ensure_future(transport.wait_open())
        await asyncio.sleep(TRANSPORT_OPEN_TIMEOUT_S - 0.001)
        assert not waiting.done()
        with pytest.raises(TransportClosed, match="no connection"):
            await waiting
        ended_s = loop.time()
        await transport.close()
        return ended_s

    assert run_virtual(main()) == pytest.approx(TRANSPORT_OPEN_TIMEOUT_S, abs=0.002)


async def test_a_last_control_message_that_nobody_acknowledges_holds_up_a_close_for_its_limit_only() -> None:
    proxy = UdpProxy()
    loop = asyncio.get_running_loop()
    async with webrtc_pair(proxy=proxy) as (a, _):
        proxy.restart(Impairment(loss=RandomLoss(1)), Impairment(loss=RandomLoss(1)))
        await a.send(ctl(b"bye"))
        start_s = loop.time()
        await a.close()
        drained_s = loop.time() - start_s
    assert TRANSPORT_CLOSE_DRAIN_MS / 1000 <= drained_s < TRANSPORT_CLOSE_DRAIN_MS / 1000 + 1


async def test_a_killed_peer_is_noticed_by_the_idle_timeout() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.shared.transport.peer_process",
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin and process.stdout
    transport = WebRtcTransport(WebRtcConfig(idle_timeout_s=1.5))
    try:
        process.stdin.write(json.dumps(await transport.create_offer()).encode() + b"\n")
        await transport.accept_answer(json.loads(await process.stdout.readline()))
        await transport.wait_open()
        await asyncio.sleep(1.8)
        assert transport.state is TransportState.OPEN  # it talks: no idle time
    finally:
        process.kill()
        await process.wait()
    killed_s = asyncio.get_running_loop().time()
    with pytest.raises(TransportClosed, match=r"nothing came from the peer for 1\.5 s"):
        while True:
            await transport.receive()
    assert asyncio.get_running_loop().time() - killed_s < 2
    await transport.close()


async def test_a_peer_that_shows_no_sign_of_life_when_asked_is_gone() -> None:
    proxy = UdpProxy()
    async with webrtc_pair(proxy=proxy) as (a, b):
        a.expect_sign_of_life(0.3)
        a.expect_sign_of_life(0.001)  # one question at a time
        await b.send(rt(b"here"))
        await asyncio.sleep(0.4)
        assert a.state is TransportState.OPEN
        a.expect_sign_of_life(0.1)
        await until(lambda: a.state is TransportState.CLOSED, 1)


async def test_a_room_attached_to_a_call_that_was_just_lost_is_left_all_the_same() -> None:
    left = asyncio.Event()

    async def watch() -> None:
        raise AssertionError("a lost call is not watched")

    async def leave() -> None:
        left.set()

    async with webrtc_pair() as (a, b):
        await b.close()
        await until(lambda: a.state is TransportState.CLOSED)
        a.attach(watch(), leave)
        await a.close()
    assert left.is_set()


@pytest.mark.parametrize("url", ["stun:host:port", "http://host"])
async def test_an_ice_server_that_is_none_is_the_users_mistake(url: str) -> None:
    with pytest.raises(UserError, match="ICE server"):
        WebRtcTransport(WebRtcConfig(ice_servers=(IceServer((url,)),)))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sdp: "",
        lambda sdp: "\x00" * 100,
        lambda sdp: sdp.replace("m=application", "m=audio"),
        lambda sdp: sdp.replace("a=sctp-port:5000", "a=sctp-port:many"),
        lambda sdp: sdp.replace("a=ice-ufrag", "a=nothing"),
        lambda sdp: sdp.replace("a=setup:", "a=setup:x"),
        lambda sdp: sdp.replace(" udp ", " "),
        lambda sdp: sdp.replace("a=fingerprint:sha-256 ", "a=fingerprint:"),
        lambda sdp: sdp + "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n" * (SDP_MAX_CANDIDATES + 1),
    ],
)
async def test_an_offer_that_cannot_be_used_is_the_peers_error(spoil: Callable[[str], str]) -> None:
    a, b = WebRtcTransport(), WebRtcTransport()
    with pytest.raises(RemoteError):
        await b.accept_offer(spoil(await a.create_offer()))
    await asyncio.gather(a.close(), b.close())


async def test_trickled_candidates_are_limited_and_checked() -> None:
    a, b = WebRtcTransport(), WebRtcTransport()
    await b.accept_offer(await a.create_offer())
    with pytest.raises(MalformedMessage):
        await b.add_candidate("candidate:nonsense", "0", 0)
    for _ in range(SDP_MAX_CANDIDATES - 1):
        await b.add_candidate("candidate:1 1 udp 1 192.0.2.1 5000 typ host", "0", 0)
    with pytest.raises(LimitExceeded):
        await b.add_candidate("candidate:1 1 udp 1 192.0.2.1 5000 typ host", "0", 0)
    await asyncio.gather(a.close(), b.close())
