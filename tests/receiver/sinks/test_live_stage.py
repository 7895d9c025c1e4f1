"""receiver.sinks.live_stage, in virtual time."""

import threading

import numpy as np

from receiver.disclosure import mark, waiting_picture
from receiver.sinks.live_stage import LiveStage, next_tick
from shared.limits import LIVE_DELAY_MS, LIVE_PICTURES, LIVE_VOICE_MS
from tests.receiver.sinks.media import beep, flat


class Stage(LiveStage):
    """A stage whose clock is moved by hand."""

    def __init__(self) -> None:
        self.clock_ms = 5_000
        super().__init__(lambda: self.clock_ms * 1000)

    def at(self, ms: int) -> "Stage":
        self.clock_ms = 5_000 + ms
        return self


def test_before_the_first_picture_there_is_a_marked_card() -> None:
    assert np.array_equal(Stage().picture_at(0), mark(waiting_picture(256)))


def test_pictures_come_out_after_the_delay_the_newest_wins_and_the_last_stays() -> None:
    stage = Stage()
    stage.at(0).put_picture(flat(1))
    stage.at(10).put_picture(flat(2))
    stage.at(40).put_picture(flat(3))
    levels = [int(stage.picture_at(ms + LIVE_DELAY_MS)[0, 0, 0]) for ms in (0, 9, 10, 39, 40, 9_000)]
    assert levels == [1, 1, 2, 2, 3, 3]


def test_a_picture_and_the_voice_put_with_it_are_due_together() -> None:
    stage = Stage().at(500)
    stage.put_picture(flat(250))
    stage.put_voice(beep(40))
    due_ms = 500 + LIVE_DELAY_MS
    before, then = stage.picture_at(due_ms - 1), stage.picture_at(due_ms)
    assert before[0, 0, 0] != 250 and then[0, 0, 0] == 250
    assert not stage.voice_at(due_ms - 20, 20).any()
    assert np.array_equal(stage.voice_at(due_ms, 40), beep(40))


def test_voice_that_comes_unevenly_has_no_holes() -> None:
    stage = Stage()
    for number, late_ms in enumerate((0, 35, 10, 40, 0)):
        stage.at(number * 60 + late_ms).put_voice(np.full(60 * 48, 7, np.int16))
    assert (stage.voice_at(LIVE_DELAY_MS, 300) == 7).all()


def test_what_waits_is_bounded() -> None:
    stage = Stage()
    for number in range(LIVE_PICTURES + 1):
        stage.put_picture(flat(number))
    assert len(stage._coming) == LIVE_PICTURES and stage._coming[0][1][0, 0, 0] == 1
    stage.put_voice(np.full(LIVE_VOICE_MS * 48, 5, np.int16))
    assert stage.voice_at(LIVE_DELAY_MS, 1).all()
    stage.at(LIVE_VOICE_MS).put_voice(np.full(48, 5, np.int16))
    assert (
        not stage.voice_at(LIVE_DELAY_MS, 1).any() and stage.voice_at(LIVE_DELAY_MS + 1, LIVE_VOICE_MS).all()
    )


def test_a_reader_that_is_late_leaves_ticks_out() -> None:
    assert next_tick(None, 85, 40) == 120
    assert [next_tick(120, now_ms, 40) for now_ms in (120, 159, 199, 200, 1_000)] == [
        160,
        160,
        160,
        200,
        1_000,
    ]


def test_ticks_end_when_they_are_stopped() -> None:
    stage, stopped = LiveStage(), threading.Event()
    ticks = stage.ticks(stopped, 10)
    first, second = next(ticks), next(ticks)
    stopped.set()
    assert second >= first + 10 and list(ticks) == []
