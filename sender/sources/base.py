"""What every source of pictures and voice offers, the clock that paces it, and the pacing itself.

Must import the standard library and numpy only. Invariant: pictures are never queued: whoever asks gets the newest
one that is due, and what was passed over is counted, not kept. Voice is never passed over.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread
from typing import Final, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
R = TypeVar("R")

PICTURE_INTERVAL_MS: Final = 40
"""Pictures lie on a 25 fps grid of the media clock."""
VOICE_BLOCK_MS: Final = 20
"""Voice comes in blocks of this length."""
VOICE_BLOCK_SAMPLES: Final = VOICE_BLOCK_MS * 48
STALLED_S: Final = 1.0
"""A device that is read at 25 pictures a second and gives nothing for this long gives nothing."""
LONG_SIDE_MAX_PX: Final = 1280
"""Larger pictures are made smaller at once: a face worth 256 px is found in them as well."""


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """media_ms: place on the 25 fps grid. capture_us: local clock when it was due. rgb: uint8 (H, W, 3)."""

    media_ms: int
    capture_us: int
    rgb: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SourceVoice:
    """media_ms: time of the first sample. pcm: int16 mono 48 kHz, VOICE_BLOCK_SAMPLES of it."""

    media_ms: int
    pcm: NDArray[np.int16]


@dataclass(slots=True)
class SourceReport:
    """What happened while a source ran: messages for the person, pictures that came too late to be used."""

    warnings: list[str] = field(default_factory=list)
    pictures_skipped: int = 0

    def warn(self, message: str) -> None:
        """Keeps a message once."""
        if message not in self.warnings:
            self.warnings.append(message)


class Source(Protocol):
    """Pictures and voice on one media clock that starts at 0. Use both iterators from one event loop, once each."""

    report: SourceReport

    @property
    def has_voice(self) -> bool:
        """Whether `voice` will give anything."""
        ...

    def pictures(self) -> AsyncGenerator[SourcePicture, None]:
        """Pictures as they become due; ends with the source."""
        ...

    def voice(self) -> AsyncGenerator[SourceVoice, None]:
        """Blocks as their last sample becomes due, without gaps; ends with the source."""
        ...

    async def close(self) -> None:
        """Ends both iterators and frees files and devices. May be called twice."""
        ...


class Clock(Protocol):
    """Local monotonic time, handed in so that tests can run without waiting."""

    def now_us(self) -> int:
        """Microseconds since an arbitrary moment."""
        ...

    async def sleep_until_us(self, due_us: int) -> None:
        """Returns at or after `due_us`, at once if it has passed."""
        ...


class MonotonicClock:
    """The machine's own clock."""

    def now_us(self) -> int:
        """Microseconds since an arbitrary moment."""
        return time.monotonic_ns() // 1000

    async def sleep_until_us(self, due_us: int) -> None:
        """Returns at or after `due_us`, at once if it has passed."""
        await asyncio.sleep(max(0, due_us - self.now_us()) / 1_000_000)


class Pace:
    """One media clock for both iterators: media 0 is when the first of them asked. `enabled` False never waits."""

    def __init__(self, clock: Clock, enabled: bool = True) -> None:
        self._clock = clock
        self._enabled = enabled
        self._start_us: int | None = None

    def due_us(self, media_ms: int) -> int:
        """Local time of a moment on the media clock; starts the clock if it does not run yet."""
        if self._start_us is None:
            self._start_us = self._clock.now_us()
        return self._start_us + media_ms * 1000

    async def wait(self, media_ms: int) -> None:
        """Returns when the moment has come."""
        due_us = self.due_us(media_ms)
        if self._enabled:
            await self._clock.sleep_until_us(due_us)

    def late_ms(self, media_ms: int) -> float:
        """How long ago the moment was; never late when not pacing. Safe from any thread."""
        if not self._enabled or self._start_us is None:
            return 0.0
        return (self._clock.now_us() - self._start_us) / 1000 - media_ms


async def in_thread(items: Iterator[T]) -> AsyncGenerator[T, None]:
    """Runs a blocking iterator off the event loop, always one item ahead of its consumer and never more.

    The iterator may be a generator holding native resources: it is closed only when no thread is inside it. One that gives
    nothing for STALLED_S when it is no longer wanted, such as a camera that hangs, is left to the end of the process.
    """
    thread = _DaemonThread()
    ahead = thread.run(lambda: next(items, None))
    try:
        while (item := await asyncio.shield(ahead)) is not None:
            ahead = thread.run(lambda: next(items, None))
            yield item
    finally:
        await asyncio.shield(_finish(ahead, items, thread))


async def _finish(ahead: "asyncio.Future[T | None]", items: Iterator[T], thread: "_DaemonThread") -> None:
    await asyncio.wait([ahead], timeout=STALLED_S)
    if ahead.done():
        if not ahead.cancelled():
            ahead.exception()  # the consumer has had it already, or does not listen any more
        close = getattr(items, "close", None)
        if close is not None:
            await thread.run(close)
    thread.end()


class _DaemonThread:
    """One thread that does one thing after another, and that no exit of the process waits for, as it would for an executor's."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        Thread(target=self._run, daemon=True).start()

    def run(self, work: Callable[[], R]) -> "asyncio.Future[R]":
        """Its result, for the running event loop."""
        done: Future[R] = Future()

        def attempt() -> None:
            try:
                done.set_result(work())
            except BaseException as error:
                done.set_exception(error)

        self._work.put(attempt)
        return asyncio.wrap_future(done)

    def end(self) -> None:
        """No work follows."""
        self._work.put(None)

    def _run(self) -> None:
        while (attempt := self._work.get()) is not None:
            attempt()


class Latest(Generic[T]):
    """One place between a quick producer and a slow consumer: the newest item wins, the passed over are counted."""

    def __init__(self) -> None:
        self._item: T | None = None
        self._changed = asyncio.Event()
        self._ended = False
        self.skipped = 0

    def put(self, item: T) -> None:
        """Takes the place of an item that nobody fetched."""
        self.skipped += self._item is not None
        self._item = item
        self._changed.set()

    def end(self) -> None:
        """No item follows."""
        self._ended = True
        self._changed.set()

    async def get(self) -> T | None:
        """The newest item, once; None when there will be no more."""
        while self._item is None and not self._ended:
            self._changed.clear()
            await self._changed.wait()
        item, self._item = self._item, None
        return item
