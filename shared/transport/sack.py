"""Delayed SCTP acknowledgements (RFC 9260 section 6.2) for one aiortc association.

Must not import anything of this project but `shared.limits`. Invariant: data is acknowledged SACK_DELAY_MS after it came
or as soon as SACK_AFTER_BYTES of it wait, whichever is first, and at once on a gap, a duplicate, a FORWARD TSN (RFC 3758) or
when the sender asks for it (I bit, RFC 7053). What waits rides on the next message of ours: our own acknowledgement leaves
every ACK_INTERVAL_MS, before the delay ends, so a one-way call costs one packet back where it would cost two or three.

Workaround. Cause: aiortc (1.16) sends one SACK of 85 bytes on the wire for every data packet, 8.5 kbit/s
back at 12.5 messages a second, and never puts a SACK into a packet that leaves anyway. Cost: four methods
of one `RTCSctpTransport` instance are replaced (private API; the class is left alone). Remove it when
aiortc delays and bundles SACKs itself.

What the RFC says. An acknowledgement MUST NOT be later than 500 ms: it is not. It SHOULD come with every second packet and
within 200 ms: it does not, because those who wrote that thought of full packets. Ours hold 100 to 300 bytes, twelve a second,
and every packet back costs 85 bytes, so counting bytes leaves 20 kbit/s forward with 3 back instead of 7.

Why the peer does not mind. A SACK plays no part in T1, which guards INIT and COOKIE ECHO only. The peer's
round-trip samples grow by at most SACK_DELAY_MS, its retransmission timeout (T3) by the same and four times
its variance, and it is at least 1 s (RFC 9260 section 16; libwebrtc's dcSCTP: 400 ms and at least 220 ms above the samples),
so no timer fires early on a steady stream. Losses are noticed as fast as before, because every packet beyond a
gap is acknowledged at once. A congestion window is never less than SACK_AFTER_BYTES, so a full one is acknowledged at once, too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from aiortc.rtcsctptransport import (
    SCTP_COMMON_HEADER_LENGTH,
    SCTP_MAX_PACKET_LENGTH,
    Chunk,
    DataChunk,
    ForwardTsnChunk,
    RTCSctpTransport,
    SackChunk,
)

from shared.limits import SACK_AFTER_BYTES, SACK_DELAY_MS

_FLAG_IMMEDIATE: Final = 0x08
"""I bit of a DATA chunk: "acknowledge at once" (RFC 9260 section 3.3.1)."""
_SACK_BYTES: Final = 16
"""A SACK chunk without gaps and duplicates."""
_DATA_HEADER_BYTES: Final = 16
"""What a DATA chunk has besides its user data (RFC 9260 section 3.3.1)."""


class _SackAndData:
    """A SACK in front of a DATA chunk in one packet: control chunks come first (RFC 9260 section 6.10)."""

    def __init__(self, sack: SackChunk, data: DataChunk) -> None:
        self._chunks = (sack, data)

    def __bytes__(self) -> bytes:
        return b"".join(bytes(chunk) for chunk in self._chunks)

    def __repr__(self) -> str:
        return repr(self._chunks)


class DelayedSack:
    """Replaces when one association acknowledges; what it acknowledges stays aiortc's. Call `stop` at close."""

    def __init__(self, sctp: RTCSctpTransport) -> None:
        self._sctp = cast(Any, sctp)  # private attributes are read and methods replaced
        self._waiting_bytes = 0
        self._at_once = False
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._send_sack_now = self._sctp._send_sack
        self._send_chunk: Callable[[Chunk | _SackAndData], Awaitable[None]] = self._sctp._send_chunk
        self._receive_data = self._sctp._receive_data_chunk
        self._receive_forward_tsn = self._sctp._receive_forward_tsn_chunk
        self._sctp._send_sack = self._acknowledge_packet
        self._sctp._send_chunk = self._send_chunk_with_sack
        self._sctp._receive_data_chunk = self._note_data
        self._sctp._receive_forward_tsn_chunk = self._note_forward_tsn

    def stop(self) -> None:
        """Cancel the timer; nothing is acknowledged any more unless data comes."""
        self._settle()

    async def _note_data(self, chunk: DataChunk) -> None:
        self._at_once = self._at_once or bool(chunk.flags & _FLAG_IMMEDIATE)
        self._waiting_bytes += _DATA_HEADER_BYTES + len(chunk.user_data)
        await self._receive_data(chunk)

    async def _note_forward_tsn(self, chunk: ForwardTsnChunk) -> None:
        self._at_once = (
            True  # an unanswered FORWARD TSN is sent again with each SACK: answering saves packets
        )
        await self._receive_forward_tsn(chunk)

    async def _acknowledge_packet(self) -> None:
        """Called by aiortc once for every packet with data in it."""
        full = self._waiting_bytes >= SACK_AFTER_BYTES
        if self._at_once or full or self._sctp._sack_misordered or self._sctp._sack_duplicates:
            self._settle()
            await self._send_sack_now()
            return
        self._sctp._sack_needed = False  # or the next packet, data or not, would count as one more
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(SACK_DELAY_MS / 1000, self._expired)

    async def _send_chunk_with_sack(self, chunk: Chunk) -> None:
        """Let a waiting acknowledgement ride on data that leaves anyway: 16 bytes instead of 85 on the wire."""
        if not isinstance(chunk, DataChunk) or not self._waiting_bytes or not self._fits(chunk):
            await self._send_chunk(chunk)
            return
        sack = SackChunk()
        sack.cumulative_tsn = self._sctp._last_received_tsn
        sack.advertised_rwnd = max(0, self._sctp._advertised_rwnd)
        self._settle()
        await self._send_chunk(_SackAndData(sack, chunk))

    def _fits(self, chunk: DataChunk) -> bool:
        return SCTP_COMMON_HEADER_LENGTH + _SACK_BYTES + len(bytes(chunk)) <= SCTP_MAX_PACKET_LENGTH

    def _settle(self) -> None:
        self._waiting_bytes = 0
        self._at_once = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expired(self) -> None:
        self._settle()
        if self._sctp._association_state != RTCSctpTransport.State.ESTABLISHED:
            return
        task = asyncio.ensure_future(self._send_late())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_late(self) -> None:
        try:
            await self._send_sack_now()
        except ConnectionError:
            return  # the call ended while the acknowledgement waited
