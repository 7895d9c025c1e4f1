"""One connection of a call from the receiving side: transport -> decoder -> player, and this end's answers back.

    receive loop --events--> Player --> sinks
    acknowledge loop <-- Decoder.poll

Must not import torch, aiortc or aiohttp (the transport is handed in). Invariant: nothing heavy runs on the event loop;
whatever the peer sends, the call shows a marked picture or says that it waits; however the call ends the sinks are
closed and the reason stands in the statistics.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final

from receiver.call_end import CallEnd, EndReason
from receiver.clock import monotonic_us
from receiver.live_report import LiveReport, report_live
from receiver.player import IDLE_TICK_S, Player, wait_for
from receiver.render_call import ReferenceDone, VideoBroken
from receiver.render_worker import RenderWorker
from receiver.sinks.open import SinkSet
from receiver.stats import CallStats
from receiver.voice_features import VoiceFeatures
from shared.coding.identity import coding_identity
from shared.control import (
    FEATURE_BOUND,
    FEATURE_VIDEO,
    AuthCommit,
    AuthReveal,
    Bye,
    ControlMessage,
    Disclosure,
    Hello,
    KeyframeBound,
    MediaConfig,
    Pin,
    pack_control,
)
from shared.core.decoder import Decoder
from shared.core.events import (
    ControlReceived,
    Event,
    KeyframeReceived,
    MotionReceived,
    VideoReceived,
    VoiceReceived,
)
from shared.errors import LimitExceeded, RemoteError, UnknownReference, UnsupportedVersion, UserError
from shared.frames import Channel, Outgoing, Rung
from shared.keyframe_binding import BoundKeyframes, NotBound
from shared.limits import CALL_MALFORMED_MAX, PEER_PROBE_MS
from shared.short_authentication import NONCE_BYTES, AuthenticationFailed, Fingerprints, ShortAuthentication
from shared.transport.base import Transport, TransportClosed, TransportState
from shared.wire import PROTOCOL_VERSION, ControlFrame

__all__ = ["CallEnd", "EndReason", "LiveReport", "ReceiverSession"]

_LOG = logging.getLogger("facewire.receiver")
_RENDER_FAILURES_MAX: Final = 50
"""Pictures in a row that the engine may fail to render before the call ends: 2 s."""


class ReceiverSession:
    """One connection over an open transport. `run` once."""

    def __init__(
        self,
        transport: Transport,
        worker: RenderWorker,
        sinks: SinkSet,
        model: str,
        seconds: float | None = None,
        stats: CallStats | None = None,
        on_report: Callable[[LiveReport], None] = lambda report: None,
        now_us: Callable[[], int] = monotonic_us,
        voice_features: VoiceFeatures | None = None,
        fingerprints: Fingerprints | None = None,
        on_authenticated: Callable[[str], None] = lambda digits: None,
    ) -> None:
        """model: identity of the motion model, which both ends must share. on_report: called once a second.
        voice_features: this call's ears for the mouth, closed with it; None renders the mouth from motion alone.
        fingerprints: of the transport's DTLS; None: no short authentication string. on_authenticated: called with the
        digits once the exchange is complete; people must compare them.

        The worker may serve other calls and stays open; the sinks are this call's and are closed with it.
        """
        self.stats = stats or CallStats(joined_us=now_us())
        self.decoder = Decoder()
        self._transport, self._sinks, self._seconds = transport, sinks, seconds
        self._on_report, self._now_us = on_report, now_us
        self._hello = Hello(PROTOCOL_VERSION, model, coding_identity(), (FEATURE_VIDEO,))
        self._player = Player(
            worker,
            sinks,
            self.stats,
            now_us,
            voice_features,
            self._referenced,
            self._render_failed,
            self._video_broken,
        )
        self._on_authenticated = on_authenticated
        self._authentication: ShortAuthentication | None = None
        if fingerprints is not None:
            self._authentication = ShortAuthentication(fingerprints, secrets.token_bytes(NONCE_BYTES))
        self._bound = BoundKeyframes(partial(self.stats.counts.update, keyframes_bound=1))
        self._heard_us = now_us()
        self._shown_before_failure = 0
        self._failures_in_row = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._ack_now = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[CallEnd] = self._loop.create_future()

    def stop(self) -> None:
        """Ends the call in good order; `run` returns soon after."""
        self._finish(EndReason.STOPPED)

    async def run(self) -> CallEnd:
        """The whole connection. Remote mistakes and lost peers are in the result; UserError is raised."""
        self.stats.opened_us = self.stats.opened_us or self._now_us()
        self.stats.counts["connections"] += 1
        play = self._start(self._player.play())
        parts = (self._receive(), self._acknowledge(), self._probe(), self._watch_sinks())
        others = [self._start(part) for part in parts]
        reporting = self._start(report_live(self._player, self._transport, self.stats, self._on_report))
        try:
            await self._send_control(self._hello)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await asyncio.shield(self._end)
            self._finish(EndReason.TIME_IS_UP)
            end = self._end.result()
            await _cancel(others)
            if end.reason in (EndReason.PEER_LEFT, EndReason.PEER_LOST):
                await self._player.drain()
        finally:
            await _cancel([play, reporting, *others])
            await self._release()
        self.stats.reason = end.reason.value
        if isinstance(end.error, UserError):
            raise end.error
        return end

    # --- the network ------------------------------------------------------------------------------------------------

    async def _receive(self) -> None:
        if (
            self._authentication is not None
        ):  # before anything of the peer is read, see shared.short_authentication
            await self._send_control(self._authentication.commit())
        while True:
            _, data = await self._transport.receive()
            now_us = self._heard_us = self._now_us()
            try:
                for event in self.decoder.receive(data, now_us):
                    self._take(event, now_us)
                self._bound.check(now_us)
            except (UnsupportedVersion, AuthenticationFailed, NotBound) as error:
                self._finish(EndReason.PEER_REFUSED, error)
            except RemoteError as error:
                self._count_malformed(error)
            self._player.wake()
            self._ack_now.set()

    def _take(self, event: Event, now_us: int) -> None:
        match event:
            case MotionReceived(frame):
                self._player.push_motion(frame, now_us)
            case VoiceReceived(packet):
                self._player.push_voice(packet, now_us)
            case VideoReceived(unit):
                self._player.push_video(unit, now_us)
            case KeyframeReceived(keyframe):
                self.stats.counts["keyframes"] += 1
                if self._player.push_keyframe(keyframe, now_us):
                    self._bound.add(keyframe, now_us)
                else:
                    self.stats.counts["keyframes_refused"] += 1
                    self.decoder.refuse_keyframe(keyframe.keyframe_id)
            case ControlReceived(message):
                self._take_control(message)
            case _:
                self.stats.counts["ignored_events"] += 1

    def _take_control(self, message: ControlMessage) -> None:
        match message:
            case Hello() as hello:
                self._compare(hello)
            case Disclosure(reconstructed=reconstructed):
                self.stats.counts["disclosures"] += reconstructed
            case MediaConfig(rung=rung):
                self._player.expect_motion(rung is not Rung.VOICE)
            case KeyframeBound():
                self._bound.take(message)
            case AuthCommit() | AuthReveal() if self._authentication is not None:
                self._authenticate(message, self._authentication)
            case Bye():
                self._finish(EndReason.PEER_LEFT)
            case _:
                self.stats.counts["ignored_events"] += 1

    def _authenticate(self, message: AuthCommit | AuthReveal, authentication: ShortAuthentication) -> None:
        answer = authentication.take(message)
        if answer is not None:
            self._start(self._send_control(answer))
        if authentication.digits is not None and authentication.ends is not None:
            self._bound.known(*authentication.ends)
            self._on_authenticated(authentication.digits)

    def _compare(self, hello: Hello) -> None:
        """Other tables or another model would turn motion into nonsense, so the call ends with a reason."""
        if hello.tables != self._hello.tables or hello.model != self._hello.model:
            message = (
                "The other end uses another motion model: install the same version of facewire at both ends."
            )
            self._finish(EndReason.PEER_REFUSED, UserError(message))
        self._bound.expected = self._authentication is not None and FEATURE_BOUND in hello.features
        if not self._bound.expected:
            _LOG.info("the other end does not bind its keyframes to this connection")

    def _count_malformed(self, error: RemoteError) -> None:
        """A few are survived and counted; their text is not logged, it may quote the peer."""
        self.stats.counts["malformed"] += 1
        if self.stats.counts["malformed"] == 1:
            _LOG.warning("the other end sent something malformed (%s)", type(error).__name__)
        if self.stats.counts["malformed"] > CALL_MALFORMED_MAX:
            self._finish(EndReason.PEER_REFUSED, error)

    async def _acknowledge(self) -> None:
        while True:
            self._ack_now.clear()
            now_us = self._now_us()
            for outgoing in self.decoder.poll(now_us):
                await self._transport.send(outgoing)
            wait_us = self.decoder.next_poll_us(now_us) - self._now_us()
            await wait_for(self._ack_now, max(wait_us, 1000) / 1_000_000)

    async def _probe(self) -> None:
        """Say something harmless to a peer that says nothing, so that its transport must answer or be found dead."""
        while True:
            await asyncio.sleep(PEER_PROBE_MS / 1000)
            if self._now_us() - self._heard_us >= PEER_PROBE_MS * 1000:
                await self._send_control(Pin(None))

    async def _send_control(self, message: ControlMessage) -> None:
        with suppress(TransportClosed):
            await self._transport.send(Outgoing(Channel.CTL, bytes(ControlFrame(pack_control(message)))))

    # --- what came of the media ---------------------------------------------------------------------------------------

    def _referenced(self, done: ReferenceDone) -> None:
        if done.error is None:
            return
        self.decoder.refuse_keyframe(done.keyframe_id)
        self._ack_now.set()
        if isinstance(done.error, RemoteError):
            self._count_malformed(done.error)
        else:
            self._render_failed(done.error)

    def _video_broken(self, broken: VideoBroken) -> None:
        """Ask for a fresh start; what only lost its predecessor is nobody's fault."""
        self.decoder.want_intra(broken.kind)
        self._ack_now.set()
        if isinstance(broken.error, UnknownReference | LimitExceeded):
            self.stats.counts["video_refused"] += 1
        elif isinstance(broken.error, RemoteError):
            self._count_malformed(broken.error)
        else:
            self._render_failed(broken.error)

    def _render_failed(self, error: Exception) -> None:
        """A picture less is survived; an engine that never works again is not."""
        self.stats.counts["render_failed"] += 1
        shown = self.stats.counts["shown"]
        self._failures_in_row = self._failures_in_row + 1 if shown == self._shown_before_failure else 1
        self._shown_before_failure = shown
        if self._failures_in_row > _RENDER_FAILURES_MAX or isinstance(error, UserError):
            self._fail(error)

    # --- the end ----------------------------------------------------------------------------------------------------

    async def _watch_sinks(self) -> None:
        """A call that nobody sees and nothing records is over."""
        while not self._sinks.empty:
            await asyncio.sleep(IDLE_TICK_S)
        self._finish(EndReason.NO_SINK_LEFT)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(self._guard(work))
        self._tasks.add(task)  # the loop itself keeps weak references only
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs one of the call's parts; what breaks it ends the call, with its reason."""
        try:
            await work
        except TransportClosed as closed:
            if isinstance(closed.__cause__, RemoteError):
                self._finish(EndReason.PEER_REFUSED, closed.__cause__)
            self._finish(EndReason.PEER_LOST, closed)
        except Exception as error:
            self._fail(error)

    def _finish(self, reason: EndReason, error: Exception | None = None) -> None:
        if not self._end.done():
            self._end.set_result(CallEnd(reason, error))

    def _fail(self, error: Exception) -> None:
        if not self._end.done():
            self._end.set_exception(error)

    async def _release(self) -> None:
        """Close everything; what is queued for a file is written first."""
        if self._transport.state is TransportState.OPEN and not self._left:
            await self._send_control(Bye(self._goodbye_reason()))
        await self._player.close()
        await asyncio.to_thread(self._sinks.close)
        await self._transport.close()
        self.stats.failures = list(self._sinks.failures)
        self.stats.ended_us = self._now_us()

    @property
    def _left(self) -> bool:
        ended = self._end.done() and not self._end.cancelled() and self._end.exception() is None
        return ended and self._end.result().reason is EndReason.PEER_LEFT

    def _goodbye_reason(self) -> str:
        if not self._end.done():
            return EndReason.STOPPED.value
        return "the receiver failed" if self._end.exception() else self._end.result().reason.value


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
