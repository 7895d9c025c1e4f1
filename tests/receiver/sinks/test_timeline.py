"""receiver.sinks.timeline."""

import numpy as np

from receiver.sinks.timeline import FileTimeline, place_voice, tick_for
from shared.limits import SINK_MAX_GAP_MS


def test_the_first_item_is_the_origin_and_older_ones_are_before_it() -> None:
    timeline = FileTimeline()
    assert [timeline.file_ms(ms) for ms in (500, 540, 480)] == [0, 40, -20]


def test_a_gap_at_the_limit_is_kept_and_one_past_is_a_new_clock() -> None:
    timeline = FileTimeline()
    timeline.file_ms(0)
    assert timeline.file_ms(SINK_MAX_GAP_MS) == SINK_MAX_GAP_MS
    assert timeline.file_ms(2 * SINK_MAX_GAP_MS + 1) == SINK_MAX_GAP_MS + 40
    assert timeline.file_ms(2 * SINK_MAX_GAP_MS + 41) == SINK_MAX_GAP_MS + 80


def test_a_clock_that_wobbles_around_half_a_tick_skips_and_repeats_nothing() -> None:
    next_tick, ticks = 0, []
    for index in range(100):
        tick = tick_for(index * 40 + 20 + (-1) ** index * 3, next_tick)
        ticks.append(tick)
        next_tick = next_tick if tick is None else tick + 1
    assert ticks == list(range(100))


def test_voice_joins_or_is_spaced_or_is_cut() -> None:
    pcm = np.arange(1920, dtype=np.int16)
    assert place_voice(pcm, 25, 1200)[0] == 0
    assert place_voice(pcm, 125, 1200)[0] == 100 * 48
    silence, rest = place_voice(pcm, 0, 30 * 48)
    assert silence == 0 and rest[0] == 30 * 48
    assert len(place_voice(pcm, 0, 4000)[1]) == 0
