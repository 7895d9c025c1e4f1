"""models.runtime.cards."""

import ctypes
from collections.abc import Iterator
from typing import Any

import pytest

from models.runtime import cards
from models.runtime.cards import nvidia_cards


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    nvidia_cards.cache_clear()
    yield
    nvidia_cards.cache_clear()


class Driver:
    """As libcuda answers: two cards, the second will not say its name."""

    def __init__(self, status: int = 0) -> None:
        self.status = status

    def cuInit(self, flags: int) -> int:
        return self.status

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = 2
        return 0

    def cuDeviceGet(self, device: Any, place: int) -> int:
        device._obj.value = place
        return 0

    def cuDeviceGetName(self, name: Any, size: int, device: Any) -> int:
        name.value = b"NVIDIA H200"
        return int(device.value)


@pytest.mark.parametrize(
    ("status", "expected"), [(0, ("NVIDIA H200", "NVIDIA GPU")), (100, ())], ids=["cards", "no device"]
)
def test_the_driver_is_asked_for_names(
    status: int, expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver(status))
    assert nvidia_cards() == expected


def test_without_a_driver_there_are_no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "_DRIVER", "libno_such_driver.so.1")
    assert nvidia_cards() == ()
