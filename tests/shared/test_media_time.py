"""shared.media_time: wrapping and unwrapping."""

from hypothesis import given
from hypothesis import strategies as st

from shared.limits import MEDIA_WRAP_MS
from shared.media_time import SEQ_WRAP, unwrap_ms, unwrap_seq, wrap_ms


@given(st.integers(0, 2**40), st.integers(-MEDIA_WRAP_MS // 2 + 1, MEDIA_WRAP_MS // 2 - 1))
def test_times_within_half_a_turn_come_back(near_ms: int, distance_ms: int) -> None:
    assert unwrap_ms(wrap_ms(near_ms + distance_ms), near_ms) == near_ms + distance_ms


@given(st.integers(0, 2**40), st.integers(-SEQ_WRAP // 2 + 1, SEQ_WRAP // 2 - 1))
def test_numbers_within_half_a_turn_come_back(near: int, distance: int) -> None:
    assert unwrap_seq((near + distance) % SEQ_WRAP, near) == near + distance


def test_the_first_time_stands_for_itself() -> None:
    assert unwrap_ms(MEDIA_WRAP_MS - 1, None) == MEDIA_WRAP_MS - 1
    assert unwrap_seq(SEQ_WRAP - 1, None) == SEQ_WRAP - 1
