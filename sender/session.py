"""One call from the sending side: source -> pipeline -> encoder -> transport, and the peer's answers back.

The peer's acknowledgements set the pace: `RateFollower` turns them into a plan, which voice, motion and pictures follow.

Must not import torch, aiortc or aiohttp (the transport is handed in). Invariant: nothing heavy runs on the event loop,
nothing is queued between its parts (the newest picture wins), and however the call ends the source, the recorder and
the native codecs are closed and the reason stands in the statistics.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sender.authentication import Authentication
from sender.call_end import CallEnd, EndReason, LiveReport
from sender.config import SenderConfig
from sender.crop_recorder import CropRecorder
from sender.keyframe_policy import KeyframeKind
from sender.live_report import report_live
from sender.picture_rungs import PictureRungs
from sender.picture_work import process_timed
from sender.pipeline import FacePipeline, FaceState, KeyframeDraft, Processed
from sender.rate_follower import RateFollower
from sender.reference_choice import KEYFRAME_WIRE_BYTES, Reference
from sender.sources.base import Clock, Latest, MonotonicClock, Source, SourcePicture
from sender.stats import CallStats, PictureStat
from sender.tasks import cancelled
from sender.voice import VoiceEncoder
from shared.coding.identity import coding_identity
from shared.coding.motion_layout import SYMBOLS
from shared.control import AuthCommit, AuthReveal, Bye, ControlMessage, Disclosure, Hello, Pin
from shared.core.decoder import Decoder
from shared.core.encoder import Encoder, EncoderConfig
from shared.core.events import AckReceived, ControlReceived, Event
from shared.core.ladder import Plan
from shared.errors import RemoteError, UnsupportedVersion, UserError
from shared.frames import MotionFrame, VideoUnit
from shared.limits import CALL_MALFORMED_MAX, GALLERY_SIZE, PEER_PROBE_MS
from shared.opus import OpusEncoder
from shared.short_authentication import AuthenticationFailed, Fingerprints
from shared.thread_priority import stand_back
from shared.transport.base import Transport, TransportClosed, TransportState, WireSnapshot
from shared.wire import PROTOCOL_VERSION

__all__ = ["CallEnd", "EndReason", "LiveReport", "SenderSession"]

DISCLOSURE_TEXT: Final = "The picture is rebuilt by a neural network from motion data; the voice is real."
VOICE_TAIL_S: Final = 0.25
"""How long the voice may outlast the pictures at the end of a source."""
_KEYFRAME_IDS: Final = 256
_OWN_POSE: Final = np.zeros(SYMBOLS, np.int16)
"""The motion of the picture that a keyframe was made of."""


class SenderSession:
    """One call over an open transport. `run` once."""

    def __init__(
        self,
        config: SenderConfig,
        source: Source,
        transport: Transport,
        pipeline: FacePipeline,
        model: str,
        clock: Clock | None = None,
        on_report: Callable[[LiveReport], None] = lambda report: None,
        fingerprints: Fingerprints | None = None,
        on_authenticated: Callable[[str], None] = lambda digits: None,
    ) -> None:
        """model: identity of the motion model, which both ends must share. on_report: called once a second.
        fingerprints: of the transport's DTLS; None: no short authentication string. on_authenticated: called with the
        digits once the exchange is complete; people must compare them.
        """
        self.stats = CallStats()
        self.encoder = Encoder(EncoderConfig(keyframe_kbps=config.keyframe_kbps))
        self.follower = RateFollower(self.encoder, config.ladder, config.voice_frame_ms)
        self._config, self._source, self._transport, self._pipeline = config, source, transport, pipeline
        self._hello = Hello(PROTOCOL_VERSION, model, coding_identity())
        self._clock = clock or MonotonicClock()
        self._on_report, self._authentication = on_report, Authentication(fingerprints, on_authenticated)
        self._decoder = Decoder()
        self._recorder = CropRecorder(Path(config.record_crop)) if config.record_crop else None
        self._voice = VoiceEncoder(
            OpusEncoder(round(config.voice_kbps * 1000), self.follower.voice_packet_ms)
        )
        self._pictures = PictureRungs()
        self._latest: Latest[SourcePicture] = Latest()
        self._references: dict[int, Reference] = {}
        self._next_keyframe_id = 0
        self._building: asyncio.Task[None] | None = None
        self._worker = ThreadPoolExecutor(1, "picture")
        self._aside = ThreadPoolExecutor(1, "keyframe", initializer=stand_back)
        self._state = FaceState.WAITING_FACE
        self._media_ms = 0
        self._heard_us = self._clock.now_us()
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._wire_at_end: WireSnapshot | None = None
        self._end: asyncio.Future[CallEnd] = asyncio.get_running_loop().create_future()

    def report(self) -> dict[str, Any]:
        """The statistics of the call, as plain values; final once `run` has returned."""
        wire = self._wire_at_end or self._transport.counter.snapshot()
        return self.stats.report(self._config, wire, self._transport.counter.history(), self.encoder.stats)

    @property
    def state(self) -> FaceState:
        """What the sender can say about the face."""
        return self._state

    def stop(self) -> None:
        """Ends the call in good order; `run` returns soon after."""
        self._finish(EndReason.STOPPED)

    async def run(self) -> CallEnd:
        """The whole call. Remote mistakes and lost peers are in the result; UserError is raised."""
        self.stats.started_us = self._clock.now_us()
        first: list[ControlMessage] = [self._hello, Disclosure(DISCLOSURE_TEXT), self.follower.media_config]
        for message in (*first, *self._authentication.commits):
            self.encoder.push_control(message)
        self.stats.note_plan(self._media_ms, self.follower.plan)
        voice = self._start(self._feed_voice())
        reporting = report_live(
            lambda: (self._state, self._media_ms), self._transport, self.stats, self.follower, self._on_report
        )
        feeding = [voice, self._start(self._feed_pictures())]
        working = [self._start(self._work(voice)), self._start(reporting)]
        network = [self._start(part) for part in (self._send(), self._receive(), self._probe())]
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._config.seconds):
                    await asyncio.shield(self._end)
            self._finish(EndReason.TIME_IS_UP)
            end = self._end.result()
        finally:
            await self._source.close()
            await cancelled([*feeding, *working, *([self._building] if self._building else [])])
            await self._say_goodbye()
            await cancelled(network)
            await self._release()
        self.stats.reason = end.reason.value
        if isinstance(end.error, UserError):
            raise end.error
        return end

    # --- what goes in -----------------------------------------------------------------------------------------------

    async def _feed_pictures(self) -> None:
        try:
            async with aclosing(self._source.pictures()) as pictures:
                async for picture in pictures:
                    self.stats.counts["captured"] += 1
                    self._latest.put(picture)
        finally:
            self._latest.end()

    async def _feed_voice(self) -> None:
        async with aclosing(self._source.voice()) as blocks:
            async for block in blocks:
                for packet in self._voice.push(block.media_ms, block.pcm):
                    self.encoder.push_voice(packet)
                    self._wake.set()

    async def _work(self, voice: asyncio.Task[None]) -> None:
        """Pictures one by one, always the newest, in the worker thread."""
        loop = asyncio.get_running_loop()
        while (picture := await self._latest.get()) is not None:
            usable = self._usable()
            requested = self.encoder.take_keyframe_wish() and not self._delivering
            process = partial(
                self._pipeline.process, picture, usable, requested, self._builder_free, self._has_spare
            )
            order = self.follower.picture_order()
            done, unit, compute_ms = await loop.run_in_executor(
                self._worker, process_timed, process, self._pictures, order
            )
            self._take(picture, done, unit, compute_ms)
            if self._building is not None and not self._references:
                await asyncio.wait([self._building])  # nothing can be coded before there is a first keyframe
        await asyncio.wait([voice], timeout=VOICE_TAIL_S)
        self._finish(EndReason.SOURCE_ENDED)

    def _usable(self) -> list[Reference]:
        """What motion may be coded against, oldest first: keyframes that are usable, or the first one while it is on its way."""
        keys = self.encoder.usable_keyframe_ids or tuple(self._references)[-1:]
        return [self._references[key] for key in keys if key in self._references]

    @property
    def _has_spare(self) -> bool:
        """Whether none is under way and the call stays within what it may take on the average when one more goes out."""
        within = self._transport.counter.snapshot().keeps_within(
            self._config.ladder.max_kbps, KEYFRAME_WIRE_BYTES
        )
        return within and not self._delivering

    @property
    def _builder_free(self) -> bool:
        return self._building is None or self._building.done()

    @property
    def _delivering(self) -> bool:
        """Whether a keyframe is being made or under way: the receiver repeats its wish until it has one."""
        if not self._builder_free:
            return True
        return (
            bool(self._references)
            and next(reversed(self._references)) not in self.encoder.usable_keyframe_ids
        )

    def _take(
        self, picture: SourcePicture, done: Processed, unit: VideoUnit | None, compute_ms: float
    ) -> None:
        self._state, self._media_ms = done.state, done.media_ms
        sent = done.motion is not None and self.follower.wants_motion(done.motion.media_ms)
        if done.motion is not None and sent:
            self.encoder.push_motion(done.motion)
        if unit is not None:
            self.encoder.push_video(unit)
        self._wake.set()
        if done.draft is not None and self._builder_free:
            self._building = self._start(self._build(done.draft))
        if self._recorder is not None and done.crop_picture is not None:
            self._start(self._record(self._recorder, done.media_ms, done.crop_picture))
        self.stats.counts["several_faces"] += done.faces > 1
        self.stats.add_picture(
            PictureStat(
                picture.media_ms,
                picture.capture_us,
                round(compute_ms, 3),
                done.state.name,
                sent,
            )
        )

    async def _record(self, recorder: CropRecorder, media_ms: int, picture: NDArray[np.uint8]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._aside, recorder.write, media_ms, picture)

    async def _build(self, draft: KeyframeDraft) -> None:
        """Codes a keyframe: the first at once, later ones beside the pictures, so that motion goes on meanwhile."""
        keyframe_id = self._next_keyframe_id
        self._next_keyframe_id = (keyframe_id + 1) % _KEYFRAME_IDS
        start_us = self._clock.now_us()
        build = partial(self._pipeline.build_keyframe, draft, keyframe_id, self._config.keyframe_bytes)
        first = draft.kind is KeyframeKind.FIRST
        executor = self._worker if first else self._aside
        keyframe, reference = await asyncio.get_running_loop().run_in_executor(executor, build)
        self._references[keyframe_id] = reference
        while len(self._references) > GALLERY_SIZE:
            self._references.pop(next(iter(self._references)))
        self.encoder.push_keyframe(keyframe)
        if first and self.follower.wants_motion(draft.media_ms):
            self.encoder.push_motion(MotionFrame(draft.media_ms, keyframe_id, _OWN_POSE))
            self.stats.counts["sent"] += 1
        build_ms, image_bytes = (self._clock.now_us() - start_us) / 1000, len(keyframe.image)
        self.stats.keyframes.append(
            {"media_ms": draft.media_ms, "image_bytes": image_bytes, "build_ms": build_ms}
        )
        self._wake.set()

    # --- the network ------------------------------------------------------------------------------------------------

    async def _send(self) -> None:
        """Sends what the encoder wants sent, when it wants to be asked."""
        while True:
            self._wake.clear()
            now_us = self._clock.now_us()
            if (plan := self.follower.update(now_us)) is not None:
                self._follow(plan)
            for outgoing in self.encoder.poll(now_us):
                await self._transport.send(outgoing)
            wait_us = self.encoder.next_poll_us(now_us) - self._clock.now_us()
            # Not wait_for: before Python 3.12 it swallows a cancellation that meets the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(max(wait_us, 0) / 1_000_000):
                    await self._wake.wait()

    def _follow(self, plan: Plan) -> None:
        """Voice follows here; motion and pictures look at the plan themselves."""
        self._voice.set_bitrate(round(plan.voice_kbps * 1000))
        self._voice.set_frame_ms(self.follower.voice_packet_ms)
        self.stats.note_plan(self._media_ms, plan)

    async def _receive(self) -> None:
        while True:
            _, data = await self._transport.receive()
            now_us = self._heard_us = self._clock.now_us()
            try:
                for event in self._decoder.receive(data, now_us):
                    self._answer(event, now_us)
            except (UnsupportedVersion, AuthenticationFailed) as error:
                self._finish(EndReason.PEER_REFUSED, error)
            except RemoteError as error:
                self._count_malformed(error)

    async def _probe(self) -> None:
        """Say something harmless to a peer that says nothing, so that its transport must answer or be found dead."""
        while True:
            await asyncio.sleep(PEER_PROBE_MS / 1000)
            if self._clock.now_us() - self._heard_us >= PEER_PROBE_MS * 1000:
                self.encoder.push_control(Pin(None))
                self._wake.set()

    def _answer(self, event: Event, now_us: int) -> None:
        match event:
            case AckReceived(ack):
                self.encoder.receive_ack(ack, now_us)
                self.follower.acknowledged(now_us)
                self._wake.set()
            case ControlReceived(Hello() as hello):
                self._compare(hello)
                self.follower.greet(hello)
            case ControlReceived(Pin(rung)):
                self.follower.pin(rung)
                self._wake.set()
            case ControlReceived(AuthCommit() | AuthReveal() as message):
                if (answer := self._authentication.take(message)) is not None:
                    self.encoder.push_control(answer)
                    self._wake.set()
            case ControlReceived(Bye()):
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
        self.stats.counts["malformed"] += 1
        if self.stats.counts["malformed"] > CALL_MALFORMED_MAX:
            self._finish(EndReason.PEER_REFUSED, error)

    # --- the end ----------------------------------------------------------------------------------------------------

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._guard(work))
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
            if not self._end.done():
                self._end.set_exception(error)

    def _finish(self, reason: EndReason, error: Exception | None = None) -> None:
        if not self._end.done():
            self._end.set_result(CallEnd(reason, error))

    async def _say_goodbye(self) -> None:
        """Sends what is still waiting, then Bye. A peer that is gone does not hear it."""
        for packet in self._voice.flush():
            self.encoder.push_voice(packet)
        self._wake.set()
        if self._transport.state is not TransportState.OPEN:
            return
        await asyncio.sleep(self.follower.plan.bundle_ms * 1.5 / 1000)  # the last bundle's own time
        self.encoder.push_control(Bye(self._goodbye_reason()))
        with suppress(TransportClosed):
            for outgoing in self.encoder.poll(self._clock.now_us()):
                await self._transport.send(outgoing)

    def _goodbye_reason(self) -> str:
        if not self._end.done():
            return EndReason.STOPPED.value
        return "the sender failed" if self._end.exception() else self._end.result().reason.value

    async def _release(self) -> None:
        """Closes everything that is not Python's own; the wire's numbers are final before."""
        self.stats.warnings = list(self._source.report.warnings)
        self.stats.counts["skipped_late"] = self._source.report.pictures_skipped
        self.stats.counts["skipped_busy"] = self._latest.skipped
        # Before the close: a drawn-out one would make the mean rates look smaller than they were.
        self._wire_at_end = self._transport.counter.snapshot()
        await self._transport.close()
        for executor in (self._worker, self._aside):
            await asyncio.to_thread(executor.shutdown)
        self._voice.close()
        self._pictures.close()
        if self._recorder is not None:
            await asyncio.to_thread(self._recorder.close)
