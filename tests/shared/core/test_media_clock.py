"""shared.core.media_clock: start, percentile, drift, cap, resynchronisation."""

import pytest

from shared.core.media_clock import ADAPT_EVERY_US, SLEW_US, MediaClock, TransitWindow
from shared.limits import (
    PLAYOUT_MARGIN_MS,
    PLAYOUT_MAX_DELAY_MS,
    PLAYOUT_RESYNC_MS,
    PLAYOUT_START_MS,
    PLAYOUT_WINDOW_ITEMS,
    PLAYOUT_WINDOW_MS,
)

TRANSIT_US = 5_000_000


def run(
    clock: MediaClock, start_ms: int, until_ms: int, jitter_ms: list[int], voice_plays: bool = False
) -> None:
    """Media every 40 ms, each later than TRANSIT_US by the next of `jitter_ms`."""
    for index, media_ms in enumerate(range(start_ms, until_ms, 40)):
        now_us = media_ms * 1000 + TRANSIT_US + jitter_ms[index % len(jitter_ms)] * 1000
        clock.arrived(media_ms, now_us, voice=False)
        clock.adapt(now_us, voice_plays)


def delay_ms(clock: MediaClock) -> float:
    assert clock.offset_us is not None
    return (clock.offset_us - TRANSIT_US) / 1000


def test_the_clock_starts_with_the_first_arrival() -> None:
    clock = MediaClock()
    assert clock.due_us(0) is None
    clock.arrived(1000, 6_000_000, voice=True)
    assert clock.due_us(1000) == 6_000_000 + PLAYOUT_START_MS * 1000


def test_without_jitter_the_delay_falls_to_the_margin() -> None:
    clock = MediaClock()
    run(clock, 0, 5000, [0])
    assert delay_ms(clock) == PLAYOUT_MARGIN_MS


def test_the_delay_covers_all_but_the_rarest() -> None:
    clock = MediaClock()
    run(clock, 0, 12_000, [0, 30, 10, 20, 50])
    assert delay_ms(clock) == 50 + PLAYOUT_MARGIN_MS
    clock = MediaClock()
    run(clock, 0, 12_000, [0] * 49 + [300])
    assert delay_ms(clock) < 50


def test_the_delay_shrinks_gently() -> None:
    clock = MediaClock()
    run(clock, 0, 4000, [0, 100])
    before = delay_ms(clock)
    run(clock, 4000, 14_200, [0])
    run(clock, 14_200, 15_200, [0])
    assert before - delay_ms(clock) <= 2 * SLEW_US / 1000 * (1_000_000 // ADAPT_EVERY_US)
    run(clock, 15_200, 30_000, [0])
    assert delay_ms(clock) == PLAYOUT_MARGIN_MS


def test_while_voice_plays_only_seams_move_the_clock() -> None:
    clock = MediaClock()
    run(clock, 0, 5000, [0, 200], voice_plays=True)
    assert delay_ms(clock) == PLAYOUT_START_MS
    assert clock.wanted_growth_ms == 200 + PLAYOUT_MARGIN_MS - PLAYOUT_START_MS
    clock.shift(clock.wanted_growth_ms)
    assert clock.wanted_growth_ms == 0


def test_the_delay_never_passes_its_cap() -> None:
    clock = MediaClock()
    run(clock, 0, 10_000, [0, 1000, 990])
    assert delay_ms(clock) == PLAYOUT_MAX_DELAY_MS
    clock = MediaClock()
    run(clock, 0, 3000, [0])
    late_ms = PLAYOUT_MAX_DELAY_MS - PLAYOUT_MARGIN_MS
    clock.late_voice(3000, 3_000_000 + TRANSIT_US + (late_ms + 1) * 1000)
    assert clock.wanted_growth_ms <= 0
    clock.late_voice(3000, 3_000_000 + TRANSIT_US + late_ms * 1000)
    assert clock.wanted_growth_ms > 900


def test_late_voice_is_remembered_for_a_window() -> None:
    clock = MediaClock()
    run(clock, 0, 3000, [0])
    clock.late_voice(3000, 3_000_000 + TRANSIT_US + 100_000)
    run(clock, 3000, 3000 + PLAYOUT_WINDOW_MS, [0])
    assert delay_ms(clock) >= 100
    run(clock, 3000 + PLAYOUT_WINDOW_MS, 30_000, [0])
    assert delay_ms(clock) == PLAYOUT_MARGIN_MS


@pytest.mark.parametrize("shift_ms", [1500, -60_000])
def test_a_new_clock_is_followed_after_a_second(shift_ms: int) -> None:
    clock = MediaClock()
    run(clock, 0, 3000, [0])
    run(clock, 3000, 3000 + PLAYOUT_RESYNC_MS, [shift_ms])
    assert clock.resyncs == 0
    run(clock, 3000 + PLAYOUT_RESYNC_MS, 4100, [shift_ms])
    assert clock.resyncs == 1
    assert delay_ms(clock) == pytest.approx(shift_ms + PLAYOUT_START_MS, abs=5)


def test_single_impossible_times_change_nothing() -> None:
    clock = MediaClock()
    run(clock, 0, 20_000, [0, 0, 0, 5000, 0, -60_000])
    assert clock.resyncs == 0
    assert delay_ms(clock) == PLAYOUT_MARGIN_MS


def test_the_window_forgets_by_age_and_by_number() -> None:
    window = TransitWindow()
    assert window.bounds() is None
    window.add(-500, 0)
    for index in range(PLAYOUT_WINDOW_ITEMS - 1):
        window.add(index, 0)
    assert window.bounds() == (-500, 485)
    window.add(7, 0)
    assert window.bounds() == (0, 485)
    window.add(9, PLAYOUT_WINDOW_MS * 1000 + 1)
    assert window.bounds() == (9, 9)
