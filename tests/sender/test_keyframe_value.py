"""sender.keyframe_value: two bad judgements, pauses, and less patience for keyframes that do not help."""

from sender.keyframe_value import ERROR_HIGH, HELPED_SHARE, PAUSE_MAX_MS, PAUSE_MS, TIMES_HIGH, KeyframeValue


def spoilt(value: KeyframeValue, keyframe_id: int, error: float = 2 * ERROR_HIGH) -> None:
    for _ in range(TIMES_HIGH):
        value.judged(keyframe_id, error)


def test_nothing_is_wanted_before_anything_was_judged() -> None:
    assert not KeyframeValue().wants(10_000)


def test_an_error_just_below_the_threshold_is_worth_nothing_and_one_at_it_is_after_the_last_time() -> None:
    value = KeyframeValue()
    spoilt(value, 1, ERROR_HIGH - 1e-6)
    assert not value.wants(10_000)
    for time in range(TIMES_HIGH):
        assert not value.wants(10_000), time
        value.judged(1, ERROR_HIGH)
    assert value.wants(10_000)


def test_a_good_moment_between_starts_the_count_anew() -> None:
    value = KeyframeValue()
    for error in (ERROR_HIGH, 0.0) * TIMES_HIGH:
        value.judged(1, error)
    assert not value.wants(10_000)


def test_keyframes_keep_their_distance() -> None:
    value = KeyframeValue()
    spoilt(value, 1)
    value.taken(10_000)
    spoilt(value, 1)
    assert not value.wants(10_000 + PAUSE_MS - 1)
    assert value.wants(10_000 + PAUSE_MS)


def pause_after(errors: list[float]) -> int:
    """Distance that is kept after keyframes that each left this error behind; every one was asked for at 2 * ERROR_HIGH."""
    value, now_ms = KeyframeValue(), 0
    for keyframe_id, error in enumerate(errors):
        spoilt(value, keyframe_id)
        value.taken(now_ms)
        value.judged(keyframe_id + 1, error)
    spoilt(value, len(errors))
    return next(ms for ms in range(0, 2 * PAUSE_MAX_MS, 500) if value.wants(now_ms + ms))


def test_the_pause_doubles_up_to_a_limit_while_keyframes_help_little() -> None:
    useless = 2 * ERROR_HIGH * HELPED_SHARE
    assert [pause_after([useless] * count) for count in range(1, 6)] == [
        2 * PAUSE_MS,
        4 * PAUSE_MS,
        8 * PAUSE_MS,
        PAUSE_MAX_MS,
        PAUSE_MAX_MS,
    ]


def test_a_keyframe_that_helped_ends_the_caution() -> None:
    useless, useful = 2 * ERROR_HIGH * HELPED_SHARE, 2 * ERROR_HIGH * HELPED_SHARE - 0.01
    assert pause_after([useless, useless, useful]) == PAUSE_MS


def test_a_keyframe_made_for_another_reason_says_nothing_about_their_value() -> None:
    value = KeyframeValue()
    value.judged(1, 0.01)
    value.taken(0)
    value.judged(2, 0.01)
    spoilt(value, 2)
    assert value.wants(PAUSE_MS)
