"""receiver.unit_order: only what follows on what was handed out, or stands alone."""

from hypothesis import given
from hypothesis import strategies as st

from receiver.unit_order import UnitOrder
from shared.frames import VideoKind, VideoUnit
from shared.limits import VIDEO_REORDER_UNITS


def unit(number: int, intra: bool = False) -> VideoUnit:
    return VideoUnit(VideoKind.VIDEO, number % 256, number * 40, intra, 64, b"x")


def numbers(units: list[VideoUnit]) -> list[int]:
    return [one.media_ms // 40 for one in units]


def test_units_in_order_come_out_at_once_and_their_numbers_wrap() -> None:
    order = UnitOrder()
    assert order.broken
    assert numbers(order.take(unit(254, intra=True))) == [254]
    assert [numbers(order.take(unit(n))) for n in (255, 256, 257)] == [[255], [256], [257]]
    assert not order.broken


def test_before_the_first_that_stands_alone_nothing_comes_out() -> None:
    order = UnitOrder()
    assert order.take(unit(1)) == [] and order.broken


def test_a_unit_that_was_overtaken_lets_those_that_waited_go() -> None:
    order = UnitOrder()
    order.take(unit(0, intra=True))
    for number in range(2, 2 + VIDEO_REORDER_UNITS):
        assert order.take(unit(number)) == [] and not order.broken
    assert numbers(order.take(unit(1))) == list(range(1, 2 + VIDEO_REORDER_UNITS))


def test_one_more_than_may_wait_gives_up_until_one_stands_alone() -> None:
    order = UnitOrder()
    order.take(unit(0, intra=True))
    for number in range(2, 3 + VIDEO_REORDER_UNITS):
        assert order.take(unit(number)) == []
    assert order.broken
    assert order.take(unit(1)) == []
    assert numbers(order.take(unit(20, intra=True))) == [20] and not order.broken


def test_a_unit_that_stands_alone_passes_over_a_gap_and_takes_what_follows() -> None:
    order = UnitOrder()
    order.take(unit(0, intra=True))
    order.take(unit(3))
    assert numbers(order.take(unit(2, intra=True))) == [2, 3]
    assert order.take(unit(1)) == [] and order.take(unit(1, intra=True)) == []


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=60))
def test_whatever_comes_every_unit_follows_on_the_one_before_or_stands_alone(
    given_units: list[tuple[int, bool]],
) -> None:
    order, before = UnitOrder(), None
    for number, intra in given_units:
        for out in order.take(unit(number, intra)):
            assert out.intra or (before is not None and out.media_ms == before + 40)
            before = out.media_ms
        assert len(order._waiting) <= VIDEO_REORDER_UNITS
