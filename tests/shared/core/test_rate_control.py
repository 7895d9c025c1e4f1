"""shared.core.delay_gradient and rate_control: synthetic delays in, verdicts and estimates out."""

import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.ack_history import Arrival
from shared.core.delay_gradient import DelayGradient, Usage
from shared.core.rate_control import (
    DECREASE,
    LOSS_FLOOR_KBPS,
    OVER_RECEIVED,
    RATE_MAX_KBPS,
    RATE_MIN_KBPS,
    START_KBPS,
    RateControl,
)

STEP_MS = 80
SIZE_BYTES = 185
"""18.5 kbit/s in bundles of 80 ms."""


def arrivals(
    transit_ms: Callable[[int], float], until_ms: int, start_ms: int = 0, step_ms: int = STEP_MS
) -> Iterator[Arrival]:
    """Bundles sent every step_ms whose transit is a function of the time. The receiver's clock is its own."""
    for sent_ms in range(start_ms, until_ms, step_ms):
        arrived_us = 10**10 + round((sent_ms + transit_ms(sent_ms)) / 4) * 4000
        yield Arrival(sent_ms // step_ms, sent_ms * 1000, arrived_us, SIZE_BYTES * step_ms // STEP_MS)


def usages(transit_ms: Callable[[int], float], until_ms: int = 6000, step_ms: int = STEP_MS) -> list[Usage]:
    gradient, seen = DelayGradient(), []
    for arrival in arrivals(transit_ms, until_ms, step_ms=step_ms):
        gradient.add(arrival)
        seen.append(gradient.usage)
    return seen


def link(kbps: float, size_bytes: int = SIZE_BYTES, step_ms: int = STEP_MS) -> Callable[[int], float]:
    """Transit over a link that carries less than is sent: the queue grows with time."""
    growth = max(0.0, size_bytes * 8 / step_ms / kbps - 1)
    return lambda sent_ms: 20 + growth * sent_ms


@pytest.mark.parametrize("step_ms", [40, 80, 160, 200])
def test_a_growing_delay_is_over_use_within_half_a_second(step_ms: int) -> None:
    seen = usages(lambda sent_ms: 20 + 0.3 * sent_ms, 3000, step_ms)
    assert seen.index(Usage.OVER) * step_ms <= max(500, 3 * step_ms)


@pytest.mark.parametrize("step_ms", [40, 80, 160, 200])
def test_a_steady_delay_is_not(step_ms: int) -> None:
    assert set(usages(lambda sent_ms: 35, step_ms=step_ms)) == {Usage.NORMAL}


@pytest.mark.parametrize("jitter_ms", [10, 20, 40])
def test_jitter_alone_is_not_over_use(jitter_ms: int) -> None:
    rng = random.Random(jitter_ms)
    seen = usages(lambda sent_ms: 20 + rng.uniform(0, jitter_ms), 60_000)
    assert seen.count(Usage.OVER) <= len(seen) // 100


def test_drift_of_the_clocks_is_not_over_use() -> None:
    assert set(usages(lambda sent_ms: 20 + sent_ms * 200e-6, 60_000)) == {Usage.NORMAL}


def test_a_shrinking_delay_is_under_use() -> None:
    assert Usage.UNDER in usages(lambda sent_ms: max(20.0, 400 - 0.3 * sent_ms))


def test_the_queue_is_measured_against_the_least_delay() -> None:
    gradient = DelayGradient()
    for arrival in arrivals(lambda sent_ms: 20 if sent_ms < 1000 else 170, 2000):
        gradient.add(arrival)
    assert gradient.queue_ms == pytest.approx(150, abs=4)
    for arrival in arrivals(lambda sent_ms: 170, 32_000, start_ms=2000):
        gradient.add(arrival)
    assert gradient.queue_ms == 0, "after half a minute that is what the path takes"


def test_another_clock_begins_anew() -> None:
    gradient = DelayGradient()
    for arrival in arrivals(lambda sent_ms: 20 if sent_ms < 1000 else 60_000, 3000):
        gradient.add(arrival)
    assert (gradient.usage, gradient.queue_ms) == (Usage.NORMAL, 0)


def fed(
    control: RateControl,
    transit_ms: Callable[[int], float],
    until_ms: int,
    start_ms: int = 0,
    loss: float = 0.0,
) -> RateControl:
    """Feedback every 480 ms, each of what arrived since the last."""
    waiting = list(arrivals(transit_ms, until_ms, start_ms))
    for place in range(0, len(waiting), 6):
        told = waiting[place : place + 6]
        control.feedback(told, loss, 40.0, told[-1].sent_us + 60_000)
    return control


def test_the_estimate_stands_at_half_more_than_what_arrives_while_nothing_speaks_against_it() -> None:
    state = fed(RateControl(), lambda sent_ms: 20, 5000).state
    assert state.received_kbps == pytest.approx(18.5, rel=0.02)
    assert state.estimate_kbps == pytest.approx(OVER_RECEIVED * 18.5, rel=0.02)
    assert not state.limited


def test_over_use_takes_the_estimate_below_what_the_link_carried() -> None:
    state = fed(RateControl(), link(15.0), 1500).state
    assert state.limited
    assert state.estimate_kbps == pytest.approx(DECREASE * 15.0, rel=0.15)


def test_the_estimate_grows_again_but_slowly() -> None:
    control = fed(RateControl(), link(15.0), 1500)
    low_kbps = control.state.estimate_kbps
    fed(control, lambda sent_ms: 395 if sent_ms < 2000 else 380, 6000, 1520)
    assert low_kbps + 3 <= control.state.estimate_kbps <= low_kbps + 12


def test_a_path_that_becomes_faster_is_believed_at_once() -> None:
    control = fed(RateControl(), link(15.0), 1500)
    fed(control, lambda sent_ms: 395, 2480, 1520)
    fed(control, lambda sent_ms: 20, 3440, 2480)
    assert not control.state.limited
    assert control.state.estimate_kbps == pytest.approx(OVER_RECEIVED * 18.5, rel=0.05)


def test_a_queue_that_drains_is_no_faster_path() -> None:
    control = fed(RateControl(), link(15.0), 1500)
    fed(control, lambda sent_ms: max(20.0, 395 - 0.3 * (sent_ms - 1500)), 4400, 1520)
    assert control.state.limited


def test_only_heavy_loss_bounds_the_estimate_and_never_below_its_floor() -> None:
    light = fed(RateControl(60.0), lambda sent_ms: 20, 10_000, loss=0.09)
    heavy = fed(RateControl(60.0), lambda sent_ms: 20, 20_000, loss=0.2)
    assert light.state.estimate_kbps == 60.0
    assert heavy.state.estimate_kbps == LOSS_FLOOR_KBPS
    fed(heavy, lambda sent_ms: 20, 50_000, 20_000, loss=0.0)
    assert heavy.state.estimate_kbps == 60.0


def test_over_use_of_what_was_sent_before_a_reduction_counts_once() -> None:
    control = fed(RateControl(), link(15.0), 1040)
    before_kbps = control.state.estimate_kbps
    late = [Arrival(a.number, a.sent_us, a.arrived_us, 20) for a in arrivals(link(15.0), 1040 + 400, 1040)]
    control.reduced(late[-1].sent_us + 1)
    control.feedback(late, 0.0, 40.0, late[-1].sent_us + 60_000)
    assert control.state.estimate_kbps == before_kbps


def test_before_any_feedback_the_default_call_is_assumed() -> None:
    assert RateControl().state.estimate_kbps == START_KBPS


@given(
    st.lists(
        st.tuples(
            st.integers(-(10**6), 10**6), st.integers(0, 2**40), st.integers(0, 20_000), st.floats(0, 1)
        ),
        max_size=60,
    )
)
def test_a_peer_that_lies_moves_the_estimate_within_its_bounds(
    lies: list[tuple[int, int, int, float]],
) -> None:
    control = RateControl()
    for number, (gap_us, arrived_us, size_bytes, loss) in enumerate(lies):
        now_us = number * 100_000
        arrival = Arrival(number, max(0, now_us + gap_us), arrived_us, size_bytes)
        control.feedback([arrival], loss, 40.0, now_us)
        assert RATE_MIN_KBPS <= control.state.estimate_kbps <= RATE_MAX_KBPS
