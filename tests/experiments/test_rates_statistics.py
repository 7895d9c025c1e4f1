"""BD-rate, its interval and win rates, on curves made up so that the answer is known."""

import math

import pytest

from experiments.rates.statistics import CLIPS_MIN, Curve, bd_rate_over_clips, bd_rate_percent, win_rate

RATES = (6.0, 10.0, 20.0, 50.0)


def curve(factor: float = 1.0, offset: float = 0.0) -> Curve:
    """Quality grows with ln(rate); `factor` times the rate is needed for the same quality."""
    return Curve(tuple(rate * factor for rate in RATES), tuple(math.log(rate) + offset for rate in RATES))


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 1.25, 2.0])
def test_a_constant_factor_in_rate_is_the_bd_rate(factor: float) -> None:
    assert bd_rate_percent(curve(), curve(factor)) == pytest.approx(100 * (factor - 1), abs=1e-9)


def test_rates_between_which_the_curve_is_straight_do_not_matter() -> None:
    other = Curve((3.0, 9.0, 81.0), tuple(math.log(2 * rate) for rate in (3.0, 9.0, 81.0)))
    assert bd_rate_percent(curve(), other) == pytest.approx(-50, abs=1e-9)


def test_the_order_of_points_does_not_matter() -> None:
    turned = Curve(curve(0.7).kbps[::-1], curve(0.7).quality[::-1])
    assert bd_rate_percent(curve(), turned) == pytest.approx(-30)


def test_a_rate_that_makes_it_worse_is_left_out() -> None:
    worse = Curve((*RATES, 60.0), (*curve().quality, 0.1))
    assert bd_rate_percent(curve(), worse) == pytest.approx(0, abs=1e-9)


def test_curves_without_a_common_quality_have_no_bd_rate() -> None:
    assert bd_rate_percent(curve(), curve(offset=100)) is None
    assert bd_rate_percent(curve(), Curve((6.0, 10.0), (2.0, 2.0))) is None


@pytest.mark.parametrize(
    ("kbps", "quality"), [((1.0,), ()), ((0.0,), (1.0,)), ((math.inf,), (1.0,)), ((1.0,), (math.nan,))]
)
def test_a_curve_that_is_none_is_refused(kbps: tuple[float, ...], quality: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="curve"):
        Curve(kbps, quality)


def test_the_interval_holds_the_mean_and_is_the_same_for_the_same_seed() -> None:
    pairs = [(curve(), curve(factor)) for factor in (0.5, 0.56, 0.67, 0.83, 0.94)]
    found = bd_rate_over_clips(pairs, seed=1)
    assert found.percent == pytest.approx(-30)
    assert found.low is not None and found.high is not None
    assert -50 < found.low < -30 < found.high < -10
    assert found == bd_rate_over_clips(pairs, seed=1) != bd_rate_over_clips(pairs, seed=2)


def test_clips_that_are_alike_leave_no_width() -> None:
    found = bd_rate_over_clips([(curve(), curve(0.5))] * CLIPS_MIN)
    assert (found.low, found.high) == pytest.approx((-50, -50))


def test_too_few_clips_have_a_mean_and_no_interval() -> None:
    found = bd_rate_over_clips([(curve(), curve(0.5))] * (CLIPS_MIN - 1))
    assert found.percent == pytest.approx(-50)
    assert (found.low, found.high, found.clips) == (None, None, CLIPS_MIN - 1)


def test_clips_without_a_common_quality_are_counted_and_not_averaged() -> None:
    better, worse = (curve(), curve(offset=100)), (curve(), curve(offset=-100))
    found = bd_rate_over_clips([(curve(), curve(0.5)), better, better, worse, (curve(), Curve((), ()))])
    assert found.percent == pytest.approx(-50)
    assert (found.clips, found.left_out, found.above, found.below) == (1, 4, 2, 1)


def test_without_any_common_quality_there_is_no_mean() -> None:
    found = bd_rate_over_clips([(curve(), curve(offset=100))])
    assert (found.percent, found.low, found.high, found.clips, found.above) == (None, None, None, 0, 1)
    assert bd_rate_over_clips([]).percent is None


def test_single_points_of_the_same_quality_are_neither_above_nor_below() -> None:
    point = Curve((6.0,), (1.0,))
    found = bd_rate_over_clips([(point, Curve((9.0,), (1.0,)))])
    assert (found.left_out, found.above, found.below) == (1, 0, 0)


def test_wins_are_a_share_of_clips_and_a_draw_is_half() -> None:
    assert win_rate([3, 2, 1, 0], [1, 2, 3, 4], higher_is_better=True) == 0.375
    assert win_rate([3, 2, 1, 0], [1, 2, 3, 4], higher_is_better=False) == 0.625
    assert win_rate([], [], higher_is_better=True) is None
    with pytest.raises(ValueError, match="zip"):
        win_rate([1.0], [], higher_is_better=True)
