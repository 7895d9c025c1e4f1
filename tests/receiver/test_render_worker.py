"""receiver.render_worker."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.runtime.base import Array, Picture, ReferenceState
from models.runtime.mesh_warp import MeshWarpBackend
from receiver.disclosure import waiting_picture
from receiver.render_call import CallCallbacks, ReferenceDone, RenderCall, Rendered
from receiver.render_worker import RenderWorker
from shared.coding.motion_layout import MotionValues
from shared.core.due import PictureDue, PictureState
from shared.errors import MalformedMessage
from shared.limits import RENDER_QUEUE
from tests.models.runtime.faces import motion
from tests.receiver.keyframes import keyframe


class Results:
    """One call, and what came out of it, in order."""

    def __init__(self, worker: RenderWorker, ears: Any = None, before: Picture | None = None) -> None:
        self.queue: queue.Queue[Any] = queue.Queue()
        put = self.queue.put
        self.call: RenderCall = worker.open_call(CallCallbacks(put, put, put, put), ears, before)

    def next(self) -> Any:
        return self.queue.get(timeout=10)

    def with_reference(self, keyframe_id: int = 0) -> "Results":
        self.call.add_reference(keyframe(keyframe_id))
        done = self.next()
        assert isinstance(done, ReferenceDone) and done.error is None
        return self


class Gated(MeshWarpBackend):
    """Holds every picture until it is let go; fails for a shift past 1."""

    def __init__(self) -> None:
        self.go, self.entered = threading.Event(), threading.Event()

    def render(
        self,
        state: ReferenceState,
        motion: MotionValues,
        voice: Array | None = None,
        thumbnail: Picture | None = None,
    ) -> Picture:
        self.entered.set()
        self.go.wait()
        if motion.affine[2] > 1:
            raise RuntimeError("engine broken")
        return super().render(state, motion)


def due(media_ms: int, state: PictureState = PictureState.FRESH, shift: float = 0.0) -> PictureDue:
    age_ms = 40 if state is PictureState.HELD else 0
    return PictureDue(media_ms, media_ms * 1000, state, 0, motion(shift), age_ms)


@pytest.fixture
def worker() -> Iterator[RenderWorker]:
    worker = RenderWorker(MeshWarpBackend())
    yield worker
    worker.close()


def test_pictures_come_out_in_order_with_their_time(worker: RenderWorker) -> None:
    results = Results(worker).with_reference()
    for index in range(5):
        results.call.show(due(index * 40, shift=index * 0.01))
        done = results.next()
        assert isinstance(done, Rendered) and done.due.media_ms == index * 40 and done.compute_ms > 0
        assert done.picture.shape == (256, 256, 3) and not done.picture.flags.writeable


def test_waiting_shows_the_card_and_held_shows_the_last_picture_again(worker: RenderWorker) -> None:
    results = Results(worker)
    results.call.show(PictureDue(0, 0, PictureState.WAITING))
    card = results.next()
    assert np.array_equal(card.picture, waiting_picture(256)) and card.compute_ms == 0
    results.with_reference()
    results.call.show(due(40, shift=0.05))
    shown = results.next()
    results.call.show(due(80, PictureState.HELD, shift=0.05))
    held = results.next()
    assert held.picture is shown.picture and held.compute_ms == 0
    results.call.show(due(120, PictureState.HELD, shift=0.06))
    assert results.next().compute_ms > 0, "another pose is rendered, whatever the state says"


def test_a_reference_that_is_gone_shows_the_last_picture_never_garbage(worker: RenderWorker) -> None:
    results = Results(worker).with_reference()
    gone = replace(due(0), keyframe_id=7)
    results.call.show(gone)
    assert np.array_equal(results.next().picture, waiting_picture(256))
    results.call.show(due(40))
    last = results.next().picture
    results.call.show(gone)
    assert results.next().picture is last


def test_the_latest_pictures_win_when_the_network_is_slow() -> None:
    backend = Gated()
    worker = RenderWorker(backend)
    results = Results(worker).with_reference()
    results.call.show(due(0))
    backend.entered.wait()
    for index in range(1, 6):
        results.call.show(due(index * 40))
    assert results.call.dropped == 5 - RENDER_QUEUE
    backend.go.set()
    shown = [results.next().due.media_ms for _ in range(1 + RENDER_QUEUE)]
    assert shown == [0, 160, 200]
    worker.close()


def test_a_failing_call_does_not_touch_the_others() -> None:
    backend = Gated()
    backend.go.set()
    worker = RenderWorker(backend)
    bad, good = Results(worker).with_reference(), Results(worker).with_reference(1)
    bad.call.show(due(0, shift=2.0))
    good.call.show(replace(due(0), keyframe_id=1))
    bad.call.add_reference(keyframe(3, data=b"rubbish"))
    outcomes = [bad.next(), bad.next()]
    assert {type(outcome) for outcome in outcomes} == {RuntimeError, ReferenceDone}
    done = next(outcome for outcome in outcomes if isinstance(outcome, ReferenceDone))
    assert isinstance(done.error, MalformedMessage)
    assert isinstance(good.next(), Rendered)
    bad.call.show(due(40))
    assert isinstance(bad.next(), Rendered), "the failed call itself goes on, too"
    worker.close()


def test_a_closed_call_gets_nothing_more() -> None:
    backend = Gated()
    worker = RenderWorker(backend)
    closed, other = Results(worker).with_reference(), Results(worker).with_reference()
    closed.call.show(due(0))
    backend.entered.wait()
    closed.call.show(due(40))
    threading.Timer(0.05, backend.go.set).start()
    closed.call.close()
    assert closed.queue.qsize() == 1, "the picture at hand was finished, the one that waited was not begun"
    other.call.show(due(0))
    assert isinstance(other.next(), Rendered)
    worker.close()
