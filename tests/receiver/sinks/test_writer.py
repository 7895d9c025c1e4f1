"""receiver.sinks.writer."""

import threading

import numpy as np
import pytest

from receiver.sinks.base import PictureState, SinkFailed
from receiver.sinks.writer import FileSink, PictureItem, VoiceItem
from shared.limits import SINK_QUEUE_VOICE

PICTURE = np.zeros((256, 256, 3), np.uint8)


class Gate:
    """A recorder that waits to be let go, then keeps what it gets; it fails from `broken_from` on."""

    def __init__(self, broken_from: int = 10**9) -> None:
        self.go, self.entered = threading.Event(), threading.Event()
        self.times: list[int] = []
        self.finished = False
        self._broken_from = broken_from

    def picture(self, item: PictureItem) -> None:
        self._take(item.media_ms)

    def voice(self, item: VoiceItem) -> None:
        self._take(item.media_ms)

    def finish(self) -> None:
        self.finished = True

    def _take(self, media_ms: int) -> None:
        self.entered.set()
        self.go.wait()
        if len(self.times) >= self._broken_from:
            raise OSError("No space left on device")
        self.times.append(media_ms)


def test_the_queue_is_bounded_and_close_writes_what_waits() -> None:
    gate = Gate()
    sink = FileSink("test", gate, max_pictures=3, shows=True)
    sink.write_picture(PICTURE, 0, PictureState.FRESH)
    gate.entered.wait()
    for index in range(1, 6):
        sink.write_picture(PICTURE, index, PictureState.FRESH)
    for index in range(SINK_QUEUE_VOICE + 1):
        sink.write_voice(np.zeros(1, np.int16), 100 + index)
    assert (sink.dropped_pictures, sink.dropped_voice) == (2, 1)
    gate.go.set()
    sink.close()
    sink.close()
    assert gate.finished and gate.times == [0, 1, 2, 3, *range(100, 100 + SINK_QUEUE_VOICE)]


def test_a_recorder_that_fails_is_finished_and_says_so() -> None:
    gate = Gate(broken_from=1)
    gate.go.set()
    sink = FileSink("test", gate, max_pictures=3, shows=True)
    sink.write_picture(PICTURE, 0, PictureState.FRESH)
    with pytest.raises(SinkFailed, match="No space left"):
        for _ in range(10_000):
            sink.write_picture(PICTURE, 1, PictureState.FRESH)
            threading.Event().wait(0.001)
    with pytest.raises(SinkFailed):
        sink.close()
    assert gate.finished and gate.times == [0]
