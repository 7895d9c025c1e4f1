"""Two transports joined inside one process by an impaired link: deterministic in virtual time.

Must not import aiortc. Invariant: with the same impairments, seed and program, every message arrives at the
same virtual microsecond in every run.

What is modelled, so that rates are those of the real wire (`tests` compare them): a message is one packet
of its size rounded up to 4, + 65 (DTLS, SCTP) + 28 bytes; acknowledgements wait as
in `sack` and leave alone or on top of data; lost CTL messages are sent again after one second and delivered in
order. What is not: congestion window, STUN, set-up. A duplicated packet delivers an RT message twice, which
SCTP would hide: stricter on purpose.
"""

import asyncio
from collections.abc import Callable

from shared.errors import LimitExceeded
from shared.frames import Channel, Outgoing
from shared.limits import (
    CTL_OUTBOX_MAX_BYTES,
    MESSAGE_MAX_BYTES,
    SACK_AFTER_BYTES,
    SACK_DELAY_MS,
)
from shared.transport.base import (
    PACKET_OVERHEAD_BYTES,
    TransportClosed,
    TransportState,
    TransportStats,
    WireCounter,
)
from shared.transport.impairments import Impairment
from shared.transport.link_model import LinkModel
from shared.transport.queues import ReceiveQueue
from shared.transport.virtual_time import loop_now_us

_MESSAGE_OVERHEAD_BYTES = 65
"""DTLS record 37, SCTP common header 12, DATA chunk header 16."""
_SACK_PACKET_BYTES = 65
"""DTLS record 37, SCTP common header 12, SACK chunk 16."""
_SACK_CHUNK_BYTES = 16
_BEFORE_CHUNKS_BYTES = 49
"""DTLS record 37, SCTP common header 12."""
_CTL_RESEND_S = 1.0
"""RTO.Min of RFC 9260 section 16."""


class MemoryLink:
    """The link and its two ends. forward: what happens to packets from `a` to `b`; reverse: from `b` to `a`."""

    def __init__(
        self, forward: Impairment | None = None, reverse: Impairment | None = None, seed: int = 0
    ) -> None:
        self._loop = asyncio.get_running_loop()
        start_us = loop_now_us()
        self._forward = LinkModel(forward or Impairment(), 2 * seed, start_us)
        self._reverse = LinkModel(reverse or Impairment(), 2 * seed + 1, start_us)
        self.a = MemoryTransport(self._carry_forward)
        self.b = MemoryTransport(self._carry_reverse)
        self.a.peer, self.b.peer = self.b, self.a

    def _carry_forward(self, size_bytes: int, arrived: Callable[[], None]) -> None:
        self._carry(self._forward, size_bytes, arrived)

    def _carry_reverse(self, size_bytes: int, arrived: Callable[[], None]) -> None:
        self._carry(self._reverse, size_bytes, arrived)

    def _carry(self, model: LinkModel, size_bytes: int, arrived: Callable[[], None]) -> None:
        for arrival_us in model.offer(loop_now_us(), size_bytes + PACKET_OVERHEAD_BYTES):
            self._loop.call_at(arrival_us / 1_000_000, arrived)


class MemoryTransport:
    """One end of a `MemoryLink`; a `Transport` that is open from the start."""

    peer: "MemoryTransport"

    def __init__(self, carry: Callable[[int, Callable[[], None]], None]) -> None:
        self.counter = WireCounter(loop_now_us)
        self.counter.mark_open()
        self._carry = carry
        self._loop = asyncio.get_running_loop()
        self._received = ReceiveQueue()
        self._state = TransportState.OPEN
        self._unacknowledged_bytes = 0
        self._sack_timer: asyncio.TimerHandle | None = None
        self._ctl_next = 0
        self._ctl_waiting: dict[int, bytes] = {}
        self._ctl_expected = 0
        self._ctl_early: dict[int, bytes] = {}

    @property
    def state(self) -> TransportState:
        """OPEN or CLOSED."""
        return self._state

    @property
    def stats(self) -> TransportStats:
        """What was dropped so far."""
        return TransportStats(rt_dropped_received=self._received.rt_dropped)

    async def send(self, outgoing: Outgoing) -> None:
        """See `Transport.send`."""
        if not 1 <= len(outgoing.data) <= MESSAGE_MAX_BYTES:
            raise ValueError(f"message of {len(outgoing.data)} bytes; 1..{MESSAGE_MAX_BYTES} can be sent")
        if self._state is TransportState.CLOSED:
            raise self._received.closed_error()
        if outgoing.channel is Channel.RT:
            self._send_message(outgoing.data, lambda: self.peer._receive_rt(outgoing.data))
        else:
            self._send_ctl(outgoing.data)

    async def receive(self) -> tuple[Channel, bytes]:
        """See `Transport.receive`."""
        return await self._received.get()

    async def close(self) -> None:
        """Close both ends at once."""
        self._end("closed by this end")
        self.peer._end("the peer ended the call")

    def die(self) -> None:
        """Vanish without a word, as a killed process does: the other end just hears nothing any more."""
        self._end("closed by this end")

    # --- sending

    def _send_message(self, data: bytes, arrived: Callable[[], None]) -> None:
        sack_bytes = _SACK_CHUNK_BYTES if self._unacknowledged_bytes else 0
        self._settle_sack()
        size_bytes = _MESSAGE_OVERHEAD_BYTES + (len(data) + 3) // 4 * 4 + sack_bytes
        self._send_packet(size_bytes, lambda: self.peer._receive_packet(size_bytes, arrived))

    def _send_packet(self, size_bytes: int, arrived: Callable[[], None]) -> None:
        self.counter.add_forward(size_bytes)
        self._carry(size_bytes, arrived)

    def _send_ctl(self, data: bytes) -> None:
        if sum(map(len, self._ctl_waiting.values())) + len(data) > CTL_OUTBOX_MAX_BYTES:
            self._end("the peer broke a rule: it does not acknowledge control messages")
            raise self._received.closed_error()
        number = self._ctl_next
        self._ctl_next += 1
        self._ctl_waiting[number] = data
        self._try_ctl(number)

    def _try_ctl(self, number: int) -> None:
        data = self._ctl_waiting.get(number)
        if data is None or self._state is TransportState.CLOSED:
            return
        self._send_message(data, lambda: self.peer._receive_ctl(number, data))
        self._loop.call_later(_CTL_RESEND_S, self._try_ctl, number)

    # --- receiving

    def _receive_packet(self, size_bytes: int, arrived: Callable[[], None]) -> None:
        if self._state is TransportState.CLOSED:
            return
        self.counter.add_reverse(size_bytes)
        self._note_unacknowledged(size_bytes)
        arrived()

    def _receive_rt(self, data: bytes) -> None:
        self._received.put(Channel.RT, data)

    def _receive_ctl(self, number: int, data: bytes) -> None:
        self.peer._ctl_waiting.pop(number, None)
        if number >= self._ctl_expected:
            self._ctl_early[number] = data
        while self._ctl_expected in self._ctl_early:
            self._put_ctl(self._ctl_early.pop(self._ctl_expected))
            self._ctl_expected += 1

    def _put_ctl(self, data: bytes) -> None:
        try:
            self._received.put(Channel.CTL, data)
        except LimitExceeded as error:
            self._end(f"the peer broke a rule: {error}", error)

    def _note_unacknowledged(self, size_bytes: int) -> None:
        self._unacknowledged_bytes += size_bytes - _BEFORE_CHUNKS_BYTES
        if self._unacknowledged_bytes >= SACK_AFTER_BYTES:
            self._send_sack()
        elif self._sack_timer is None:
            self._sack_timer = self._loop.call_later(SACK_DELAY_MS / 1000, self._send_sack)

    def _send_sack(self) -> None:
        self._settle_sack()
        self._send_packet(_SACK_PACKET_BYTES, lambda: self.peer._receive_sack())

    def _receive_sack(self) -> None:
        if self._state is not TransportState.CLOSED:
            self.counter.add_reverse(_SACK_PACKET_BYTES)

    def _settle_sack(self) -> None:
        self._unacknowledged_bytes = 0
        if self._sack_timer is not None:
            self._sack_timer.cancel()
            self._sack_timer = None

    def _end(self, reason: str, cause: LimitExceeded | None = None) -> None:
        self._state = TransportState.CLOSED
        self._settle_sack()
        closed = TransportClosed(reason)
        closed.__cause__ = cause
        self._received.close(closed)
