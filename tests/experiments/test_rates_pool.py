"""The same function in processes and by Ray; processes that die."""

import os
import signal
import time
from importlib.util import find_spec

import pytest

from experiments.rates.pool import DIED, ONE_THREAD, run_tasks
from shared.errors import UserError


def double(number: int) -> tuple[int, dict[str, str | None]]:
    return 2 * number, {name: os.environ.get(name) for name in ONE_THREAD}


def die_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return number


def refuse(number: int) -> int:
    raise UserError(f"not {number}")


def test_every_task_is_done_once_with_one_thread() -> None:
    ticks: list[None] = []
    done = dict(run_tasks(double, [1, 2, 3], 2, tick=lambda: ticks.append(None)))
    assert done == {n: (2 * n, dict(ONE_THREAD)) for n in (1, 2, 3)}
    assert ticks


def test_a_process_that_dies_costs_its_own_task_only() -> None:
    assert dict(run_tasks(die_at_three, [1, 2, 3, 4, 5], 2)) == {1: 1, 2: 2, 3: DIED, 4: 4, 5: 5}


def test_what_the_function_raises_is_raised() -> None:
    with pytest.raises(UserError, match="not 1"):
        list(run_tasks(refuse, [1], 1))


def test_nothing_to_do_starts_nothing() -> None:
    assert list(run_tasks(double, [], 1, ray="nowhere:1")) == []


def test_without_ray_the_package_is_named() -> None:
    if find_spec("ray") is not None:
        pytest.skip("the package ray is installed here")
    with pytest.raises(UserError, match=r"pip install 'facewire\[ray\]'"):
        list(run_tasks(double, [1], 1, ray="local"))


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.filterwarnings("default")
def test_a_local_ray_does_the_same() -> None:
    if find_spec("ray") is None:
        pytest.skip("the package ray is not installed here: pip install 'facewire[ray]'")
    assert dict(run_tasks(double, [1, 2, 3], 2, ray="local")) == dict(run_tasks(double, [1, 2, 3], 2))
    with pytest.raises(UserError, match="not 1"):
        list(run_tasks(refuse, [1], 1, ray="local"))
