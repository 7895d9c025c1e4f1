"""The sender's small decoder: rebuilds now and then what the receiver sees, and says how wrong it is.

    keyframe ----------------> encode_reference --+
    motion, as it is coded ---------------------> render (nano) --> rebuilt --+
    picture, mask ------------------------------------------------------------+--> error of luma where the person is

Must not import asyncio, transports or torch. Invariant: nothing waits for it: one judgement is under way at a time, on a thread
that stands back, and pictures that come meanwhile are not judged.
"""

import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.runtime.base import Backend, BackendUnavailable, ReferenceState
from models.runtime.choose import choose_backend
from models.runtime.keyframe import decode_reference
from models.runtime.warm_up import warm_up
from shared.coding.motion_code import dequantise_motion
from shared.frames import Keyframe, MotionFrame
from shared.limits import GALLERY_SIZE
from shared.thread_priority import stand_back

_LOG = logging.getLogger("facewire.sender")
INTERVAL_MS: Final = 1000
"""One picture in 25: a thirtieth of a core."""
SIDE_PX: Final = 64
"""Where the error is measured: what is smaller than 4 px of the picture is not worth a keyframe."""
Picture = NDArray[np.uint8]
Judgement = tuple[int, float]
"""(keyframe_id, error 0..1)."""


class Inline(Executor):
    """Does what is submitted before `submit` returns: for evaluations, whose time is not the clock's."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See `Executor.submit`."""
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


class SelfView:
    """One per call; `add` and `offer` from any thread, `judgements` from one at a time."""

    def __init__(self, backend: Backend, executor: Executor | None = None) -> None:
        """executor: where it works; None: a thread of its own that stands back."""
        self._backend = backend
        self._executor = executor or ThreadPoolExecutor(1, "self view", initializer=stand_back)
        self._states: OrderedDict[int, ReferenceState] = OrderedDict()
        self._under_way: Future[None] | None = None
        self._offered_ms: int | None = None
        self._found: deque[Judgement] = deque(maxlen=8)

    def add(self, keyframe: Keyframe) -> None:
        """A keyframe that was made; from now on motion against it can be judged."""
        self._start(partial(self._prepare, keyframe))

    def offer(self, motion: MotionFrame, picture: Picture, mask: NDArray[np.float32]) -> None:
        """Judge this picture, uint8 (256, 256, 3) with the person's mask (64, 64), if it is time to and nothing is under way."""
        early = self._offered_ms is not None and motion.media_ms - self._offered_ms < INTERVAL_MS
        if early or (self._under_way is not None and not self._under_way.done()):
            return
        self._offered_ms = motion.media_ms
        self._under_way = self._start(partial(self._judge, motion, picture, mask))

    def judgements(self) -> list[Judgement]:
        """What was found since the last call, oldest first."""
        return [self._found.popleft() for _ in range(len(self._found))]

    def _start(self, work: Callable[[], None]) -> Future[None]:
        under_way = self._executor.submit(work)
        under_way.add_done_callback(_report)
        return under_way

    def _prepare(self, keyframe: Keyframe) -> None:
        self._states.pop(keyframe.keyframe_id, None)
        self._states[keyframe.keyframe_id] = self._backend.encode_reference(decode_reference(keyframe))
        if len(self._states) > GALLERY_SIZE:
            self._states.popitem(last=False)

    def _judge(self, motion: MotionFrame, picture: Picture, mask: NDArray[np.float32]) -> None:
        state = self._states.get(motion.keyframe_id)
        if state is not None:
            rebuilt = self._backend.render(state, dequantise_motion(motion.symbols))
            self._found.append((motion.keyframe_id, person_error(rebuilt, picture, mask)))


def _report(done: Future[None]) -> None:
    """A call goes on without a judgement, but not in silence."""
    if not done.cancelled() and (error := done.exception()) is not None:
        _LOG.warning("What the receiver sees could not be judged (%s: %s).", type(error).__name__, error)


def person_error(rebuilt: Picture, picture: Picture, mask: NDArray[np.float32]) -> float:
    """Mean absolute difference of luma, 0..1, at 64 px, weighted by the person's mask (64, 64), 0..1."""
    difference = np.abs(_luma(rebuilt) - _luma(picture))
    return float((difference * mask).sum() / max(float(mask.sum()), 1.0))


def _luma(picture: Picture) -> NDArray[np.float32]:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def open_self_view(executor: Executor | None = None) -> SelfView | None:
    """On the engine that the sender's own networks use; None where there are no weights of `nano`. executor: as of `SelfView`."""
    try:
        backend = choose_backend("onnx", "nano", threads=1)
    except BackendUnavailable:
        return None
    warm_up(backend)
    return SelfView(backend, executor)
