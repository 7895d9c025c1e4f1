"""What a hostile peer can do to the association: at each limit nothing, one past it an orderly end."""

import asyncio
from functools import partial

import pytest
from aiortc.rtcsctptransport import WEBRTC_DCEP, WEBRTC_STRING, Chunk, SackChunk

from shared.errors import LimitExceeded, MalformedMessage, RemoteError
from shared.limits import (
    MESSAGE_MAX_BYTES,
    SCTP_MISORDERED_MAX,
    SCTP_REASSEMBLY_MAX_BYTES,
    SCTP_REASSEMBLY_MAX_CHUNKS,
    SCTP_SACK_GAP_MAX,
)
from shared.transport.base import TransportClosed, TransportState
from shared.transport.webrtc import WebRtcTransport
from tests.shared.transport.pairs import collected, data_chunk, rt, send_chunk, until, webrtc_pair

pytestmark = pytest.mark.network

FIRST = 0x02
MIDDLE = 0x00
LAST = 0x01
UNORDERED = 0x04
PART_BYTES = 1024


def holds_beyond_gap(transport: WebRtcTransport, packets: int) -> bool:
    return len(transport._sctp._sack_misordered) == packets


async def settle() -> None:
    """Let what was sent be received: loopback and one event loop, so a few turns of it."""
    await asyncio.sleep(0.05)


async def ended_by(transport: WebRtcTransport, error: type[RemoteError]) -> bool:
    """The transport was closed because of `error`."""
    await until(lambda: transport.state is TransportState.CLOSED)
    with pytest.raises(TransportClosed, match="broke a rule") as closed:
        while True:
            await transport.receive()
    return isinstance(closed.value.__cause__, error)


async def test_a_message_that_never_ends_is_cut_off_past_the_limit() -> None:
    async with webrtc_pair() as (evil, victim):
        for i in range(SCTP_REASSEMBLY_MAX_BYTES // PART_BYTES):
            flags = FIRST if i == 0 else MIDDLE
            await send_chunk(evil, data_chunk(evil, bytes(PART_BYTES), flags=flags, stream_id=1))
            await asyncio.sleep(0)
        await settle()
        assert victim.state is TransportState.OPEN
        await send_chunk(evil, data_chunk(evil, b"x", flags=MIDDLE, stream_id=1))
        assert await ended_by(victim, LimitExceeded)


async def test_a_flood_of_empty_fragments_is_cut_off_past_the_limit() -> None:
    async with webrtc_pair() as (evil, victim):
        for i in range(SCTP_REASSEMBLY_MAX_CHUNKS):
            await send_chunk(evil, data_chunk(evil, b"", flags=FIRST if i == 0 else MIDDLE, stream_id=1))
            await asyncio.sleep(0)
        await settle()
        assert victim.state is TransportState.OPEN
        await send_chunk(evil, data_chunk(evil, b"", flags=MIDDLE, stream_id=1))
        assert await ended_by(victim, LimitExceeded)


async def test_packets_beyond_a_gap_are_cut_off_past_the_limit() -> None:
    async with webrtc_pair() as (evil, victim), collected(victim):
        for i in range(SCTP_MISORDERED_MAX):
            chunk = data_chunk(evil, b"x", flags=FIRST | LAST | UNORDERED, skip=int(i == 0))
            await send_chunk(evil, chunk)
            if i % 32 == 31:  # the victim is slower than this loop: wait, or its socket drops packets
                await until(partial(holds_beyond_gap, victim, i + 1))
        assert victim.state is TransportState.OPEN
        await send_chunk(evil, data_chunk(evil, b"x", flags=FIRST | LAST | UNORDERED))
        assert await ended_by(victim, LimitExceeded)


@pytest.mark.parametrize(
    ("gaps", "survives"),
    [
        ([(1, SCTP_SACK_GAP_MAX)], True),
        ([(1, SCTP_SACK_GAP_MAX + 1)], False),
        ([(60_000, 1), (1, SCTP_SACK_GAP_MAX + 1)], False),
    ],
)
async def test_an_acknowledgement_of_too_much_ends_the_call(
    gaps: list[tuple[int, int]], survives: bool
) -> None:
    async with webrtc_pair() as (evil, victim):
        sack = SackChunk()
        sack.cumulative_tsn = victim._sctp._last_sacked_tsn
        sack.gaps = gaps
        await send_chunk(evil, sack)
        await settle()
        assert victim.state is (TransportState.OPEN if survives else TransportState.CLOSED)


async def test_a_stream_that_was_not_negotiated_ends_the_call() -> None:
    async with webrtc_pair() as (evil, victim):
        await send_chunk(evil, data_chunk(evil, b"x", flags=FIRST | LAST, stream_id=2))
        assert await ended_by(victim, LimitExceeded)


@pytest.mark.parametrize(
    ("chunk_type", "body"), [(0, b"abcd"), (3, bytes(11)), (1, bytes(16)), (192, bytes(1))]
)
async def test_a_chunk_that_the_parser_cannot_handle_ends_the_call(chunk_type: int, body: bytes) -> None:
    async with webrtc_pair() as (evil, victim):
        chunk = Chunk(body=body)
        chunk.type = chunk_type
        await send_chunk(evil, chunk)
        if (
            chunk_type == 1
        ):  # an INIT with the wrong verification tag is ignored, as RFC 9260 section 8.5.1 wants
            await settle()
            assert victim.state is TransportState.OPEN
        else:
            assert await ended_by(victim, MalformedMessage)


async def test_text_and_channel_announcements_are_counted_and_dropped() -> None:
    async with webrtc_pair() as (evil, victim), collected(victim) as messages:
        for pp_id, data in ((WEBRTC_DCEP, b"\x03" + bytes(11)), (WEBRTC_STRING, b"\xff\xfe"), (99, b"?")):
            await evil._sctp._send(0, pp_id, data, ordered=False)
        await evil.send(rt(b"fine"))
        await until(lambda: messages)
    assert [data for _, data in messages] == [b"fine"]
    assert victim.stats.dropped_garbage == 3


@pytest.mark.parametrize(("size_bytes", "dropped"), [(MESSAGE_MAX_BYTES, 0), (MESSAGE_MAX_BYTES + 1, 1)])
async def test_oversized_messages_are_counted_and_dropped(size_bytes: int, dropped: int) -> None:
    async with webrtc_pair() as (evil, victim), collected(victim) as messages:
        await evil._sctp._send(0, 53, bytes(size_bytes), ordered=False)
        await evil.send(rt(b"fine"))
        await until(lambda: len(messages) == 2 - dropped)
    assert messages[-1][1] == b"fine"
    assert victim.stats.dropped_oversized == dropped
