"""sender.sources.whip_clock."""

import pytest

from sender.sources.whip_clock import PublisherClock, nearest_ticks

VIDEO_WALL_MS, AUDIO_WALL_MS = 1_000_000.0, 1_000_020.0
"""What the publisher's clock said at time 0 of each stream: its sound began 20 ms later."""


def test_without_reports_each_stream_is_placed_by_its_arrival() -> None:
    clock = PublisherClock()
    assert clock.media_ms("video", 0, now_ms=500) == 500
    assert clock.media_ms("audio", 0, now_ms=600) == 600
    assert clock.media_ms("video", 40, now_ms=540) == 540


def test_network_jitter_is_not_followed_and_an_earlier_arrival_is() -> None:
    clock = PublisherClock()
    clock.media_ms("video", 0, now_ms=500)
    assert clock.media_ms("video", 40, now_ms=590) == pytest.approx(540, abs=0.1), "50 ms late"
    assert clock.media_ms("video", 80, now_ms=560) == 560, "nothing is later than now"
    assert clock.media_ms("video", 120, now_ms=620) == pytest.approx(600, abs=0.1)


def test_with_reports_the_publishers_own_clock_keeps_the_streams_together() -> None:
    """Voice is decoded 100 ms after it was said, a picture 10 ms after it was seen."""
    clock = PublisherClock()
    clock.report("video", 0, VIDEO_WALL_MS)
    assert clock.media_ms("audio", 0, now_ms=620) == 620
    clock.report("audio", 0, AUDIO_WALL_MS)
    for number in range(1, 50):
        at_ms = number * 40
        picture_ms = clock.media_ms("video", at_ms, now_ms=500 + at_ms + 10)
        voice_ms = clock.media_ms("audio", at_ms, now_ms=500 + at_ms + 20 + 100)
        assert picture_ms == pytest.approx(510 + at_ms, abs=1)
        assert voice_ms == pytest.approx(picture_ms + 20, abs=1)


def test_a_publisher_whose_clock_is_slow_is_followed() -> None:
    clock = PublisherClock()
    behind = [now_ms - clock.media_ms("video", now_ms * 0.9995, now_ms) for now_ms in range(0, 600_000, 40)]
    assert 0 <= max(behind) < 25, "in ten minutes it fell behind by 300 ms, of which this is left"


@pytest.mark.parametrize(
    ("rtp", "origin", "near", "ticks"),
    [
        (1_000, 400, 0, 600),
        (100, 2**32 - 50, 0, 150),
        (400, 1_000, 0, -600),
        (5, 0, 2**32 + 10, 2**32 + 5),
        (2**32 - 5, 0, 2**32 + 10, 2**32 - 5),
        (100, -(2**32) + 50, 2**32, 2**32 + 50),
    ],
)
def test_rtp_times_wrap(rtp: int, origin: int, near: int, ticks: int) -> None:
    assert nearest_ticks(rtp, origin, near) == ticks
