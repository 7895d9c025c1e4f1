"""Counts every packet that aioice sends and receives for one call, at the asyncio transport of each of its
sockets.

Must not import aiortc. Invariant: sockets opened outside `counting(...)` are left exactly as aioice made
them.

Workaround. Cause: neither aiortc nor aioice (0.13) reports the bytes of its sockets:
`RTCPeerConnection.getStats()` is empty for a call with data channels only, and the DTLS counters leave out
STUN and TURN. The sockets are made deep inside `aioice.Connection.gather_candidates`, so there is no object
to hand in. Cost: two methods of aioice are wrapped for the whole process (a context variable decides whose
socket it is; without one they do what they did), and about 2 us a packet. Remove it when aioice lets a
caller supply its datagram endpoints or publishes per-socket counters.

Not seen: multicast DNS queries for `.local` candidates (one shared socket per process, set-up only), and
the segments of TURN over TCP, where each write or read is counted as one packet.

It also stops empty datagrams: aiortc 1.16 reads `data[0]` of each datagram, so that one empty UDP packet
from anybody who guesses the port ends the call with an IndexError. They are counted and dropped here.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from aioice.ice import StunProtocol
from aioice.turn import TurnClientMixin, TurnTransport

from shared.transport.base import WireCounter

_current: ContextVar[WireCounter | None] = ContextVar("facewire_wire_counter", default=None)
_MARK = "facewire_wrapped"


@contextmanager
def counting(counter: WireCounter) -> Iterator[None]:
    """Sockets that aioice opens in this block (tasks started in it included) are counted for their whole life."""
    _install()
    token = _current.set(counter)
    try:
        yield
    finally:
        _current.reset(token)


class _CountingTransport:
    """An asyncio transport whose sends are counted; everything else is the wrapped transport's own."""

    def __init__(self, inner: Any, counter: WireCounter) -> None:
        self._inner = inner
        self._counter = counter
        self._sending_bytes: int | None = None

    def sendto(self, data: bytes, addr: Any = None) -> None:
        """Count, then send; asyncio sends at once or buffers, and reports a refusal through `refused`."""
        self._sending_bytes = len(data)
        self._counter.add_forward(len(data))
        self._inner.sendto(data, addr)
        self._sending_bytes = None

    def write(self, data: bytes) -> None:
        """The same for TURN over TCP."""
        self._counter.add_forward(len(data))
        self._inner.write(data)

    def refused(self) -> None:
        """The kernel refused the packet being sent (no route, no such address): it never was on the wire."""
        if self._sending_bytes is not None:
            self._counter.add_forward(-self._sending_bytes, -1)
            self._sending_bytes = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _install() -> None:
    classes: tuple[Any, ...] = (StunProtocol, TurnClientMixin)
    for cls in classes:
        if not hasattr(cls.connection_made, _MARK):
            wrapped = _counted_connection_made(cls.connection_made)
            setattr(wrapped, _MARK, True)
            cls.connection_made = wrapped


def _counted_connection_made(original: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def connection_made(protocol: Any, transport: Any) -> None:
        counter = _current.get()
        # A TurnTransport is no socket: what passes it is counted, with TURN's own headers, at the socket below.
        if counter is not None and isinstance(transport, TurnTransport):
            protocol.datagram_received = _unless_empty(protocol.datagram_received)
        elif counter is not None:
            counted = _CountingTransport(transport, counter)
            _count_received(protocol, counter, counted)
            transport = counted
        original(protocol, transport)

    return connection_made


def _unless_empty(receive: Callable[[bytes, Any], None]) -> Callable[[bytes, Any], None]:
    def datagram_received(data: bytes, addr: Any) -> None:
        if data:
            receive(data, addr)

    return datagram_received


def _count_received(protocol: Any, counter: WireCounter, transport: _CountingTransport) -> None:
    """Wrap the callbacks of one protocol instance; asyncio looks them up on the instance for every packet."""
    receive_datagram = _unless_empty(protocol.datagram_received)

    if hasattr(protocol, "data_received"):  # TURN over TCP; its own parser calls datagram_received
        receive_stream = protocol.data_received

        def data_received(data: bytes) -> None:
            counter.add_reverse(len(data))
            receive_stream(data)

        protocol.data_received = data_received
        return

    def datagram_received(data: bytes, addr: Any) -> None:
        counter.add_reverse(len(data))
        receive_datagram(data, addr)

    def error_received(exc: Exception) -> None:
        transport.refused()
        if report_error is not None:
            report_error(exc)

    report_error = getattr(protocol, "error_received", None)
    protocol.datagram_received = datagram_received
    protocol.error_received = error_received
