"""Each impairment does what it says, and always the same for the same seed."""

import random
from collections.abc import Callable
from itertools import islice

import pytest

from shared.transport.impairments import (
    Blackout,
    GilbertElliott,
    Impairment,
    LossPattern,
    NoLoss,
    PatternLoss,
    RandomLoss,
    RateStep,
)
from shared.transport.link_model import LinkModel

EVERY = Impairment(
    loss=GilbertElliott(0.05, 0.3),
    delay_ms=40,
    jitter_ms=30,
    rate=(RateStep(0, 100), RateStep(3000, 15)),
    reorder_probability=0.1,
    reorder_ms=25,
    duplicate_probability=0.1,
    blackouts=(Blackout(5000, 500),),
)


def offer(
    impairment: Impairment, count: int = 200, gap_us: int = 40_000, seed: int = 1
) -> list[tuple[int, ...]]:
    model = LinkModel(impairment, seed)
    return [model.offer(i * gap_us, 150) for i in range(count)]


def share_lost(loss: LossPattern, count: int = 20_000) -> float:
    return sum(islice(loss.losses(random.Random(3)), count)) / count


def test_the_same_seed_gives_the_same_fate_of_every_packet() -> None:
    assert offer(EVERY) == offer(EVERY)
    assert offer(EVERY) != offer(EVERY, seed=2)


def test_an_unimpaired_link_delivers_at_once_and_once() -> None:
    assert offer(Impairment(), 3) == [(0,), (40_000,), (80_000,)]


def test_random_loss_loses_its_share() -> None:
    assert share_lost(NoLoss()) == 0
    assert share_lost(RandomLoss(0.2)) == pytest.approx(0.2, abs=0.01)


def test_gilbert_elliott_has_its_share_and_its_mean_burst() -> None:
    pattern = GilbertElliott(good_to_bad=0.02, bad_to_good=0.2)
    assert share_lost(pattern) == pytest.approx(0.02 / 0.22, abs=0.01)
    fates = "".join("x" if lost else "." for lost in islice(pattern.losses(random.Random(3)), 20_000))
    bursts = [len(burst) for burst in fates.split(".") if burst]
    assert sum(bursts) / len(bursts) == pytest.approx(5, abs=0.5)


def test_a_pattern_loses_exactly_its_packets() -> None:
    once = PatternLoss((True, False, True))
    assert list(islice(once.losses(random.Random()), 6)) == [True, False, True, False, False, False]
    again = PatternLoss((True, False), repeat=True)
    assert list(islice(again.losses(random.Random()), 4)) == [True, False, True, False]


def test_delay_and_jitter_stay_in_their_range_and_keep_the_order() -> None:
    arrivals = [times[0] for times in offer(Impairment(delay_ms=40, jitter_ms=100), gap_us=10_000)]
    delays = [arrival - i * 10_000 for i, arrival in enumerate(arrivals)]
    assert min(delays) >= 40_000
    assert max(delays) <= 140_000
    assert max(delays) - min(delays) > 50_000
    assert arrivals == sorted(arrivals)


def test_reordering_lets_later_packets_pass() -> None:
    impairment = Impairment(delay_ms=10, reorder_probability=0.2, reorder_ms=60)
    arrivals = [times[0] for times in offer(impairment)]
    late = [i for i, arrival in enumerate(arrivals) if arrival - i * 40_000 == 70_000]
    assert len(late) == pytest.approx(40, abs=15)
    assert all(arrivals[i] > arrivals[i + 1] for i in late if i + 1 < len(arrivals) and i + 1 not in late)


def test_duplication_delivers_twice() -> None:
    twice = [times for times in offer(Impairment(duplicate_probability=0.25)) if len(times) == 2]
    assert len(twice) == pytest.approx(50, abs=15)


def test_the_rate_spaces_packets_and_follows_its_steps() -> None:
    model = LinkModel(Impairment(rate=(RateStep(0, 120), RateStep(1000, 12))), 1)
    assert [model.offer(0, 150)[0], model.offer(0, 150)[0]] == [10_000, 20_000]
    assert model.offer(1_000_000, 150) == (1_100_000,)


def test_before_its_first_step_a_rate_is_unlimited() -> None:
    model = LinkModel(Impairment(rate=(RateStep(1000, 12),)), 1)
    assert model.offer(999_000, 150) == (999_000,)


@pytest.mark.parametrize(("queue_bytes", "carried"), [(450, 3), (449, 2)])
def test_a_full_queue_drops_what_does_not_fit(queue_bytes: int, carried: int) -> None:
    model = LinkModel(Impairment(rate=(RateStep(0, 12),), queue_bytes=queue_bytes), 1)
    assert sum(bool(model.offer(0, 150)) for _ in range(5)) == carried


def test_a_queue_empties_as_packets_leave() -> None:
    model = LinkModel(Impairment(rate=(RateStep(0, 12),), queue_bytes=150), 1)
    assert model.offer(0, 150) == (100_000,)
    assert model.offer(99_999, 150) == ()
    assert model.offer(100_000, 150) == (200_000,)


def test_a_blackout_loses_everything_from_its_start_to_before_its_end() -> None:
    model = LinkModel(Impairment(blackouts=(Blackout(100, 50),)), 1, start_us=1_000_000)
    arrived = [bool(model.offer(1_000_000 + ms * 1000, 10)) for ms in (99, 100, 149, 150)]
    assert arrived == [True, False, False, True]


@pytest.mark.parametrize(
    "make",
    [
        lambda: RandomLoss(1.1),
        lambda: GilbertElliott(-0.1, 0.5),
        lambda: RateStep(0, 0),
        lambda: Impairment(delay_ms=-1),
        lambda: Impairment(duplicate_probability=2),
        lambda: Impairment(rate=(RateStep(5, 1), RateStep(0, 1))),
    ],
)
def test_impossible_numbers_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        make()


def test_the_wait_in_the_queue_is_told_and_a_lost_packet_has_none() -> None:
    model = LinkModel(Impairment(rate=(RateStep(0, 100),), queue_bytes=1000, delay_ms=40), 1)
    waits_us = []
    for _ in range(4):
        model.offer(0, 500)  # 40 ms each
        waits_us.append(model.wait_us)
    assert waits_us == [0, 40_000, None, None]
    assert LinkModel(Impairment(), 1).wait_us is None
