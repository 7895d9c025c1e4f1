"""One end of a call over real WebRTC: aiortc's peer connection with two negotiated data channels.

Must not import aiohttp or know what messages mean. Invariant: whatever the peer sends, memory stays within
`shared.limits` and the only visible outcomes are messages, counted drops, and one TransportClosed.

The channels are negotiated by agreement (RFC 8832 section 1, no announcement on the wire): `rt` id 0,
unordered, no retransmits; `ctl` id 1, ordered, reliable. Order of calls: create_offer -> accept_answer at
one end, accept_offer at the other, wait_open at both.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSctpTransport,
    RTCSessionDescription,
)
from aiortc.sdp import candidate_from_sdp
from cryptography.hazmat.primitives import hashes

from shared.errors import LimitExceeded, MalformedMessage, RemoteError, UserError
from shared.frames import Channel, Outgoing
from shared.limits import (
    CTL_OUTBOX_MAX_BYTES,
    MESSAGE_MAX_BYTES,
    SDP_MAX_CANDIDATES,
    TRANSPORT_CLOSE_DRAIN_MS,
    TRANSPORT_CLOSE_TIMEOUT_S,
    TRANSPORT_OPEN_TIMEOUT_S,
)
from shared.signaling_messages import IceServer
from shared.transport.base import TransportClosed, TransportState, TransportStats, WireCounter
from shared.transport.forward_tsn import PacedForwardTsn
from shared.transport.loopback import use_loopback_when_alone
from shared.transport.queues import ReceiveQueue, RtOutbox
from shared.transport.quiet_end import QuietEnd
from shared.transport.sack import DelayedSack
from shared.transport.sctp_guard import SctpGuard
from shared.transport.sdp import check_remote_sdp
from shared.transport.small_packets import prefer_small_packets
from shared.transport.udp_counter import counting

CHANNEL_IDS: Final = {Channel.RT: 0, Channel.CTL: 1}
"""SCTP stream ids that both ends agree on."""
LIFE_SIGN_S: Final = 1.0
"""Twelve bundles of 80 ms: a peer that is alive has acknowledged or sent something by then."""
_RTO_INITIAL_S: Final = 1.0
_DRAIN_POLL_S: Final = 0.005
_IDLE_CHECKS_PER_TIMEOUT: Final = 8


@dataclass(frozen=True, slots=True)
class WebRtcConfig:
    """How one end connects."""

    ice_servers: tuple[IceServer, ...] = ()
    """STUN and TURN servers; none by default, so that nothing public is asked unless somebody chose it."""
    relay_only: bool = False
    """Use TURN candidates only, so that the peer does not learn this end's addresses."""
    delayed_sack: bool = True
    """Acknowledge as RFC 9260 section 6.2 allows; False leaves aiortc's one SACK per packet."""
    idle_timeout_s: float | None = None
    """Close when no SCTP packet came for this long. None: only ICE's consent check, about 30 s. Both ends must
    then send something more often than this; the acknowledgements of their own data count."""


class WebRtcTransport:
    """A `Transport` over WebRTC. Make it inside a running event loop; always `close` it."""

    def __init__(self, config: WebRtcConfig | None = None) -> None:
        self._config = config or WebRtcConfig()
        self._loop = asyncio.get_running_loop()
        self.counter = WireCounter()
        self._state = TransportState.NEW
        self._received = ReceiveQueue()
        self._outbox = RtOutbox(self._loop.time)
        self._oversized = 0
        self._garbage = 0
        self._candidates = 0
        self._settled = asyncio.Event()  # open or closed
        self._tasks: set[asyncio.Task[None]] = set()
        self._leavers: list[Callable[[], Awaitable[None]]] = []
        self._teardown: asyncio.Task[None] | None = None
        self._checking_life = False
        self._pc = RTCPeerConnection(_aiortc_configuration(self._config))
        prefer_small_packets(self._pc)
        self._channels = self._create_channels()
        self._sctp: RTCSctpTransport = self._require_sctp()
        self._guard = SctpGuard(
            self._sctp, frozenset(CHANNEL_IDS.values()), self._on_violation, self._on_garbage, self._pump_rt
        )
        # RTO.Initial of RFC 9260 section 16; aiortc still has the 3 s of RFC 4960, which is what one lost INIT or early
        # message then costs. Remove when aiortc follows.
        self._sctp._rto = _RTO_INITIAL_S
        QuietEnd(self._sctp)
        PacedForwardTsn(self._sctp)
        self._sack = DelayedSack(self._sctp) if self._config.delayed_sack else None
        use_loopback_when_alone(self._sctp.transport.transport._connection)
        self._pc.on("connectionstatechange", self._on_connection_state)

    @property
    def state(self) -> TransportState:
        """Where in its life the transport is."""
        return self._state

    @property
    def stats(self) -> TransportStats:
        """What was dropped so far."""
        return TransportStats(self._outbox.dropped, self._received.rt_dropped, self._oversized, self._garbage)

    @property
    def local_fingerprint(self) -> bytes:
        """SHA-256 of this end's DTLS certificate, 32 bytes (RFC 8122)."""
        fingerprints = self._sctp.transport.getLocalParameters().fingerprints
        value = next(f.value for f in fingerprints if f.algorithm == "sha-256")
        return bytes.fromhex(value.replace(":", ""))

    @property
    def remote_fingerprint(self) -> bytes:
        """SHA-256 of the certificate that the peer really used, 32 bytes; RuntimeError before the call is open.

        Both ends' fingerprints, compared by people, reveal a signaling server that sits in the middle.
        """
        ssl: Any = self._sctp.transport._ssl
        certificate = ssl.get_peer_certificate(as_cryptography=True) if ssl is not None else None
        if certificate is None:
            raise RuntimeError("remote_fingerprint is known once the call is open")
        return bytes(certificate.fingerprint(hashes.SHA256()))

    async def create_offer(self) -> str:
        """This end's offer (SDP with all candidates)."""
        self._state = TransportState.CONNECTING
        return await self._set_local(await self._pc.createOffer())

    async def accept_offer(self, sdp: str) -> str:
        """Take the peer's offer, return the answer. Raises RemoteError for an offer this end does not accept."""
        self._state = TransportState.CONNECTING
        await self._set_remote(sdp, "offer")
        return await self._set_local(await self._pc.createAnswer())

    async def accept_answer(self, sdp: str) -> None:
        """Take the peer's answer. Raises RemoteError for one that this end does not accept."""
        await self._set_remote(sdp, "answer")

    async def add_candidate(self, candidate: str, mid: str, line_index: int) -> None:
        """Take one trickled candidate of a browser; an empty one ends them. Raises RemoteError."""
        self._candidates += 1
        if self._candidates > SDP_MAX_CANDIDATES:
            raise LimitExceeded(f"more than {SDP_MAX_CANDIDATES} ICE candidates")
        try:
            parsed = candidate_from_sdp(candidate.removeprefix("candidate:")) if candidate else None
        except (ValueError, IndexError, AssertionError) as error:
            raise MalformedMessage("ICE candidate that cannot be parsed") from error
        if parsed is not None:
            parsed.sdpMid, parsed.sdpMLineIndex = mid, line_index
        await self._pc.addIceCandidate(parsed)

    async def wait_open(self, timeout_s: float = TRANSPORT_OPEN_TIMEOUT_S) -> None:
        """Return when both channels are open. Raises TransportClosed, also when `timeout_s` passes first."""
        try:
            await asyncio.wait_for(self._settled.wait(), timeout_s)
        except TimeoutError:
            self._fail(f"no connection to the peer within {timeout_s:g} s")
        if self._state is TransportState.CLOSED:
            raise self._received.closed_error()

    def attach(self, watch: Coroutine[Any, Any, None], leave: Callable[[], Awaitable[None]]) -> None:
        """Run `watch` while the call lasts, and `leave` when it is over (the room that the peers met in)."""
        self._leavers.append(leave)
        if self._teardown is None:
            self._start(watch)
        else:  # lost in the moment between opening and this call
            watch.close()
            self._teardown = asyncio.ensure_future(self._leave_late(self._teardown))

    def expect_sign_of_life(self, within_s: float = LIFE_SIGN_S) -> None:
        """Close unless an SCTP packet of the peer comes in time: for news from elsewhere that it may have restarted."""
        if not self._checking_life and self._state is TransportState.OPEN:
            self._checking_life = True
            self._start(self._check_life(within_s))

    async def send(self, outgoing: Outgoing) -> None:
        """See `Transport.send`."""
        if not 1 <= len(outgoing.data) <= MESSAGE_MAX_BYTES:
            raise ValueError(f"message of {len(outgoing.data)} bytes; 1..{MESSAGE_MAX_BYTES} can be sent")
        if self._state is not TransportState.OPEN:
            raise self._received.closed_error()
        if outgoing.channel is Channel.RT:
            self._outbox.push(outgoing.data)
            self._pump_rt()
        else:
            self._send_ctl(outgoing.data)

    async def receive(self) -> tuple[Channel, bytes]:
        """See `Transport.receive`."""
        return await self._received.get()

    async def close(self) -> None:
        """End the call: CTL messages get TRANSPORT_CLOSE_DRAIN_MS to arrive, then the peer is told."""
        self._fail("closed by this end", orderly=True)
        assert self._teardown is not None
        await asyncio.shield(self._teardown)

    # --- description

    def _create_channels(self) -> dict[Channel, RTCDataChannel]:
        try:  # the first channel makes the ICE agent, which reads the server addresses
            rt = self._pc.createDataChannel(
                "rt", negotiated=True, id=CHANNEL_IDS[Channel.RT], ordered=False, maxRetransmits=0
            )
        except ValueError as error:
            raise UserError(
                f"An ICE server cannot be used ({error}). Write stun:host:port or turn:host:port."
            ) from error
        ctl = self._pc.createDataChannel("ctl", negotiated=True, id=CHANNEL_IDS[Channel.CTL])
        for kind, channel in ((Channel.RT, rt), (Channel.CTL, ctl)):
            channel.on("open", self._on_open)
            channel.on("close", self._on_channel_closed)
            channel.on("message", lambda data, kind=kind: self._on_message(kind, data))
        rt.on("bufferedamountlow", self._pump_rt)
        return {Channel.RT: rt, Channel.CTL: ctl}

    def _require_sctp(self) -> RTCSctpTransport:
        sctp = self._pc.sctp
        assert sctp is not None  # made together with the first channel
        return sctp

    async def _set_local(self, description: RTCSessionDescription) -> str:
        with counting(self.counter):
            await self._pc.setLocalDescription(description)
        return str(self._pc.localDescription.sdp)

    async def _set_remote(self, sdp: str, kind: str) -> None:
        check_remote_sdp(sdp)
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(sdp=sdp, type=kind))
        except Exception as error:  # aiortc raises ValueError, KeyError, IndexError, AssertionError and more
            raise MalformedMessage(f"session description ({kind}) that cannot be used") from error

    # --- events of aiortc

    def _on_open(self) -> None:
        if self._state is not TransportState.CONNECTING:
            return
        if all(channel.readyState == "open" for channel in self._channels.values()):
            self.counter.mark_open()
            self._state = TransportState.OPEN
            self._settled.set()
            if self._config.idle_timeout_s is not None:
                self._start(self._watch_idle(self._config.idle_timeout_s))

    def _on_message(self, channel: Channel, data: bytes) -> None:
        if len(data) > MESSAGE_MAX_BYTES:
            self._oversized += 1
            return
        try:
            self._received.put(channel, data)
        except LimitExceeded as error:
            self._on_violation(error)

    def _on_garbage(self) -> None:
        self._garbage += 1

    def _on_violation(self, error: RemoteError) -> None:
        self._fail(f"the peer broke a rule: {error}", cause=error)

    def _on_channel_closed(self) -> None:
        self._fail("the peer ended the call")

    def _on_connection_state(self) -> None:
        state = self._pc.connectionState
        if state == "failed":
            reached = self._state is TransportState.OPEN
            self._fail("the connection to the peer was lost" if reached else "no way to the peer was found")
        elif state == "closed":
            self._fail("the connection was closed")

    async def _watch_idle(self, timeout_s: float) -> None:
        while self._state is TransportState.OPEN:
            await asyncio.sleep(timeout_s / _IDLE_CHECKS_PER_TIMEOUT)
            if self._loop.time() - self._guard.heard_s > timeout_s:
                self._fail(f"nothing came from the peer for {timeout_s:g} s")

    async def _check_life(self, within_s: float) -> None:
        heard_s = self._guard.heard_s
        await asyncio.sleep(within_s)
        self._checking_life = False
        if self._guard.heard_s == heard_s:
            self._fail("the peer started again")

    # --- sending

    def _pump_rt(self) -> None:
        """Hand RT messages to aiortc while they leave at once: what waits stays here, where it can be dropped.

        Called on each send, when aiortc has passed on the last message, and on each acknowledgement.
        """
        channel = self._channels[Channel.RT]
        while channel.readyState == "open" and channel.bufferedAmount == 0 and self._window_has_room():
            data = self._outbox.pop()
            if data is None:
                return
            channel.send(data)

    def _window_has_room(self) -> bool:
        """What `bufferedAmount` does not show: aiortc takes one message more than its congestion window carries."""
        sctp: Any = self._sctp
        return not sctp._outbound_queue and sctp._flight_size < sctp._cwnd

    def _send_ctl(self, data: bytes) -> None:
        channel = self._channels[Channel.CTL]
        if channel.bufferedAmount + len(data) > CTL_OUTBOX_MAX_BYTES:
            self._on_violation(LimitExceeded("the peer does not acknowledge control messages"))
            raise self._received.closed_error()
        if channel.readyState == "open":
            channel.send(data)

    # --- the end

    def _fail(self, reason: str, *, cause: RemoteError | None = None, orderly: bool = False) -> None:
        """Close now for every caller; aiortc is taken down by a task of its own. The first reason stays."""
        if self._teardown is not None:
            return
        was_open = self._state is TransportState.OPEN
        self._state = TransportState.CLOSED
        closed = TransportClosed(reason)
        closed.__cause__ = cause
        self._received.close(closed)
        self._settled.set()
        self._teardown = asyncio.ensure_future(self._take_down(drain=orderly and was_open))

    async def _take_down(self, *, drain: bool) -> None:
        if drain:
            await self._drain_ctl()
        if self._sack is not None:
            self._sack.stop()
        for task in self._tasks:
            task.cancel()
        closing = asyncio.ensure_future(self._pc.close())
        _, pending = await asyncio.wait({closing}, timeout=TRANSPORT_CLOSE_TIMEOUT_S)
        if pending:
            closing.cancel()
        elif not closing.cancelled():
            closing.exception()  # retrieved: a close that fails still leaves nothing but sockets, closed below
        self._abort_sockets()
        await self._leave()

    async def _leave(self) -> None:
        while self._leavers:
            with suppress(Exception):  # a room that is gone cannot be left; the call is over all the same
                await asyncio.wait_for(self._leavers.pop()(), TRANSPORT_CLOSE_TIMEOUT_S)

    async def _leave_late(self, teardown: asyncio.Task[None]) -> None:
        await teardown
        await self._leave()

    async def _drain_ctl(self) -> None:
        deadline_s = self._loop.time() + TRANSPORT_CLOSE_DRAIN_MS / 1000
        while self._ctl_unacknowledged() and self._loop.time() < deadline_s:
            await asyncio.sleep(_DRAIN_POLL_S)

    def _ctl_unacknowledged(self) -> bool:
        sctp: Any = self._sctp
        if self._channels[Channel.CTL].readyState != "open":
            return False
        unsent = self._channels[Channel.CTL].bufferedAmount > 0
        chunks = (*sctp._sent_queue, *sctp._outbound_queue)
        return unsent or any(chunk.stream_id == CHANNEL_IDS[Channel.CTL] for chunk in chunks)

    def _abort_sockets(self) -> None:
        """Close what a failed or late `pc.close` left open."""
        for protocol in self._sctp.transport.transport._connection._protocols:
            protocol.transport.close()

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _aiortc_configuration(config: WebRtcConfig) -> RTCConfiguration:
    servers = [
        RTCIceServer(urls=list(s.urls), username=s.username or None, credential=s.credential or None)
        for s in config.ice_servers
    ]
    policy = RTCIceTransportPolicy.RELAY if config.relay_only else RTCIceTransportPolicy.ALL
    return RTCConfiguration(iceServers=servers, iceTransportPolicy=policy)
