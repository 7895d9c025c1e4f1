"""A live sink that works in a thread of its own: pushing, writing a pipe, feeding a virtual camera.

Must not import codecs. Invariant: writing only puts things on the stage, so the call never waits for what the thread does; a
failure ends this sink alone and is said once.
"""

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from receiver.sinks.base import PictureState, SinkFailed
from receiver.sinks.live_stage import LiveStage
from shared.limits import LIVE_CLOSE_S

LiveWork = Callable[[LiveStage, threading.Event], None]
"""Shows what is on the stage until the event is set. Raises SinkFailed when it cannot go on, or OSError."""


class LiveSink:
    """A `Sink` around some `LiveWork`."""

    shows = True
    live = True

    def __init__(self, name: str, work: LiveWork) -> None:
        self.name = name
        self._work = work
        self._stage = LiveStage()
        self._stopped = threading.Event()
        self._error: SinkFailed | None = None
        self._told = False
        self._thread = threading.Thread(target=self._run, name=f"sink-{name}", daemon=True)
        self._thread.start()

    def write_picture(self, picture: NDArray[np.uint8], media_ms: int, state: PictureState) -> None:
        """See `Sink.write_picture`."""
        self._raise_if_failed()
        self._stage.put_picture(picture)

    def write_voice(self, pcm: NDArray[np.int16], media_ms: int) -> None:
        """See `Sink.write_voice`."""
        self._raise_if_failed()
        self._stage.put_voice(pcm)

    def close(self) -> None:
        """End the thread; one that hangs in a system call is left behind after LIVE_CLOSE_S."""
        self._stopped.set()
        self._thread.join(LIVE_CLOSE_S)
        self._raise_if_failed()

    def _raise_if_failed(self) -> None:
        if self._error is not None and not self._told:
            self._told = True
            raise self._error

    def _run(self) -> None:
        try:
            self._work(self._stage, self._stopped)
        except SinkFailed as error:
            self._error = error
        except Exception as error:  # whatever a device or codec says ends this sink, not the call
            self._error = SinkFailed(
                f"{self.name}: it stopped ({type(error).__name__}: {error}). The call goes on."
            )
