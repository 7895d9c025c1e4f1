"""shared.transport.forward_tsn: one FORWARD TSN a round trip."""

import asyncio

import pytest
from aiortc.rtcsctptransport import ForwardTsnChunk

from shared.transport.forward_tsn import REPEAT_LEAST_S
from tests.shared.transport.pairs import webrtc_pair

pytestmark = pytest.mark.network


def chunk(cumulative_tsn: int) -> ForwardTsnChunk:
    made = ForwardTsnChunk()
    made.cumulative_tsn, made.streams = cumulative_tsn, []
    return made


async def test_a_point_that_was_told_is_repeated_only_after_a_while_and_a_new_one_goes_out_at_once() -> None:
    async with webrtc_pair() as (a, _):
        sctp, told = a._sctp, a._sctp._last_sacked_tsn
        sent = a.counter.snapshot().forward_packets

        async def tell(tsn: int) -> int:
            await sctp._send_chunk(chunk(tsn))
            return a.counter.snapshot().forward_packets - sent

        sctp._srtt = None
        assert [await tell(told) for _ in range(3)] == [1, 1, 1]
        assert await tell(told - 1) == 2
        assert await tell(told) == 3
        await asyncio.sleep(REPEAT_LEAST_S * 0.8)
        assert await tell(told) == 3
        await asyncio.sleep(REPEAT_LEAST_S * 0.4)
        assert await tell(told) == 4
        sctp._srtt = 60.0
        await asyncio.sleep(REPEAT_LEAST_S * 1.2)
        assert await tell(told) == 4, "behind a long queue no answer can have come yet"
