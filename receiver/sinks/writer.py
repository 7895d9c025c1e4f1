"""The thread of a file sink: a bounded queue in front of an encoder, so that a slow disk never delays a call.

Must not import codecs. Invariant: at most `max_pictures` pictures and `SINK_QUEUE_VOICE` voice blocks wait; beyond
that new ones are dropped and counted; `close` writes everything that waits, then finishes the file.
"""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from receiver.sinks.base import PictureState, SinkFailed
from shared.limits import SINK_QUEUE_VOICE


@dataclass(frozen=True, slots=True)
class PictureItem:
    """One picture on its way to the encoder, see `Sink.write_picture`."""

    picture: NDArray[np.uint8]
    media_ms: int
    state: PictureState


@dataclass(frozen=True, slots=True)
class VoiceItem:
    """Some voice on its way to the encoder, see `Sink.write_voice`."""

    pcm: NDArray[np.int16]
    media_ms: int


class Recorder(Protocol):
    """What runs in the thread: one file being written."""

    def picture(self, item: PictureItem) -> None:
        """Encode one picture."""
        ...

    def voice(self, item: VoiceItem) -> None:
        """Encode some voice."""
        ...

    def finish(self) -> None:
        """Flush the encoders and close the file."""
        ...


class FileSink:
    """A sink that feeds a `Recorder` in a thread of its own."""

    def __init__(self, name: str, recorder: Recorder, max_pictures: int, shows: bool) -> None:
        self.name = name
        self.shows = shows
        self.live = False
        self.dropped_pictures = 0
        self.dropped_voice = 0
        self._recorder = recorder
        self._max_pictures = max_pictures
        self._items: deque[PictureItem | VoiceItem] = deque()
        self._pictures_waiting = 0
        self._changed = threading.Condition()
        self._closing = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=f"sink-{name}", daemon=True)
        self._thread.start()

    def write_picture(self, picture: NDArray[np.uint8], media_ms: int, state: PictureState) -> None:
        """Queue one picture; dropped and counted when the encoder is too far behind. Raises SinkFailed."""
        with self._changed:
            self._raise_if_failed()
            if self._pictures_waiting >= self._max_pictures:
                self.dropped_pictures += 1
                return
            self._pictures_waiting += 1
            self._items.append(PictureItem(picture, media_ms, state))
            self._changed.notify()

    def write_voice(self, pcm: NDArray[np.int16], media_ms: int) -> None:
        """Queue some voice; dropped and counted when the encoder is too far behind. Raises SinkFailed."""
        with self._changed:
            self._raise_if_failed()
            if len(self._items) - self._pictures_waiting >= SINK_QUEUE_VOICE:
                self.dropped_voice += 1
                return
            self._items.append(VoiceItem(pcm, media_ms))
            self._changed.notify()

    def close(self) -> None:
        """Write what waits and finish the file; raises SinkFailed if the file is not whole."""
        with self._changed:
            already = self._closing
            self._closing = True
            self._changed.notify()
        self._thread.join()
        if not already:
            self._raise_if_failed()

    def _raise_if_failed(self) -> None:
        if self._error is not None:
            raise SinkFailed(
                f"{self.name}: writing stopped ({type(self._error).__name__}: {self._error}). "
                "What was written until then is kept. Check free space and permissions."
            ) from self._error

    def _run(self) -> None:
        try:
            while (item := self._next()) is not None:
                if isinstance(item, PictureItem):
                    self._recorder.picture(item)
                else:
                    self._recorder.voice(item)
        except Exception as error:  # whatever the encoder or the disk says ends this sink, not the call
            self._fail(error)
        try:
            self._recorder.finish()
        except Exception as error:  # as above
            self._fail(error)

    def _next(self) -> PictureItem | VoiceItem | None:
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closing)
            if not self._items:
                return None
            item = self._items.popleft()
            self._pictures_waiting -= isinstance(item, PictureItem)
            return item

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._error = self._error or error
            self._items.clear()
            self._pictures_waiting = 0
