"""receiver.sinks.live_sink."""

import threading
import time

import pytest

from receiver.sinks.base import PictureState, SinkFailed
from receiver.sinks.live_sink import LiveSink
from receiver.sinks.live_stage import LiveStage
from receiver.sinks.open import SinkSet
from shared.limits import LIVE_CLOSE_S
from tests.receiver.sinks.media import beep, flat


def test_what_is_written_is_on_the_stage_and_closing_ends_the_work() -> None:
    seen: list[int] = []

    def work(stage: LiveStage, stopped: threading.Event) -> None:
        for at_ms in stage.ticks(stopped, 10):
            seen.append(int(stage.picture_at(at_ms)[0, 0, 0]))

    sink = LiveSink("work", work)
    sink.write_picture(flat(9), 0, PictureState.FRESH)
    sink.write_voice(beep(20), 0)
    while 9 not in seen:
        time.sleep(0.01)
    sink.close()
    count = len(seen)
    time.sleep(0.03)
    assert len(seen) == count


@pytest.mark.parametrize("error", [SinkFailed("work: gone."), RuntimeError("a device says no")])
def test_a_failure_is_said_once_and_the_other_sinks_go_on(error: Exception) -> None:
    def work(stage: LiveStage, stopped: threading.Event) -> None:
        raise error

    sinks = SinkSet([broken := LiveSink("work", work), other := LiveSink("other", lambda _, stopped: None)])
    broken._thread.join()
    for _ in range(3):
        sinks.write_picture(flat(1), 0, PictureState.FRESH)
    sinks.close()
    assert len(sinks.failures) == 1 and sinks.failures[0].startswith("work: ")
    assert other._error is None


def test_work_that_hangs_is_left_behind_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LIVE_CLOSE_S == 3.0
    monkeypatch.setattr("receiver.sinks.live_sink.LIVE_CLOSE_S", 0.05)
    hung = threading.Event()
    sink = LiveSink("work", lambda *_: hung.wait() and None)
    started_s = time.monotonic()
    sink.close()
    assert time.monotonic() - started_s < 2.0
    hung.set()
