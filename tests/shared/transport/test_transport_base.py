"""The wire counter: what it adds, what it keeps apart, what it remembers."""

import threading

import pytest

from shared.limits import WIRE_HISTORY_S
from shared.transport.base import WireCounter, WireSecond, WireSnapshot


class Clock:
    def __init__(self) -> None:
        self.now_us = 0

    def __call__(self) -> int:
        return self.now_us


def test_each_packet_costs_28_bytes_more_than_its_payload() -> None:
    counter = WireCounter(Clock())
    counter.mark_open()
    counter.add_forward(100)
    counter.add_reverse(0)
    assert counter.snapshot() == WireSnapshot(128, 1, 28, 1, 0, 0, open_us=0, taken_us=0)


def test_set_up_is_kept_apart_until_the_channels_are_open() -> None:
    counter = WireCounter(Clock())
    counter.add_forward(10)
    counter.add_reverse(20)
    counter.mark_open()
    counter.add_forward(1)
    counter.mark_open()
    snapshot = counter.snapshot()
    assert (snapshot.setup_bytes, snapshot.setup_packets) == (86, 2)
    assert (snapshot.forward_bytes, snapshot.reverse_bytes, snapshot.total_bytes) == (29, 0, 115)


def test_a_packet_that_the_kernel_refused_is_taken_back() -> None:
    counter = WireCounter(Clock())
    counter.mark_open()
    counter.add_forward(100)
    counter.add_forward(-100, -1)
    assert (counter.snapshot().forward_bytes, counter.snapshot().forward_packets) == (0, 0)


def test_rates_are_means_since_the_end_of_set_up_or_since_a_snapshot() -> None:
    clock = Clock()
    counter = WireCounter(clock)
    clock.now_us = 5_000_000
    counter.mark_open()
    counter.add_forward(972)
    clock.now_us = 6_000_000
    before = counter.snapshot()
    counter.add_reverse(972)
    clock.now_us = 8_000_000
    assert before.rates_kbps() == (8.0, 0.0)
    assert counter.snapshot().rates_kbps(before) == (0.0, 4.0)


def test_the_history_has_one_entry_for_each_second_with_traffic() -> None:
    clock = Clock()
    counter = WireCounter(clock)
    counter.add_forward(2)
    counter.add_reverse(12)
    clock.now_us = 2_500_000
    counter.add_forward(2)
    assert counter.history() == (WireSecond(0, 30, 40), WireSecond(2, 30, 0))


@pytest.mark.parametrize(("seconds", "oldest"), [(WIRE_HISTORY_S, 0), (WIRE_HISTORY_S + 1, 1)])
def test_the_history_forgets_the_oldest_second_past_its_limit(seconds: int, oldest: int) -> None:
    clock = Clock()
    counter = WireCounter(clock)
    for second in range(seconds):
        clock.now_us = second * 1_000_000
        counter.add_forward(1)
    assert counter.history()[0].second == oldest
    assert len(counter.history()) == WIRE_HISTORY_S


def test_threads_lose_no_packet() -> None:
    counter = WireCounter()
    counter.mark_open()

    def add() -> None:
        for _ in range(2000):
            counter.add_forward(1)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.snapshot().forward_packets == 8000
    assert sum(second.forward_bytes for second in counter.history()) == 8000 * 29


@pytest.mark.parametrize(("more_bytes", "expected"), [(1500, True), (1501, False)])
def test_a_rate_is_kept_up_to_its_last_byte(more_bytes: int, expected: bool) -> None:
    wire = WireSnapshot(forward_bytes=1000, open_us=3_000_000, taken_us=4_000_000)
    assert wire.keeps_within(20.0, more_bytes) is expected


def test_before_set_up_has_ended_there_is_no_room() -> None:
    assert not WireSnapshot(taken_us=4_000_000).keeps_within(20.0, 1)
