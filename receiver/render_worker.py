"""Renders the pictures of many calls with one network, off the event loop.

    session --picture due--> render lane: a batch of many calls ----> Rendered --> session
    session --keyframe-----> reference lane -> ReferenceDone --> session
    session --video unit---> video lane -----> shelf of the call (VideoBroken --> session)

Must not import asyncio. Invariant: a call has at most RENDER_QUEUE pictures waiting and the latest wins; pictures of a
call come out in the order they went in; what fails in one call reaches that call only; too many pictures are lost by all calls
alike. Three lanes, so that preparing a keyframe or decoding video does not hold up pictures.
"""

import itertools
import threading
from collections.abc import Callable

from models.runtime.base import Backend, Picture
from receiver.batching.isolation import Isolation
from receiver.batching.lane import BatchLane
from receiver.batching.load import LoadControl, LoadLevel
from receiver.clock import monotonic_us
from receiver.lane import Lane
from receiver.render_call import CallCallbacks, RenderCall, RenderJob
from receiver.voice_features import VoiceFeatures
from shared.core.due import PictureDue
from shared.frames import Keyframe, VideoUnit
from shared.limits import PICTURE_STEP_MS, REFERENCE_QUEUE, RENDER_BATCH_MAX, RENDER_QUEUE, VIDEO_QUEUE


class RenderWorker:
    """The network and its threads; one per process."""

    def __init__(
        self, backend: Backend, batch_max: int = RENDER_BATCH_MAX, now_us: Callable[[], int] = monotonic_us
    ) -> None:
        """batch_max: most pictures at once, if the backend can make as many; 1: one after the other."""
        self.backend = backend
        self._now_us = now_us
        self._calls: dict[int, RenderCall] = {}
        self._ids = itertools.count()
        self._isolation = Isolation(backend)
        self._load = LoadControl()
        self._lock = threading.Lock()
        """Of the load, which calls and the render lane both change."""
        self._renders: BatchLane[PictureDue] = BatchLane(
            "render", RENDER_QUEUE, min(batch_max, backend.batch_max), self._render, now_us
        )
        self._references: Lane[Keyframe] = Lane(
            "reference", REFERENCE_QUEUE, lambda key, keyframe: self._calls[key].prepare(keyframe)
        )
        self._videos: Lane[VideoUnit] = Lane(
            "video", VIDEO_QUEUE, lambda key, unit: self._calls[key].decode(unit)
        )

    @property
    def load(self) -> LoadLevel:
        """How hard it is for the network just now."""
        return self._load.level

    @property
    def calls(self) -> int:
        """How many are open."""
        return len(self._calls)

    def open_call(
        self, callbacks: CallCallbacks, ears: VoiceFeatures | None = None, before: Picture | None = None
    ) -> RenderCall:
        """A new call that shares the network. ears: what listens to its voice, closed with it; None: nothing does.

        before: the picture to show until there is one, RGB uint8 (256, 256, 3); None: a card that says so. Raises ReceiverFull.
        """
        self._weigh(0, 0)  # nothing may have been made since the last judgement
        call_id = next(self._ids)
        with self._lock:
            self._load.open(call_id)
        self._calls[call_id] = RenderCall(call_id, self, callbacks, ears, before)
        return self._calls[call_id]

    def put_picture(self, call_id: int, due: PictureDue) -> bool:
        """Queue a picture for a call; whether it or an older one had to go."""
        if self._load.lowered(call_id) and due.media_ms // PICTURE_STEP_MS % 2:
            return True
        pushed_out = self._renders.put(call_id, due) is not None
        if pushed_out:
            with self._lock:
                self._load.shed()
        return pushed_out

    def put_reference(self, call_id: int, keyframe: Keyframe) -> bool:
        """Queue a keyframe for a call; whether an older one had to go."""
        return self._references.put(call_id, keyframe) is not None

    def put_video(self, call_id: int, unit: VideoUnit) -> bool:
        """Queue a coded picture for a call; whether an older one had to go."""
        return self._videos.put(call_id, unit) is not None

    def close_call(self, call_id: int) -> None:
        """Forget a call; see `RenderCall.close`."""
        for lane in (self._renders, self._references, self._videos):
            lane.drop(call_id)
        self._calls.pop(call_id, None)
        self._isolation.forget(call_id)
        with self._lock:
            self._load.close(call_id)

    def close(self) -> None:
        """End the threads."""
        for lane in (self._renders, self._references, self._videos):
            lane.close()

    # --- in the render lane -------------------------------------------------------------------------------------------

    def _render(self, batch: list[tuple[int, PictureDue]]) -> None:
        start_us = self._now_us()
        jobs: dict[int, tuple[RenderCall, RenderJob]] = {}
        for call_id, due in batch:
            call = self._calls[call_id]
            job = call.begin(due)
            if job is not None:
                jobs[call_id] = call, job
        outcomes = self._isolation.render([(call_id, job.request) for call_id, (_, job) in jobs.items()])
        for call_id, (call, job) in jobs.items():
            call.finish(job, outcomes[call_id])
        self._weigh(len(batch), self._now_us() - start_us)

    def _weigh(self, pictures: int, busy_us: int) -> None:
        with self._lock:
            self._load.made(pictures, busy_us)
            wishes = self._load.judge(self._now_us())
            calls = [(self._calls.get(wish.call_id), wish.lower) for wish in wishes]
        for call, lower in calls:
            if call is not None:
                call.lower(lower)
