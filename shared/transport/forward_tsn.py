"""FORWARD TSN chunks (RFC 3758) of one aiortc association, no more often than they can be answered.

Must not import anything of this project. Invariant: an Advanced.Peer.Ack.Point that was not told yet is told at once; the same
one again only after a round trip without an answer.

Workaround. Cause: aiortc (1.16) sends a FORWARD TSN for every SACK that does not know the newest point yet, and every FORWARD
TSN is answered by a SACK. On a link with a queue the answers on their way are all outdated, each brings forth another FORWARD
TSN, and the loop lives on by itself: 20 kbit/s each way for eight seconds, measured on a link that fell from 100 to 15 kbit/s.
RFC 3758 section 3.5 (A5) repeats it when the timer T3 ends, which still happens. Cost: one method of one `RTCSctpTransport`
instance is replaced (private API). Remove it when aiortc paces them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from aiortc.rtcsctptransport import Chunk, ForwardTsnChunk, RTCSctpTransport

REPEAT_LEAST_S: Final = 0.2
"""Before anything is known of the round trip, and at least: what an acknowledgement may be delayed by, as a rule."""


class PacedForwardTsn:
    """Replaces how one association sends chunks; all others pass as they are."""

    def __init__(self, sctp: RTCSctpTransport) -> None:
        self._sctp = cast(Any, sctp)  # private attributes are read and a method replaced
        self._told: int | None = None
        self._told_s = 0.0
        self._send_chunk: Callable[[Chunk], Awaitable[None]] = self._sctp._send_chunk
        self._sctp._send_chunk = self._paced

    async def _paced(self, chunk: Chunk) -> None:
        if isinstance(chunk, ForwardTsnChunk):
            now_s = asyncio.get_running_loop().time()
            if chunk.cumulative_tsn == self._told and now_s - self._told_s < self._repeat_s:
                return
            self._told, self._told_s = chunk.cumulative_tsn, now_s
        await self._send_chunk(chunk)

    @property
    def _repeat_s(self) -> float:
        return max(REPEAT_LEAST_S, float(self._sctp._srtt or 0.0))
