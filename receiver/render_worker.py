"""Renders the pictures of many calls with one network, off the event loop.

    session --picture due--> render lane ----> Rendered --> session
    session --keyframe-----> reference lane -> ReferenceDone --> session

Must not import asyncio. Invariant: a call has at most RENDER_QUEUE pictures waiting and the latest wins; pictures of a
call come out in the order they went in; what fails in one call reaches that call only. Two lanes, so that preparing a
keyframe does not hold up pictures.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from receiver.backends.base import Array, Backend, Picture, ReferenceState
from receiver.disclosure import waiting_picture
from receiver.lane import Lane
from receiver.reference_store import ReferenceStore
from shared.coding.motion_code import motion_vector
from shared.coding.motion_layout import MotionValues
from shared.core.due import PictureDue, PictureState
from shared.frames import Keyframe
from shared.limits import PICTURE_SIZE_PX, REFERENCE_QUEUE, RENDER_QUEUE


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished picture, RGB uint8 (256, 256, 3). compute_ms: 0 when an earlier one is shown again."""

    due: PictureDue
    picture: Picture
    compute_ms: float


@dataclass(frozen=True, slots=True)
class ReferenceDone:
    """A keyframe is ready, or error says why it never will be."""

    keyframe_id: int
    compute_ms: float
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class CallCallbacks:
    """Called in the worker's threads; they must return at once and not raise.

    on_failure: one picture could not be rendered.
    """

    on_rendered: Callable[[Rendered], None]
    on_reference: Callable[[ReferenceDone], None]
    on_failure: Callable[[Exception], None]


@dataclass(frozen=True, slots=True)
class _Job:
    due: PictureDue
    voice: Array | None


@dataclass(frozen=True, slots=True)
class _Last:
    """The picture on show, and what it was made of."""

    state: ReferenceState
    values: MotionValues
    picture: Picture

    def shows(self, state: ReferenceState, values: MotionValues) -> bool:
        """Whether rendering these would give the same picture (but for the voice)."""
        mine, theirs = motion_vector(self.values), motion_vector(values)
        return state is self.state and np.array_equal(mine, theirs)


class RenderCall:
    """One call's state: its references, its last picture, its counters. Made by `RenderWorker.open_call`."""

    def __init__(self, call_id: int, worker: "RenderWorker", callbacks: CallCallbacks) -> None:
        self.dropped = 0
        self._id = call_id
        self._worker = worker
        self._callbacks = callbacks
        self._store = ReferenceStore(worker.backend)
        self._last: _Last | None = None

    def show(self, due: PictureDue, voice: Array | None = None) -> None:
        """Render this picture next. voice: float32 (32,), features of the voice at that moment."""
        if self._worker.renders.put(self._id, _Job(due, voice)) is not None:
            self.dropped += 1

    def add_reference(self, keyframe: Keyframe) -> None:
        """Prepare a keyframe; `on_reference` tells when it can be shown."""
        self._worker.references.put(self._id, keyframe)

    def close(self) -> None:
        """Forget the call; no callback comes after this returns."""
        self._worker.close_call(self._id)

    def render(self, job: _Job) -> None:
        """In the render lane."""
        start_s = time.perf_counter()
        try:
            picture, computed = self._picture(job)
        except Exception as error:  # an engine may raise anything; the call decides what becomes of it
            self._callbacks.on_failure(error)
            return
        compute_ms = (time.perf_counter() - start_s) * 1000 if computed else 0.0
        self._callbacks.on_rendered(Rendered(job.due, picture, compute_ms))

    def prepare(self, keyframe: Keyframe) -> None:
        """In the reference lane."""
        start_s = time.perf_counter()
        error: Exception | None = None
        try:
            self._store.add(keyframe)
        except Exception as caught:  # RemoteError from the picture, anything from an engine
            error = caught
        compute_ms = (time.perf_counter() - start_s) * 1000
        self._callbacks.on_reference(ReferenceDone(keyframe.keyframe_id, compute_ms, error))

    def _picture(self, job: _Job) -> tuple[Picture, bool]:
        """The picture, and whether the network made it now."""
        due = job.due
        if due.state is PictureState.WAITING or due.keyframe_id is None or due.values is None:
            return waiting_picture(PICTURE_SIZE_PX), False
        state = self._store.get(due.keyframe_id)
        if state is None:  # it left the gallery while this picture waited
            return (self._last.picture if self._last else waiting_picture(PICTURE_SIZE_PX)), False
        if due.state is PictureState.HELD and self._last and self._last.shows(state, due.values):
            return self._last.picture, False
        picture = self._worker.backend.render(state, due.values, job.voice)
        picture.setflags(write=False)
        self._last = _Last(state, due.values, picture)
        return picture, True


class RenderWorker:
    """The network and its two threads; one per process."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._calls: dict[int, RenderCall] = {}
        self._ids = itertools.count()
        self.renders: Lane[_Job] = Lane("render", RENDER_QUEUE, lambda key, job: self._calls[key].render(job))
        self.references: Lane[Keyframe] = Lane(
            "reference", REFERENCE_QUEUE, lambda key, keyframe: self._calls[key].prepare(keyframe)
        )

    def open_call(self, callbacks: CallCallbacks) -> RenderCall:
        """A new call that shares the network."""
        call = RenderCall(next(self._ids), self, callbacks)
        self._calls[call._id] = call
        return call

    def close_call(self, call_id: int) -> None:
        """Forget a call; see `RenderCall.close`."""
        self.renders.drop(call_id)
        self.references.drop(call_id)
        self._calls.pop(call_id, None)

    def close(self) -> None:
        """End both threads."""
        self.renders.close()
        self.references.close()
