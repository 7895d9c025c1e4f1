from receiver.player import smoothed_lag_us
from shared.limits import VOICE_LAG_MAX_MS


def settled(late_us: int) -> int:
    lag_us = 0
    for _ in range(200):
        lag_us = smoothed_lag_us(lag_us, late_us)
    return lag_us


def test_the_voice_waits_as_long_as_pictures_take() -> None:
    assert abs(settled(20_000) - 20_000) < 10


def test_the_wait_ends_at_its_limit() -> None:
    limit_us = VOICE_LAG_MAX_MS * 1000
    assert settled(limit_us) == settled(limit_us + 1) == settled(10 * limit_us) <= limit_us
    assert settled(limit_us) > limit_us - 10


def test_a_picture_before_its_time_does_not_hurry_the_voice() -> None:
    assert settled(-5_000) == 0
