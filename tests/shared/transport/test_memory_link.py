"""The in-process link in virtual time."""

import asyncio
from itertools import pairwise

import pytest

from shared.frames import Channel
from shared.limits import CTL_OUTBOX_MAX_BYTES, CTL_RECEIVE_QUEUE, MESSAGE_MAX_BYTES, SACK_DELAY_MS
from shared.transport.base import TransportClosed, TransportState, WireSnapshot
from shared.transport.impairments import (
    Blackout,
    GilbertElliott,
    Impairment,
    PatternLoss,
    RandomLoss,
    RateStep,
)
from shared.transport.memory_link import MemoryLink
from shared.transport.virtual_time import loop_now_us, run_virtual
from tests.shared.transport.pairs import collected, ctl, rt

BAD = Impairment(
    loss=GilbertElliott(0.05, 0.3),
    delay_ms=40,
    jitter_ms=30,
    rate=(RateStep(0, 60),),
    reorder_probability=0.05,
    reorder_ms=50,
    duplicate_probability=0.05,
)
Trace = list[tuple[int, Channel, bytes]]


async def call(forward: Impairment, seed: int, seconds: int = 20) -> tuple[Trace, WireSnapshot]:
    """12.5 RT messages and two CTL messages a second; when and what arrived, and what it cost."""
    link = MemoryLink(forward, Impairment(delay_ms=40), seed)
    trace: Trace = []

    async def receive() -> None:
        while True:
            channel, data = await link.b.receive()
            trace.append((loop_now_us(), channel, data))

    reader = asyncio.ensure_future(receive())
    for i in range(seconds * 25 // 2):
        await link.a.send(rt(i.to_bytes(2, "big") * 60))
        if i % 6 == 0:
            await link.a.send(ctl(b"%d" % (i // 6)))
        await asyncio.sleep(0.08)
    await asyncio.sleep(30)
    reader.cancel()
    return trace, link.a.counter.snapshot()


def test_the_same_seed_gives_the_same_trace_and_another_seed_another() -> None:
    first, second, other = (run_virtual(call(BAD, seed)) for seed in (1, 1, 2))
    assert first == second
    assert first != other


def test_ctl_arrives_complete_and_in_order_whatever_is_lost() -> None:
    trace, _ = run_virtual(call(Impairment(loss=RandomLoss(0.3), delay_ms=20), 5))
    messages = [data for _, channel, data in trace if channel is Channel.CTL]
    assert messages == [b"%d" % i for i in range(len(messages))]
    assert len(messages) == 42


def test_rt_is_never_sent_again() -> None:
    trace, _ = run_virtual(call(Impairment(loss=PatternLoss((False, True), repeat=True)), 5))
    arrived = [data for _, channel, data in trace if channel is Channel.RT]
    assert len(set(arrived)) == len(arrived) < 250


def test_delay_is_what_was_asked_for() -> None:
    trace, _ = run_virtual(call(Impairment(delay_ms=70), 1, seconds=1))
    assert [at_us for at_us, channel, _ in trace if channel is Channel.RT][:3] == [70_000, 150_000, 230_000]


def test_the_wire_costs_what_real_webrtc_costs() -> None:
    """120 bytes are 213 on the wire; five are acknowledged by 93, SACK_DELAY_MS after the first (test_sack, test_udp_counter)."""

    async def main() -> WireSnapshot:
        link = MemoryLink()
        for _ in range(120):
            await link.a.send(rt(bytes(120)))
            await asyncio.sleep(0.1)
        return link.a.counter.snapshot()

    snapshot = run_virtual(main())
    assert (snapshot.forward_bytes, snapshot.forward_packets) == (120 * 213, 120)
    assert (snapshot.reverse_bytes, snapshot.reverse_packets) == (24 * 93, 24)


def test_a_single_message_is_acknowledged_after_the_delay_or_on_the_next_answer() -> None:
    async def main(answer: bool) -> tuple[int, int]:
        link = MemoryLink()
        await link.a.send(rt(bytes(120)))
        await asyncio.sleep(0.1)
        if answer:
            await link.b.send(rt(bytes(120)))
        await asyncio.sleep(SACK_DELAY_MS / 1000 - 0.101)
        early_packets = link.a.counter.snapshot().reverse_packets
        await asyncio.sleep(0.1)
        return early_packets, link.a.counter.snapshot().reverse_bytes

    assert run_virtual(main(answer=False)) == (0, 93)
    assert run_virtual(main(answer=True)) == (1, 213 + 16)


def test_a_blackout_ends_and_the_call_goes_on() -> None:
    trace, _ = run_virtual(call(Impairment(blackouts=(Blackout(2000, 3000),)), 1))
    times_us = [at_us for at_us, channel, _ in trace if channel is Channel.RT]
    gaps_us = [b - a for a, b in pairwise(times_us)]
    assert max(gaps_us) == 3_120_000  # 1.92 s to 5.04 s


@pytest.mark.parametrize("size_bytes", [0, MESSAGE_MAX_BYTES + 1])
def test_messages_that_no_transport_carries_are_refused(size_bytes: int) -> None:
    async def main() -> None:
        await MemoryLink().a.send(rt(bytes(size_bytes)))

    with pytest.raises(ValueError):
        run_virtual(main())


def test_the_largest_message_is_carried() -> None:
    async def main() -> int:
        link = MemoryLink()
        await link.a.send(rt(bytes(MESSAGE_MAX_BYTES)))
        return len((await link.b.receive())[1])

    assert run_virtual(main()) == MESSAGE_MAX_BYTES


def test_closing_one_end_closes_the_other_and_both_may_close_again() -> None:
    async def main() -> None:
        link = MemoryLink()
        await link.a.close()
        await link.b.close()
        for end, reason in ((link.a, "closed by this end"), (link.b, "the peer ended the call")):
            assert end.state is TransportState.CLOSED
            with pytest.raises(TransportClosed, match=reason):
                await end.receive()
            with pytest.raises(TransportClosed):
                await end.send(rt(b"x"))

    run_virtual(main())


def test_an_end_that_dies_is_only_silent() -> None:
    async def main() -> tuple[TransportState, int]:
        link = MemoryLink()
        link.b.die()
        async with collected(link.a) as messages:
            await link.a.send(rt(b"x"))
            await asyncio.sleep(60)
        return link.a.state, len(messages)

    assert run_virtual(main()) == (TransportState.OPEN, 0)


def test_a_reader_that_does_not_keep_up_with_ctl_loses_the_call() -> None:
    async def main() -> str:
        link = MemoryLink()
        for _ in range(CTL_RECEIVE_QUEUE + 1):
            await link.a.send(ctl(b"x"))
        await asyncio.sleep(1)
        for _ in range(CTL_RECEIVE_QUEUE):
            await link.b.receive()
        with pytest.raises(TransportClosed) as closed:
            await link.b.receive()
        return str(closed.value)

    assert "broke a rule" in run_virtual(main())


def test_a_peer_that_never_acknowledges_ctl_loses_the_call() -> None:
    async def main() -> int:
        link = MemoryLink(Impairment(loss=RandomLoss(1)))
        sent = 0
        with pytest.raises(TransportClosed):
            while True:
                await link.a.send(ctl(bytes(1024)))
                sent += 1
        return sent

    assert run_virtual(main()) == CTL_OUTBOX_MAX_BYTES // 1024
