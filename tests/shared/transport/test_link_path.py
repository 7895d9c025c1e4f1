"""A recorded link: rate, delay and loss that change, also while a packet is on its way out."""

import pytest

from shared.transport.impairments import Impairment, PathStep, RateStep
from shared.transport.link_model import LinkModel


def model(*steps: PathStep, queue_bytes: int = 32_000, start_us: int = 0) -> LinkModel:
    return LinkModel(Impairment(path=steps, queue_bytes=queue_bytes), 1, start_us)


def test_a_path_without_limits_delays_by_its_step() -> None:
    link = model(PathStep(0, None, 30), PathStep(1000, None, 80))
    assert link.offer(0, 100) == (30_000,)
    assert link.offer(1_000_000, 100) == (1_080_000,)


def test_before_its_first_step_a_path_does_nothing() -> None:
    link = model(PathStep(500, 8, 100, 1.0))
    assert link.offer(0, 100) == (0,)
    assert link.offer(500_000, 100) == ()


def test_a_packet_is_served_at_every_rate_that_it_meets() -> None:
    link = model(PathStep(0, 8), PathStep(100, 80))
    # 100 ms at 8 kbit/s carry 800 of its 1600 bits, the rest takes 10 ms at 80.
    assert link.offer(0, 200) == (110_000,)
    assert link.offer(0, 1000) == (210_000,)
    assert link.wait_us == 110_000


def test_packets_wait_while_nothing_leaves() -> None:
    link = model(PathStep(0, 0), PathStep(200, 8))
    assert link.offer(0, 10) == (210_000,)
    assert link.offer(50_000, 10) == (220_000,)
    assert link.wait_us == 160_000


def test_a_queue_that_is_full_loses_what_comes_last() -> None:
    link = model(PathStep(0, 0), PathStep(1000, 8), queue_bytes=150)
    assert [len(link.offer(i, 100)) for i in range(3)] == [1, 0, 0]


def test_what_can_never_leave_is_lost() -> None:
    link = model(PathStep(0, 0, 20))
    assert link.offer(0, 100) == ()
    assert link.wait_us is None


def test_losses_follow_the_step_at_which_a_packet_leaves() -> None:
    link = model(PathStep(0, None, 0, 0.5), PathStep(100_000, None, 0, 0.0))
    early = sum(not link.offer(i * 1000, 100) for i in range(1000))
    late = sum(not link.offer(200_000_000 + i * 1000, 100) for i in range(1000))
    assert 430 < early < 570
    assert late == 0


def test_times_count_from_the_start_of_the_link() -> None:
    link = model(PathStep(0, None, 10), PathStep(100, None, 20), start_us=5_000_000)
    assert link.offer(5_000_000, 100) == (5_010_000,)
    assert link.offer(5_100_000, 100) == (5_120_000,)


def test_a_path_keeps_the_order_when_its_delay_falls() -> None:
    link = model(PathStep(0, None, 200), PathStep(100, None, 10))
    assert link.offer(0, 100) == (200_000,)
    assert link.offer(100_000, 100) == (200_000,)


def test_a_path_without_end_goes_on_with_its_last_step() -> None:
    assert model(PathStep(0, 8)).offer(3_600_000_000, 100) == (3_600_100_000,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PathStep(0, -1), "not negative"),
        (lambda: PathStep(0, 1, -1), "not negative"),
        (lambda: PathStep(0, 1, 0, 1.1), "0..1"),
        (lambda: Impairment(path=(PathStep(5), PathStep(1))), "order"),
        (lambda: Impairment(path=(PathStep(0),), rate=(RateStep(0, 1),)), "not both"),
    ],
)
def test_what_is_no_path_is_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=message):
        make()
