"""One call from the receiving side: transport -> decoder -> playout -> network and voice -> sinks.

    receive loop --events--> Playout --picture due--> RenderWorker --> disclosure mark --> sinks
                                +-----voice due---> VoicePlayer ----------------------> sinks
    acknowledge loop <-- Decoder.poll

Must not import torch, aiortc or aiohttp (the transport is handed in). Invariant: nothing heavy runs on the event loop;
whatever the peer sends, the call shows a marked picture or says that it waits; however the call ends the sinks are
closed and the reason stands in the statistics.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from receiver.disclosure import waiting_picture
from receiver.render_worker import CallCallbacks, ReferenceDone, Rendered, RenderWorker
from receiver.sinks.open import SinkSet
from receiver.stats import CallStats, VoiceStat
from receiver.voice_features import VoiceFeatures
from receiver.voice_playout import VoicePlayer
from shared.coding.identity import coding_identity
from shared.control import Bye, ControlMessage, Disclosure, Hello, Pin, pack_control
from shared.core.decoder import Decoder
from shared.core.due import PictureDue, PictureState, VoiceDue
from shared.core.events import ControlReceived, Event, KeyframeReceived, MotionReceived, VoiceReceived
from shared.core.playout import Playout
from shared.errors import RemoteError, UnsupportedVersion, UserError
from shared.frames import Channel, Outgoing
from shared.limits import (
    CALL_MALFORMED_MAX,
    PEER_PROBE_MS,
    PICTURE_SIZE_PX,
    PLAYOUT_DRAIN_MS,
    VOICE_LAG_MAX_MS,
)
from shared.transport.base import Transport, TransportClosed, TransportState
from shared.wire import PROTOCOL_VERSION, ControlFrame

_LOG = logging.getLogger("facewire.receiver")
_REPORT_INTERVAL_S: Final = 1.0
_IDLE_TICK_S: Final = 0.02
"""How often playout is asked while it does not say when something is due."""
_SHORTEST_WAIT_S: Final = 0.001
_RENDER_FAILURES_MAX: Final = 50
_LAG_SMOOTHING: Final = 8
"""The voice waits for the picture's own making; this many pictures make up the mean of how long that takes."""
"""Pictures in a row that the engine may fail to render before the call ends: 2 s."""


class EndReason(Enum):
    """Why a call ended."""

    TIME_IS_UP = "the time is up"
    STOPPED = "stopped"
    PEER_LEFT = "the other end hung up"
    PEER_LOST = "the other end is gone"
    PEER_REFUSED = "the other end does not speak this protocol"
    NO_SINK_LEFT = "nothing is left to show or record to"


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended. error: what went wrong, if something did."""

    reason: EndReason
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class LiveReport:
    """What is said once a second. media_s: of the newest picture. fps: pictures shown. Rates count every wire byte."""

    state: str
    media_s: float
    forward_kbps: float
    reverse_kbps: float
    fps: float


def monotonic_us() -> int:
    """The clock of a call: microseconds of the machine's monotonic clock."""
    return time.monotonic_ns() // 1000


def smoothed_lag_us(lag_us: int, late_us: int) -> int:
    """How long the voice waits, after another picture left late_us after it was due; at most VOICE_LAG_MAX_MS."""
    bounded_us = min(max(late_us, 0), VOICE_LAG_MAX_MS * 1000)
    return lag_us + (bounded_us - lag_us) // _LAG_SMOOTHING


class ReceiverSession:
    """One call over an open transport. `run` once."""

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
    ) -> None:
        """model: identity of the motion model, which both ends must share. on_report: called once a second.
        voice_features: this call's ears for the mouth, closed with it; None renders the mouth from motion alone.

        The worker may serve other calls and stays open; the sinks are this call's and are closed with it.
        """
        self.stats = stats or CallStats(joined_us=now_us())
        self.decoder = Decoder()
        self._transport, self._sinks, self._seconds = transport, sinks, seconds
        self._on_report, self._now_us = on_report, now_us
        self._hello = Hello(PROTOCOL_VERSION, model, coding_identity())
        self._playout = Playout()
        self._voice = VoicePlayer()
        self._features = voice_features
        self._spoken: deque[VoiceDue] = deque()
        self._lag_us = 0
        self._loop = asyncio.get_running_loop()
        self._call = worker.open_call(
            CallCallbacks(
                lambda done: self._from_thread(self._shown, done),
                lambda done: self._from_thread(self._referenced, done),
                lambda error: self._from_thread(self._render_failed, error),
            )
        )
        self._state = PictureState.WAITING
        self._media_ms = 0
        self._newest_ms = 0
        self._heard_us = now_us()
        self._failures_in_row = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._play_now, self._ack_now = asyncio.Event(), asyncio.Event()
        self._end: asyncio.Future[CallEnd] = self._loop.create_future()

    def stop(self) -> None:
        """Ends the call in good order; `run` returns soon after."""
        self._finish(EndReason.STOPPED)

    async def run(self) -> CallEnd:
        """The whole call. Remote mistakes and lost peers are in the result; UserError is raised."""
        self.stats.opened_us = self._now_us()
        self._sinks.write_picture(waiting_picture(PICTURE_SIZE_PX), None, PictureState.WAITING)
        play = self._start(self._play())
        others = [self._start(part) for part in (self._receive(), self._acknowledge(), self._probe())]
        reporting = self._start(self._report())
        try:
            await self._send_control(self._hello)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await asyncio.shield(self._end)
            self._finish(EndReason.TIME_IS_UP)
            end = self._end.result()
            await _cancel(others)
            if end.reason in (EndReason.PEER_LEFT, EndReason.PEER_LOST):
                await self._drain()
        finally:
            await _cancel([play, reporting, *others])
            await self._release()
        self.stats.reason = end.reason.value
        if isinstance(end.error, UserError):
            raise end.error
        return end

    # --- the network ------------------------------------------------------------------------------------------------

    async def _receive(self) -> None:
        while True:
            _, data = await self._transport.receive()
            now_us = self._heard_us = self._now_us()
            try:
                for event in self.decoder.receive(data, now_us):
                    self._take(event, now_us)
            except UnsupportedVersion as error:
                self._finish(EndReason.PEER_REFUSED, error)
            except RemoteError as error:
                self._count_malformed(error)
            self._play_now.set()
            self._ack_now.set()

    def _take(self, event: Event, now_us: int) -> None:
        match event:
            case MotionReceived(frame):
                self._newest_ms = max(self._newest_ms, frame.media_ms)
                self._playout.push_motion(frame, now_us)
            case VoiceReceived(packet):
                self._newest_ms = max(self._newest_ms, packet.media_ms)
                self._playout.push_voice(packet, now_us)
                if self._features is not None:
                    self._features.push(packet)
            case KeyframeReceived(keyframe):
                self.stats.counts["keyframes"] += 1
                self._call.add_reference(keyframe)
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
            case Bye():
                self._finish(EndReason.PEER_LEFT)
            case _:
                self.stats.counts["ignored_events"] += 1

    def _compare(self, hello: Hello) -> None:
        """Other tables or another model would turn motion into nonsense, so the call ends with a reason."""
        if hello.tables != self._hello.tables or hello.model != self._hello.model:
            message = (
                "The other end uses another motion model: install the same version of facewire at both ends."
            )
            self._finish(EndReason.PEER_REFUSED, UserError(message))

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
            await _wait(self._ack_now, max(wait_us, 1000) / 1_000_000)

    async def _probe(self) -> None:
        """Say something harmless to a peer that says nothing, so that its transport must answer or be found dead."""
        while True:
            await asyncio.sleep(PEER_PROBE_MS / 1000)
            if self._now_us() - self._heard_us >= PEER_PROBE_MS * 1000:
                await self._send_control(Pin(None))

    async def _send_control(self, message: ControlMessage) -> None:
        with suppress(TransportClosed):
            await self._transport.send(Outgoing(Channel.CTL, bytes(ControlFrame(pack_control(message)))))

    # --- playing ----------------------------------------------------------------------------------------------------

    async def _play(self) -> None:
        """Pictures and voice as they fall due, on the one clock of the playout."""
        while True:
            self._play_now.clear()
            now_us = self._now_us()
            while (voice := self._playout.voice_at(now_us)) is not None:
                self._spoken.append(voice)
            while self._spoken and self._spoken[0].due_us + self._lag_us <= now_us:
                self._play_voice(self._spoken.popleft())
            picture = self._playout.picture_at(now_us)
            if picture is not None:
                self.stats.note_clock(picture.media_ms, picture.due_us)
                self._call.show(picture, self._features.at(picture.media_ms) if self._features else None)
            if self._sinks.empty:
                self._finish(EndReason.NO_SINK_LEFT)
            due_us = self._playout.next_due_us()
            if self._spoken:
                due_us = min(due_us or now_us, self._spoken[0].due_us + self._lag_us)
            wait_s = _IDLE_TICK_S if due_us is None else (due_us - self._now_us()) / 1_000_000
            await _wait(self._play_now, min(max(wait_s, _SHORTEST_WAIT_S), _IDLE_TICK_S))

    def _play_voice(self, due: VoiceDue) -> None:
        played = self._voice.play(due)
        self._sinks.write_voice(played.pcm, played.media_ms, played.stretch)
        self.stats.counts["voice_stretched"] += played.stretch
        if not played.stretch:
            row = VoiceStat(played.media_ms, due.duration_ms, due.due_us, self._now_us(), played.concealed)
            self.stats.add_voice(row)

    def _shown(self, done: Rendered) -> None:
        self._failures_in_row = 0
        due: PictureDue = done.due
        self._state, self._media_ms = due.state, due.media_ms
        self._sinks.write_picture(done.picture, due.media_ms, due.state)
        shown_us = self._now_us()
        self.stats.add_picture(due, shown_us, done.compute_ms)
        self._lag_us = smoothed_lag_us(self._lag_us, shown_us - due.due_us)

    def _referenced(self, done: ReferenceDone) -> None:
        if done.error is None:
            self._playout.add_keyframe(done.keyframe_id)
            self.stats.add_reference(self._now_us(), done.compute_ms)
            return
        self.decoder.refuse_keyframe(done.keyframe_id)
        self._ack_now.set()
        if isinstance(done.error, RemoteError):
            self._count_malformed(done.error)
        else:
            self._render_failed(done.error)

    def _render_failed(self, error: Exception) -> None:
        """A picture less is survived; an engine that never works again is not."""
        self.stats.counts["render_failed"] += 1
        self._failures_in_row += 1
        if self._failures_in_row > _RENDER_FAILURES_MAX or isinstance(error, UserError):
            self._fail(error)

    # --- the end ----------------------------------------------------------------------------------------------------

    def _from_thread(self, deliver: Callable[[Any], None], done: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to show it to
            self._loop.call_soon_threadsafe(deliver, done)

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

    async def _drain(self) -> None:
        """Show what is still waiting for its time."""
        end_us = self._now_us() + PLAYOUT_DRAIN_MS * 1000
        while self._media_ms < self._newest_ms and self._now_us() < end_us and not self._sinks.empty:
            await asyncio.sleep(_IDLE_TICK_S)

    async def _release(self) -> None:
        """Close everything; what is queued for a file is written first."""
        if self._transport.state is TransportState.OPEN and not self._left:
            await self._send_control(Bye(self._goodbye_reason()))
        await asyncio.to_thread(self._call.close)
        await asyncio.to_thread(self._sinks.close)
        await self._transport.close()
        self._voice.close()
        if self._features is not None:
            self._features.close()
        counts = self.stats.counts
        counts["dropped"] = self._call.dropped
        counts["late"] = self._playout.late
        counts["skipped"] = self._playout.skipped_pictures
        counts["voice_broken"] = self._voice.broken_packets
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

    # --- reports ----------------------------------------------------------------------------------------------------

    async def _report(self) -> None:
        wire, shown = self._transport.counter.snapshot(), self.stats.counts["shown"]
        while True:
            await asyncio.sleep(_REPORT_INTERVAL_S)
            before, wire = wire, self._transport.counter.snapshot()
            before_shown, shown = shown, self.stats.counts["shown"]
            forward_kbps, reverse_kbps = wire.rates_kbps(before)
            fps = (shown - before_shown) / _REPORT_INTERVAL_S
            self._on_report(
                LiveReport(self._state.value, self._media_ms / 1000, forward_kbps, reverse_kbps, fps)
            )


async def _wait(event: asyncio.Event, seconds: float) -> None:
    # Not wait_for: before Python 3.12 it swallows a cancellation that meets the event.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
