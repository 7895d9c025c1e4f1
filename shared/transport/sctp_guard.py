"""Keeps a peer from growing or crashing aiortc's SCTP: caps, and every failure turned into one orderly close.

Must not import anything of this project but `shared.errors` and `shared.limits`. Invariant: after a
violation no further packet of the peer is processed and `on_violation` was called exactly once.

Workaround. Cause: aiortc (1.16) has no cap on reassembly, inbound streams, misordered packets or SACK gap
ranges, and asserts, UTF-8 decoding and struct errors are reachable from a peer's packets (they end the DTLS
task with a traceback). Cost: five methods of one `RTCSctpTransport` instance are wrapped (private API).
Remove each cap when aiortc has its own.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from aiortc.rtcsctptransport import WEBRTC_BINARY, DataChunk, InboundStream, RTCSctpTransport, SackChunk

from shared.errors import LimitExceeded, MalformedMessage, RemoteError
from shared.limits import (
    SCTP_MISORDERED_MAX,
    SCTP_REASSEMBLY_MAX_BYTES,
    SCTP_REASSEMBLY_MAX_CHUNKS,
    SCTP_SACK_GAP_MAX,
)


class SctpGuard:
    """Wraps one association.

    on_violation: the peer went past a cap. on_garbage: each message of a kind that this project never sends.
    on_acknowledged: after each SACK, when the congestion window may have room again.
    """

    def __init__(
        self,
        sctp: RTCSctpTransport,
        stream_ids: frozenset[int],
        on_violation: Callable[[RemoteError], None],
        on_garbage: Callable[[], None],
        on_acknowledged: Callable[[], None],
    ) -> None:
        self._sctp: Any = sctp  # private attributes are read and methods replaced
        self._stream_ids = stream_ids
        self._on_violation = on_violation
        self._on_garbage = on_garbage
        self._on_acknowledged = on_acknowledged
        self._violated = False
        self._window_bytes: int = self._sctp._advertised_rwnd
        self.heard_s = asyncio.get_running_loop().time()
        """Loop time of the last authentic SCTP packet."""
        self._wrap()

    def _wrap(self) -> None:
        self._handle_data = self._sctp._handle_data
        self._receive_data = self._sctp._receive_data_chunk
        self._receive_sack = self._sctp._receive_sack_chunk
        self._deliver = self._sctp._receive
        self._get_stream = self._sctp._get_inbound_stream
        self._sctp._handle_data = self._handle_packet
        self._sctp._receive_data_chunk = self._check_data
        self._sctp._receive_sack_chunk = self._check_sack
        self._sctp._receive = self._deliver_binary
        self._sctp._get_inbound_stream = self._get_known_stream

    async def _handle_packet(self, data: bytes) -> None:
        if self._violated:
            return
        self.heard_s = asyncio.get_running_loop().time()
        try:
            await self._handle_data(data)
        except RemoteError as error:
            self._violate(error)
        except ConnectionError:
            raise  # our own socket is gone: aiortc's loop ends on it
        except Exception as error:  # parsers and asserts of aiortc: which ones is not part of its API
            self._violate(
                MalformedMessage(f"SCTP packet that the transport cannot handle: {type(error).__name__}")
            )

    def _violate(self, error: RemoteError) -> None:
        self._violated = True
        self._on_violation(error)

    async def _check_data(self, chunk: DataChunk) -> None:
        await self._receive_data(chunk)
        if self._window_bytes - self._sctp._advertised_rwnd > SCTP_REASSEMBLY_MAX_BYTES:
            raise LimitExceeded(f"unfinished messages of more than {SCTP_REASSEMBLY_MAX_BYTES} bytes")
        if self._waiting_chunks() > SCTP_REASSEMBLY_MAX_CHUNKS:
            raise LimitExceeded(f"unfinished messages of more than {SCTP_REASSEMBLY_MAX_CHUNKS} chunks")
        if len(self._sctp._sack_misordered) > SCTP_MISORDERED_MAX:
            raise LimitExceeded(f"more than {SCTP_MISORDERED_MAX} packets beyond a gap")

    def _waiting_chunks(self) -> int:
        return sum(len(stream.reassembly) for stream in self._sctp._inbound_streams.values())

    async def _check_sack(self, chunk: SackChunk) -> None:
        if sum(max(0, last - first + 1) for first, last in chunk.gaps) > SCTP_SACK_GAP_MAX:
            raise LimitExceeded(f"acknowledgement of more than {SCTP_SACK_GAP_MAX} packets beyond a gap")
        await self._receive_sack(chunk)
        self._on_acknowledged()

    async def _deliver_binary(self, stream_id: int, pp_id: int, data: bytes) -> None:
        """Binary messages only: text, empty ones and channel announcements (DCEP) are never sent by this project."""
        if pp_id == WEBRTC_BINARY:
            await self._deliver(stream_id, pp_id, data)
        else:
            self._on_garbage()

    def _get_known_stream(self, stream_id: int) -> InboundStream:
        if stream_id not in self._stream_ids:
            raise LimitExceeded("data on a stream that was not negotiated")
        stream: InboundStream = self._get_stream(stream_id)
        return stream
