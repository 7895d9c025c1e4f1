"""The bounded queues, at each limit and one past it."""

import asyncio

import pytest

from shared.errors import LimitExceeded
from shared.frames import Channel
from shared.limits import CTL_RECEIVE_QUEUE, RT_OUTBOX_MAX_AGE_MS, RT_OUTBOX_MAX_BYTES, RT_RECEIVE_QUEUE
from shared.transport.base import TransportClosed
from shared.transport.queues import ReceiveQueue, RtOutbox


async def test_messages_of_both_channels_come_out_in_order_of_arrival() -> None:
    queue = ReceiveQueue()
    queue.put(Channel.CTL, b"1")
    queue.put(Channel.RT, b"2")
    assert [await queue.get(), await queue.get()] == [(Channel.CTL, b"1"), (Channel.RT, b"2")]


@pytest.mark.parametrize(("count", "dropped"), [(RT_RECEIVE_QUEUE, 0), (RT_RECEIVE_QUEUE + 1, 1)])
async def test_rt_drops_its_oldest_past_the_limit_and_leaves_ctl_alone(count: int, dropped: int) -> None:
    queue = ReceiveQueue()
    queue.put(Channel.CTL, b"kept")
    for i in range(count):
        queue.put(Channel.RT, str(i).encode())
    assert queue.rt_dropped == dropped
    assert await queue.get() == (Channel.CTL, b"kept")
    assert await queue.get() == (Channel.RT, str(dropped).encode())


async def test_ctl_overflow_is_an_error_past_the_limit() -> None:
    queue = ReceiveQueue()
    for _ in range(CTL_RECEIVE_QUEUE):
        queue.put(Channel.CTL, b"x")
    with pytest.raises(LimitExceeded):
        queue.put(Channel.CTL, b"x")


async def test_what_came_before_the_close_is_delivered_then_every_read_raises_its_first_reason() -> None:
    queue = ReceiveQueue()
    queue.put(Channel.RT, b"last")
    queue.close(TransportClosed("first"))
    queue.close(TransportClosed("second"))
    queue.put(Channel.RT, b"late")
    assert await queue.get() == (Channel.RT, b"last")
    for _ in range(2):
        with pytest.raises(TransportClosed, match="first"):
            await queue.get()


async def test_a_waiting_reader_is_woken_by_the_close() -> None:
    queue = ReceiveQueue()
    reader = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.close(TransportClosed("gone"))
    with pytest.raises(TransportClosed, match="gone"):
        await reader


@pytest.mark.parametrize(("extra", "dropped"), [(0, 0), (1, 1)])
def test_the_outbox_drops_its_oldest_past_its_bytes(extra: int, dropped: int) -> None:
    outbox = RtOutbox(lambda: 0.0)
    outbox.push(b"old" * (RT_OUTBOX_MAX_BYTES // 6))
    outbox.push(b"n" * (RT_OUTBOX_MAX_BYTES - 3 * (RT_OUTBOX_MAX_BYTES // 6) + extra))
    assert outbox.dropped == dropped
    first = outbox.pop()
    assert first is not None and first.startswith(b"n" if dropped else b"old")


@pytest.mark.parametrize(
    ("age_ms", "sent"), [(RT_OUTBOX_MAX_AGE_MS, True), (RT_OUTBOX_MAX_AGE_MS + 1, False)]
)
def test_the_outbox_drops_what_is_stale(age_ms: int, sent: bool) -> None:
    now_s = [1000.0]
    outbox = RtOutbox(lambda: now_s[0])
    outbox.push(b"x")
    now_s[0] += age_ms / 1000
    assert (outbox.pop() is not None, outbox.dropped) == (sent, int(not sent))
