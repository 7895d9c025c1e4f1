"""receiver.render_worker with an engine that makes pictures of several calls at once."""

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from models.runtime.base import Array, Picture, ReferenceState, RenderRequest
from models.runtime.mesh_warp import MeshWarpBackend, WarpState
from receiver.batching.load import LoadLevel, ReceiverFull
from receiver.render_call import CallCallbacks, ReferenceDone, RenderCall, Rendered
from receiver.render_worker import RenderWorker
from shared.coding.motion_layout import MotionValues
from shared.core.due import PictureDue, PictureState
from shared.frames import Keyframe
from shared.limits import LOAD_SHED_WINDOWS, LOAD_WINDOW_MS, RENDER_QUEUE
from tests.models.runtime.faces import motion
from tests.receiver.keyframes import keyframe

CALLS = 4


class Gated(MeshWarpBackend):
    """Makes batches of its references, as they are, each when it is let go; fails for a shift past 1."""

    batch_max = 8

    def __init__(self) -> None:
        self.go, self.entered = threading.Semaphore(0), threading.Semaphore(0)
        self.sizes: list[int] = []

    def render(
        self,
        state: ReferenceState,
        motion: MotionValues,
        voice: Array | None = None,
        thumbnail: Picture | None = None,
    ) -> Picture:
        assert isinstance(state, WarpState)
        return state.reference.picture.copy()

    def render_batch(self, requests: Sequence[RenderRequest]) -> list[Picture]:
        self.entered.release()
        assert self.go.acquire(timeout=10)
        self.sizes.append(len(requests))
        if any(one.motion.affine[2] > 1 for one in requests):
            raise RuntimeError("engine broken")
        return super().render_batch(requests)


class Call:
    """One call, and what came out of it, in order."""

    def __init__(self, worker: RenderWorker, keyframe_id: int) -> None:
        self.queue: queue.Queue[object] = queue.Queue()
        self.wishes: list[bool] = []
        put = self.queue.put
        self.call: RenderCall = worker.open_call(CallCallbacks(put, put, put, put, self.wishes.append))
        self.keyframe_id = keyframe_id
        self.call.add_reference(_keyframe(keyframe_id))
        assert isinstance(self.next(), ReferenceDone)

    def next(self) -> object:
        return self.queue.get(timeout=10)

    def show(self, media_ms: int, shift: float = 0.0) -> None:
        due = PictureDue(media_ms, media_ms * 1000, PictureState.FRESH, self.keyframe_id, motion(shift))
        self.call.show(due)

    def shown(self) -> int:
        done = self.next()
        assert isinstance(done, Rendered)
        return done.due.media_ms


def _keyframe(keyframe_id: int) -> Keyframe:
    return replace(keyframe(keyframe_id % 2), keyframe_id=keyframe_id)


@pytest.fixture
def backend() -> Gated:
    return Gated()


@pytest.fixture
def worker(backend: Gated) -> Iterator[RenderWorker]:
    worker = RenderWorker(backend)
    yield worker
    backend.go.release(100)
    worker.close()


@pytest.fixture
def calls(worker: RenderWorker, backend: Gated) -> list[Call]:
    """Four calls; the network is busy with a picture of the first of them."""
    made = [Call(worker, number) for number in range(CALLS)]
    made[0].show(0)
    assert backend.entered.acquire(timeout=10)
    return made


def let_go(backend: Gated, batches: int) -> None:
    backend.go.release(batches)


def test_pictures_of_all_calls_that_wait_are_made_at_once_and_each_gets_its_own(
    backend: Gated, calls: list[Call]
) -> None:
    for call in calls:
        call.show(40)
    let_go(backend, 2)
    assert calls[0].shown() == 0
    pictures = []
    for call in calls:
        done = call.next()
        assert isinstance(done, Rendered) and done.due.media_ms == 40 and done.compute_ms > 0
        pictures.append(done.picture)
    assert backend.sizes == [1, CALLS]
    assert np.array_equal(pictures[0], pictures[2]) and not np.array_equal(pictures[0], pictures[1])


def test_pictures_of_a_call_come_out_in_order_and_its_newest_win(backend: Gated, calls: list[Call]) -> None:
    for media_ms in range(40, 240, 40):
        calls[1].show(media_ms)
    calls[2].show(40)
    let_go(backend, 3)
    assert [calls[1].shown() for _ in range(RENDER_QUEUE)] == [160, 200]
    assert calls[1].call.dropped == 3 and calls[2].shown() == 40
    assert backend.sizes == [1, 2, 1]


def test_a_call_that_fails_in_a_batch_takes_nobody_with_it_and_then_renders_alone(
    backend: Gated, calls: list[Call]
) -> None:
    for call in calls:
        call.show(40, shift=2.0 if call is calls[3] else 0.0)
    let_go(backend, 2 + CALLS)
    assert isinstance(calls[3].next(), RuntimeError)
    assert calls[0].shown() == 0 and [call.shown() for call in calls[:3]] == [40] * 3
    while backend.entered.acquire(blocking=False):
        pass
    calls[0].show(80)
    assert backend.entered.acquire(timeout=10)
    for call in calls:
        call.show(120)
    let_go(backend, 3)
    assert calls[3].shown() == 120
    assert backend.sizes == [1, CALLS, *[1] * CALLS, 1, CALLS - 1, 1]


def test_one_at_a_time_is_possible_with_an_engine_that_could_do_more(backend: Gated) -> None:
    worker = RenderWorker(backend, batch_max=1)
    both = [Call(worker, number) for number in range(2)]
    for call in both:
        call.show(0)
    let_go(backend, 2)
    assert [call.shown() for call in both] == [0, 0] and backend.sizes == [1, 1]
    worker.close()


def test_a_call_that_leaves_in_a_batch_gets_nothing_more_and_the_others_theirs(
    backend: Gated, calls: list[Call]
) -> None:
    for call in calls:
        call.show(40)
    threading.Timer(0.05, let_go, (backend, 2)).start()
    calls[0].call.close()
    assert calls[0].queue.qsize() == 1, "the picture at hand was finished, the one that waited was not begun"
    assert [call.shown() for call in calls[1:]] == [40] * 3


class Overload:
    """Two calls whose network makes fewer pictures than they ask for, on a clock that moves when it is told to."""

    def __init__(self, backend: Gated) -> None:
        self.backend, self.now_us, self.media_ms = backend, 1, 0
        self.worker = RenderWorker(backend, now_us=lambda: self.now_us)
        self.calls = [Call(self.worker, number) for number in range(2)]

    def window(self) -> list[list[int]]:
        """Ten pictures of each call come while the network is busy with one; what was shown by call."""
        self.calls[0].show(self.media_ms)
        assert self.backend.entered.acquire(timeout=10)
        for step in range(10):
            for call in self.calls:
                call.show(self.media_ms + 40 + 40 * step)
        self.media_ms += 800
        self.now_us += LOAD_WINDOW_MS * 1000
        let_go(self.backend, 1 + RENDER_QUEUE)
        for _ in range(RENDER_QUEUE):
            assert self.backend.entered.acquire(timeout=10)
        counts = (1 + RENDER_QUEUE, RENDER_QUEUE)
        return [[call.shown() for _ in range(count)] for call, count in zip(self.calls, counts, strict=True)]

    def overloaded(self) -> None:
        for _ in range(LOAD_SHED_WINDOWS):
            self.window()


@pytest.fixture
def overload(backend: Gated) -> Iterator[Overload]:
    made = Overload(backend)
    yield made
    made.worker.close()


def test_when_pictures_are_lost_for_long_a_call_is_told_and_gets_every_second_picture(
    overload: Overload,
) -> None:
    assert overload.worker.load is LoadLevel.EASY
    overload.overloaded()
    assert overload.worker.load is LoadLevel.LOWERED
    assert [call.wishes for call in overload.calls] == [[True], []]
    lowered, spared = overload.window()
    assert {ms // 40 % 2 for ms in lowered} == {0} and {ms // 40 % 2 for ms in spared} == {0, 1}


def test_when_that_does_not_help_new_calls_are_refused_until_one_leaves(overload: Overload) -> None:
    while overload.worker.load is not LoadLevel.FULL:
        overload.overloaded()
    assert [call.wishes for call in overload.calls] == [[True], [True]]
    with pytest.raises(ReceiverFull):
        Call(overload.worker, 3)
    assert overload.worker.calls == 2
    overload.calls[1].call.close()
    Call(overload.worker, 3)


def test_a_receiver_that_was_full_and_then_idle_takes_calls_again(overload: Overload) -> None:
    while overload.worker.load is not LoadLevel.FULL:
        overload.overloaded()
    overload.now_us += LOAD_WINDOW_MS * 1000
    Call(overload.worker, 3)
