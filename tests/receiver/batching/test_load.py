"""receiver.batching.load, in made-up time."""

import math

import pytest

from receiver.batching.load import LoadControl, LoadLevel, ReceiverFull, Wish
from shared.limits import (
    LOAD_ASK_SHARE,
    LOAD_RELEASE_BUSY,
    LOAD_RELEASE_WINDOWS,
    LOAD_SHED_SHARE,
    LOAD_SHED_WINDOWS,
    LOAD_WINDOW_MS,
    RENDER_CALLS_MAX,
)

WINDOW_US = LOAD_WINDOW_MS * 1000


class Network:
    """A load control and its clock."""

    def __init__(self, calls: int) -> None:
        self.control = LoadControl()
        for call_id in range(calls):
            self.control.open(call_id)
        self.now_us = 0
        self.control.judge(0)

    def window(self, made: int, shed: int, busy: float = 1.0) -> list[Wish]:
        self.control.made(made, round(busy * WINDOW_US))
        for _ in range(shed):
            self.control.shed()
        self.now_us += WINDOW_US
        return self.control.judge(self.now_us)

    def overloaded(self) -> list[Wish]:
        return [wish for _ in range(LOAD_SHED_WINDOWS) for wish in self.window(10, 10)]

    def until_full(self) -> None:
        while self.control.level is not LoadLevel.FULL:
            self.overloaded()


def test_as_much_loss_as_the_limit_is_no_overload_and_more_is() -> None:
    allowed = round(LOAD_SHED_SHARE * 100)
    for shed, level in ((allowed, LoadLevel.EASY), (allowed + 1, LoadLevel.SHEDDING)):
        network = Network(2)
        network.window(100 - shed, shed)
        assert network.control.level is level


def test_within_a_window_nothing_is_decided() -> None:
    network = Network(2)
    for _ in range(50):
        network.control.shed()
    assert network.control.judge(WINDOW_US - 1) == [] and network.control.level is LoadLevel.EASY
    network.control.judge(WINDOW_US)
    assert network.control.level is LoadLevel.SHEDDING


def test_a_quarter_of_the_calls_is_asked_for_less_when_overload_lasts_and_then_another() -> None:
    network, share = Network(10), math.ceil(10 * LOAD_ASK_SHARE)
    for _ in range(LOAD_SHED_WINDOWS - 1):
        assert network.window(10, 10) == []
    assert network.window(10, 10) == [Wish(call_id, True) for call_id in range(share)]
    assert network.control.level is LoadLevel.LOWERED and network.control.lowered(0)
    assert not network.control.lowered(share)
    assert network.overloaded() == [Wish(call_id, True) for call_id in range(share, 2 * share)]


def test_new_calls_are_refused_only_when_all_were_asked_and_it_did_not_help() -> None:
    network = Network(4)
    for left in (3, 2, 1, 0):
        assert len(network.overloaded()) == 1
        network.control.open(100 + left)
        network.control.close(100 + left)
    assert network.overloaded() == [] and network.control.level is LoadLevel.FULL
    with pytest.raises(ReceiverFull, match="another receiver"):
        network.control.open(200)


def test_a_full_receiver_takes_calls_again_when_pictures_are_no_longer_lost() -> None:
    network = Network(4)
    network.until_full()
    network.window(10, 0)
    assert network.control.level is LoadLevel.LOWERED
    network.control.open(9)


def test_a_call_that_leaves_makes_room_for_one() -> None:
    network = Network(4)
    network.until_full()
    network.control.close(2)
    network.control.open(9)
    for call_id in (0, 1, 3, 9):
        network.control.close(call_id)
    assert network.control.level is LoadLevel.EASY


def test_calls_are_released_one_by_one_in_the_order_they_were_asked_while_there_is_room() -> None:
    network = Network(4)
    network.overloaded()
    network.overloaded()
    wishes = [network.window(10, 0, LOAD_RELEASE_BUSY - 0.01) for _ in range(2 * LOAD_RELEASE_WINDOWS)]
    assert [wish for found in wishes for wish in found] == [Wish(0, False), Wish(1, False)]
    assert [len(found) for found in wishes].index(1) == LOAD_RELEASE_WINDOWS - 1
    assert network.control.level is LoadLevel.EASY and not network.control.lowered(0)


def test_a_network_as_busy_as_the_limit_releases_nobody() -> None:
    network = Network(4)
    network.overloaded()
    assert not any(network.window(10, 0, LOAD_RELEASE_BUSY) for _ in range(3 * LOAD_RELEASE_WINDOWS))
    assert network.control.lowered(0)


def test_a_call_that_is_alone_is_never_asked_for_less_nor_its_receiver_full() -> None:
    network = Network(1)
    assert [network.overloaded() for _ in range(5)] == [[]] * 5
    assert network.control.level is LoadLevel.SHEDDING and not network.control.lowered(0)
    network.control.open(1)


def test_as_many_calls_as_the_limit_are_taken_and_one_more_is_refused() -> None:
    network = Network(RENDER_CALLS_MAX)
    with pytest.raises(ReceiverFull, match=str(RENDER_CALLS_MAX)):
        network.control.open(RENDER_CALLS_MAX)
    network.control.close(0)
    network.control.open(RENDER_CALLS_MAX)
