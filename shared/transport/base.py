"""What every transport of a call offers: two channels of small messages, a state, and counted bytes.

Must not import aiortc, aiohttp or asyncio. Invariant: the counter sees every packet of the call's sockets
exactly once, and no transport holds more than the bounds of `shared.limits`.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Protocol

from shared.errors import FacewireError
from shared.frames import Channel, Outgoing
from shared.limits import WIRE_HISTORY_S

PACKET_OVERHEAD_BYTES: Final = 28
"""UDP header (8, RFC 768) and IPv4 header (20, RFC 791) of every packet, which a socket does not show."""


class TransportClosed(FacewireError):
    """No message comes or goes any more. The text says why; `__cause__` is the peer's `RemoteError` if it was one."""


class TransportState(Enum):
    """Life of a transport; it only moves forward."""

    NEW = "new"
    CONNECTING = "connecting"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class TransportStats:
    """Messages that a transport did not deliver, and why. All are counts since the start."""

    rt_dropped_stale: int = 0
    """RT messages that waited too long, or were pushed out by newer ones, before they could be sent."""
    rt_dropped_received: int = 0
    """RT messages that arrived but were pushed out of the receive queue by newer ones."""
    dropped_oversized: int = 0
    """Received messages larger than MESSAGE_MAX_BYTES."""
    dropped_garbage: int = 0
    """Received messages that were text, empty, or on no channel of ours."""


class Transport(Protocol):
    """One end of a call: unordered RT messages without retransmits, ordered reliable CTL messages."""

    counter: "WireCounter"

    @property
    def state(self) -> TransportState:
        """Where in its life the transport is."""
        ...

    @property
    def stats(self) -> TransportStats:
        """What was dropped so far."""
        ...

    async def send(self, outgoing: Outgoing) -> None:
        """Send one message of 1..MESSAGE_MAX_BYTES bytes (ValueError otherwise).

        RT: never waits; data that cannot leave soon is dropped and counted, the oldest first. CTL: queued up to
        CTL_OUTBOX_MAX_BYTES, past which the call is closed. Raises TransportClosed.
        """
        ...

    async def receive(self) -> tuple[Channel, bytes]:
        """The next message; what came before the close is still delivered, then TransportClosed is raised."""
        ...

    async def close(self) -> None:
        """End the call; never hangs, never raises, may be called again."""
        ...


@dataclass(frozen=True, slots=True)
class WireSnapshot:
    """Bytes (headers included) and packets at one moment. Forward: sent by this end; reverse: received by it."""

    forward_bytes: int = 0
    forward_packets: int = 0
    reverse_bytes: int = 0
    reverse_packets: int = 0
    setup_bytes: int = 0
    """Both directions together, until both data channels were open; not part of the four numbers above."""
    setup_packets: int = 0
    open_us: int | None = None
    """Clock when set-up ended; None while it goes on."""
    taken_us: int = 0
    """Clock when the snapshot was taken."""

    @property
    def total_bytes(self) -> int:
        """Everything, set-up included."""
        return self.forward_bytes + self.reverse_bytes + self.setup_bytes

    def then(self, later: "WireSnapshot") -> "WireSnapshot":
        """This and a later connection's together, from the first one's set-up to the moment of the later snapshot."""
        return WireSnapshot(
            self.forward_bytes + later.forward_bytes,
            self.forward_packets + later.forward_packets,
            self.reverse_bytes + later.reverse_bytes,
            self.reverse_packets + later.reverse_packets,
            self.setup_bytes + later.setup_bytes,
            self.setup_packets + later.setup_packets,
            later.open_us if self.open_us is None else self.open_us,
            later.taken_us,
        )

    def keeps_within(self, kbps: float, more_bytes: int) -> bool:
        """Whether the mean forward rate since set-up is at most kbps even when more_bytes go out now."""
        elapsed_us = 0 if self.open_us is None else self.taken_us - self.open_us
        return 8000 * (self.forward_bytes + more_bytes) <= kbps * elapsed_us

    def rates_kbps(self, since: "WireSnapshot | None" = None) -> tuple[float, float]:
        """Mean forward and reverse kbit/s since an earlier snapshot of the same counter (default: since set-up)."""
        start = since or WireSnapshot(taken_us=self.taken_us if self.open_us is None else self.open_us)
        milliseconds = max(1, self.taken_us - start.taken_us) / 1000
        forward = (self.forward_bytes - start.forward_bytes) * 8 / milliseconds
        return forward, (self.reverse_bytes - start.reverse_bytes) * 8 / milliseconds


@dataclass(frozen=True, slots=True)
class WireSecond:
    """Traffic of one second of the call, set-up included. second: 0 is the first second after the counter was made."""

    second: int
    forward_bytes: int
    reverse_bytes: int


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1000


class WireCounter:
    """Counts what crosses the UDP sockets of one call, both ways, STUN, DTLS, SCTP and its acknowledgements included.

    Thread-safe. `clock_us` is read once per packet (virtual clocks are welcome).
    """

    def __init__(self, clock_us: Callable[[], int] = _monotonic_us) -> None:
        self._clock_us = clock_us
        self._start_us = clock_us()
        self._lock = threading.Lock()
        self._now = WireSnapshot()
        self._history: deque[WireSecond] = deque(maxlen=WIRE_HISTORY_S)

    def add_forward(self, payload_bytes: int, packets: int = 1) -> None:
        """Packets handed to the socket, with their UDP payload in all. Negative numbers take back what was not sent."""
        self._add(payload_bytes + packets * PACKET_OVERHEAD_BYTES, packets, 0, 0)

    def add_reverse(self, payload_bytes: int, packets: int = 1) -> None:
        """Packets that came from the socket, with their UDP payload in all."""
        self._add(0, 0, payload_bytes + packets * PACKET_OVERHEAD_BYTES, packets)

    def mark_open(self) -> None:
        """Set-up ends here; later calls change nothing."""
        with self._lock:
            if self._now.open_us is None:
                self._now = replace(self._now, open_us=self._clock_us())

    def snapshot(self) -> WireSnapshot:
        """The numbers now."""
        with self._lock:
            return replace(self._now, taken_us=self._clock_us())

    def history(self) -> tuple[WireSecond, ...]:
        """Seconds with traffic, oldest first, at most WIRE_HISTORY_S of them; silent seconds are absent."""
        with self._lock:
            return tuple(self._history)

    def _add(
        self, forward_bytes: int, forward_packets: int, reverse_bytes: int, reverse_packets: int
    ) -> None:
        with self._lock:
            now = self._now
            if now.open_us is None:
                self._now = replace(
                    now,
                    setup_bytes=now.setup_bytes + forward_bytes + reverse_bytes,
                    setup_packets=now.setup_packets + forward_packets + reverse_packets,
                )
            else:
                self._now = replace(
                    now,
                    forward_bytes=now.forward_bytes + forward_bytes,
                    forward_packets=now.forward_packets + forward_packets,
                    reverse_bytes=now.reverse_bytes + reverse_bytes,
                    reverse_packets=now.reverse_packets + reverse_packets,
                )
            self._add_to_history(forward_bytes, reverse_bytes)

    def _add_to_history(self, forward_bytes: int, reverse_bytes: int) -> None:
        second = (self._clock_us() - self._start_us) // 1_000_000
        if self._history and self._history[-1].second == second:
            last = self._history.pop()
            forward_bytes, reverse_bytes = (
                last.forward_bytes + forward_bytes,
                last.reverse_bytes + reverse_bytes,
            )
        self._history.append(WireSecond(second, forward_bytes, reverse_bytes))
