"""What one aiortc association still wants to send when the path below it is gone.

Must not import anything of this project. Invariant: a chunk that cannot leave any more is lost, as it would be on the way; that
the path is gone is told by the connection's state, and by nothing else.

Workaround. Cause: aiortc (1.16) sends from tasks that nobody waits for; what the layers below raise after the peer's goodbye or
after ICE gave up ("protocol is shutdown", "not connected") stands in the log as "Task exception was never retrieved", with a
traceback for each call that was lost. Cost: one method of one `RTCSctpTransport` instance is replaced (private API). Remove it
when aiortc handles them.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, cast

from aiortc.rtcsctptransport import Chunk, RTCSctpTransport
from OpenSSL import SSL

GONE: Final = (ConnectionError, SSL.Error)
"""What ICE and DTLS raise when there is nobody to send to."""


class QuietEnd:
    """Replaces how one association sends chunks; install it before what else wraps that."""

    def __init__(self, sctp: RTCSctpTransport) -> None:
        replaced = cast(Any, sctp)
        self._send_chunk: Callable[[Chunk], Awaitable[None]] = replaced._send_chunk
        replaced._send_chunk = self._sent_or_lost

    async def _sent_or_lost(self, chunk: Chunk) -> None:
        with suppress(*GONE):
            await self._send_chunk(chunk)
