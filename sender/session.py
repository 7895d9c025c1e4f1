"""One call from the sending side, however many connections it takes: source -> pipeline -> connection, from first to last.

    pictures --> FacePipeline (worker thread) --+
                                                +--> Connection --> lost? --> meet again --> the next one
    voice -----> VoiceEncoder ------------------+

Must not import torch, aiortc or aiohttp (transports are handed in). Invariant: nothing heavy runs on the event loop,
nothing is queued between its parts (the newest picture wins), and however the call ends the source, the recorder and
the native codecs are closed and the reason stands in the statistics.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sender.authentication import Authentication
from sender.call_end import CallEnd, EndReason, LiveReport
from sender.config import SenderConfig
from sender.connection import Connection
from sender.crop_recorder import CropRecorder
from sender.keyframe_policy import KeyframeKind
from sender.live_report import report_live
from sender.picture_rungs import PictureRungs
from sender.picture_work import process_timed
from sender.pipeline import FacePipeline, FaceState, KeyframeDraft, Processed
from sender.sources.base import Clock, Latest, MonotonicClock, Source, SourcePicture
from sender.stats import CallStats, PictureStat, Traffic
from sender.tasks import cancelled
from sender.voice import VoiceEncoder
from shared.coding.identity import coding_identity
from shared.coding.motion_layout import SYMBOLS
from shared.control import FEATURE_BOUND, Hello
from shared.core.ladder import Plan
from shared.errors import UserError
from shared.frames import MotionFrame, VideoUnit
from shared.opus import OpusEncoder
from shared.short_authentication import Fingerprints
from shared.thread_priority import stand_back
from shared.transport.base import Transport, WireSnapshot
from shared.transport.rejoin import Meet, meet_again
from shared.wire import PROTOCOL_VERSION

__all__ = ["CallEnd", "EndReason", "LiveReport", "SenderSession"]

_LOG = logging.getLogger("facewire.sender")
VOICE_TAIL_S: Final = 0.25
"""How long the voice may outlast the pictures at the end of a source."""
_KEYFRAME_IDS: Final = 256
_OWN_POSE: Final = np.zeros(SYMBOLS, np.int16)
"""The motion of the picture that a keyframe was made of."""


class SenderSession:
    """One call, begun on an open transport. `run` once."""

    def __init__(
        self,
        config: SenderConfig,
        source: Source,
        transport: Transport,
        pipeline: FacePipeline,
        model: str,
        clock: Clock | None = None,
        on_report: Callable[[LiveReport], None] = lambda report: None,
        fingerprints_of: Callable[[Transport], Fingerprints | None] = lambda transport: None,
        on_authenticated: Callable[[str], None] = lambda digits: None,
        meet: Meet | None = None,
    ) -> None:
        """model: identity of the motion model, which both ends must share. on_report: called once a second.
        fingerprints_of: a transport's DTLS fingerprints; None: no short authentication string. on_authenticated: called with the
        digits once their exchange is complete, for each connection; people must compare them. meet: where a lost peer comes
        back to, for config.rejoin_seconds; None: it is not waited for.
        """
        self.stats = CallStats()
        self._config, self._source, self._pipeline = config, source, pipeline
        self._hello = Hello(PROTOCOL_VERSION, model, coding_identity())
        self._clock = clock or MonotonicClock()
        self._on_report, self._meet = on_report, meet
        self._fingerprints_of, self._on_authenticated = fingerprints_of, on_authenticated
        self._connection = self._connected(transport)
        self._coded_for = self._connection
        self._before = Traffic()
        self._recorder = CropRecorder(Path(config.record_crop)) if config.record_crop else None
        self._voice = VoiceEncoder(
            OpusEncoder(round(config.voice_kbps * 1000), self._connection.follower.voice_packet_ms)
        )
        self._pictures = PictureRungs()
        self._latest: Latest[SourcePicture] = Latest()
        self._next_keyframe_id = 0
        self._building: asyncio.Task[None] | None = None
        self._worker = ThreadPoolExecutor(1, "picture")
        self._aside = ThreadPoolExecutor(1, "keyframe", initializer=stand_back)
        self._state = FaceState.WAITING_FACE
        self._media_ms = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: asyncio.Future[CallEnd] = asyncio.get_running_loop().create_future()

    def report(self) -> dict[str, Any]:
        """The statistics of the call, as plain values; final once `run` has returned."""
        return self.stats.report(self._config, self._traffic)

    @property
    def state(self) -> FaceState:
        """What the sender can say about the face."""
        return self._state

    def stop(self) -> None:
        """Ends the call in good order; `run` returns soon after."""
        self._finish(CallEnd(EndReason.STOPPED))

    async def run(self) -> CallEnd:
        """The whole call. Remote mistakes and lost peers are in the result; UserError is raised."""
        self.stats.started_us = self._clock.now_us()
        connecting = self._start(self._stay_connected())
        voice = self._start(self._feed_voice())
        reporting = report_live(
            lambda: (self._state, self._media_ms), self._wire, self.stats,
            lambda: self._connection.follower, self._on_report,
        )  # fmt: skip
        feeding = [voice, self._start(self._feed_pictures())]
        working = [self._start(self._work(voice)), self._start(reporting)]
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._config.seconds):
                    await asyncio.shield(self._end)
            self._finish(CallEnd(EndReason.TIME_IS_UP))
            end = self._end.result()
        finally:
            await self._source.close()
            await cancelled([*feeding, *working, *([self._building] if self._building else [])])
            await self._say_goodbye()
            await cancelled([connecting])
            await self._release()
        self.stats.reason = end.reason.value
        if isinstance(end.error, UserError):
            raise end.error
        return end

    # --- connections ------------------------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        """Connection after connection, until one ends otherwise than by losing the peer, or the peer stays away."""
        while True:
            end = await self._connection.run()
            if end.reason is not EndReason.PEER_LOST:
                return self._finish(end)
            await self._connection.close()
            transport = await self._peer_again()
            if transport is None:
                return self._finish(end)
            self._before = self._traffic
            self._connection = self._connected(transport)

    async def _peer_again(self) -> Transport | None:
        wait_s = self._config.rejoin_seconds
        if self._meet is None or not wait_s:
            return None
        _LOG.warning("the other end is gone; waiting up to %g s for it to come back", wait_s)
        return await meet_again(self._meet, wait_s)

    def _connected(self, transport: Transport) -> Connection:
        authentication = Authentication(self._fingerprints_of(transport), self._on_authenticated)
        hello = replace(self._hello, features=(FEATURE_BOUND,)) if authentication.takes_part else self._hello
        return Connection(
            self._config, transport, hello, authentication, self.stats, self._clock, self._follow
        )

    def _follow(self, plan: Plan) -> None:
        """Voice follows here; motion and pictures look at the plan themselves."""
        self._voice.set_bitrate(round(plan.voice_kbps * 1000))
        self._voice.set_frame_ms(self._connection.follower.voice_packet_ms)
        self.stats.note_plan(self._media_ms, plan)

    @property
    def _traffic(self) -> Traffic:
        return self._before.then(self._connection.traffic)

    def _wire(self) -> WireSnapshot:
        return self._traffic.wire

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
                    self._connection.push_voice(packet)

    async def _work(self, voice: asyncio.Task[None]) -> None:
        """Pictures one by one, always the newest, in the worker thread."""
        loop = asyncio.get_running_loop()
        while (picture := await self._latest.get()) is not None:
            connection = self._connection
            if connection is not self._coded_for:
                self._pipeline.begin_again()
                self._coded_for = connection
            delivering = connection.delivering or not self._builder_free
            requested = connection.encoder.take_keyframe_wish() and not delivering
            free = self._builder_free and (connection.may_build or requested)
            spare = connection.has_spare and not delivering
            process = partial(self._pipeline.process, picture, connection.usable, requested, free, spare)
            order = None if connection.over else connection.follower.picture_order()
            done, unit, compute_ms = await loop.run_in_executor(
                self._worker, process_timed, process, self._pictures, order
            )
            self._take(connection, picture, done, unit, compute_ms)
            if self._building is not None and not connection.has_reference:
                await asyncio.wait([self._building])  # nothing can be coded before there is a first keyframe
        await asyncio.wait([voice], timeout=VOICE_TAIL_S)
        self._finish(CallEnd(EndReason.SOURCE_ENDED))

    @property
    def _builder_free(self) -> bool:
        return self._building is None or self._building.done()

    def _take(
        self, connection: Connection, picture: SourcePicture, done: Processed, unit: VideoUnit | None, compute_ms: float
    ) -> None:  # fmt: skip
        self._state, self._media_ms = done.state, done.media_ms
        motion = done.motion
        if motion is not None and not connection.follower.wants_motion(motion.media_ms):
            motion = None
        connection.push_picture(motion, unit)
        if done.draft is not None and self._builder_free:
            self._building = self._start(self._build(connection, done.draft))
        if self._recorder is not None and done.crop_picture is not None:
            self._start(self._record(self._recorder, done.media_ms, done.crop_picture))
        self.stats.counts["several_faces"] += done.faces > 1
        self.stats.add_picture(
            PictureStat(
                picture.media_ms,
                picture.capture_us,
                round(compute_ms, 3),
                done.state.name,
                motion is not None and not connection.over,
            )
        )

    async def _record(self, recorder: CropRecorder, media_ms: int, picture: NDArray[np.uint8]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._aside, recorder.write, media_ms, picture)

    async def _build(self, connection: Connection, draft: KeyframeDraft) -> None:
        """Codes a keyframe: the first at once, later ones beside the pictures, so that motion goes on meanwhile."""
        keyframe_id = self._next_keyframe_id
        self._next_keyframe_id = (keyframe_id + 1) % _KEYFRAME_IDS
        start_us = self._clock.now_us()
        build = partial(self._pipeline.build_keyframe, draft, keyframe_id, self._config.keyframe_bytes)
        first = draft.kind is KeyframeKind.FIRST
        executor = self._worker if first else self._aside
        keyframe, reference = await asyncio.get_running_loop().run_in_executor(executor, build)
        motion = None
        if first and connection.follower.wants_motion(draft.media_ms):
            motion = MotionFrame(draft.media_ms, keyframe_id, _OWN_POSE)
            self.stats.counts["sent"] += not connection.over
        connection.push_keyframe(keyframe, reference, motion)
        build_ms, image_bytes = (self._clock.now_us() - start_us) / 1000, len(keyframe.image)
        self.stats.keyframes.append(
            {"media_ms": draft.media_ms, "image_bytes": image_bytes, "build_ms": build_ms}
        )

    # --- the end ----------------------------------------------------------------------------------------------------

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._guard(work))
        self._tasks.add(task)  # the loop itself keeps weak references only
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs one of the call's parts; what breaks it ends the call."""
        try:
            await work
        except Exception as error:
            if not self._end.done():
                self._end.set_exception(error)

    def _finish(self, end: CallEnd) -> None:
        if not self._end.done():
            self._end.set_result(end)

    async def _say_goodbye(self) -> None:
        for packet in self._voice.flush():
            self._connection.push_voice(packet)
        await self._connection.say_goodbye(self._goodbye_reason())

    def _goodbye_reason(self) -> str:
        if not self._end.done():
            return EndReason.STOPPED.value
        return "the sender failed" if self._end.exception() else self._end.result().reason.value

    async def _release(self) -> None:
        """Closes everything that is not Python's own; the wire's numbers are final before."""
        self.stats.warnings = list(self._source.report.warnings)
        self.stats.counts["skipped_late"] = self._source.report.pictures_skipped
        self.stats.counts["skipped_busy"] = self._latest.skipped
        await self._connection.close()
        for executor in (self._worker, self._aside):
            await asyncio.to_thread(executor.shutdown)
        self._voice.close()
        self._pictures.close()
        if self._recorder is not None:
            await asyncio.to_thread(self._recorder.close)
