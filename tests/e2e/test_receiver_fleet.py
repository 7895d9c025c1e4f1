"""`python -m receiver fleet` on a real Ray cluster of this machine: members in the pool, one that dies comes back."""

import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from experiments.demo.processes import Child, Children, Report
from tests.e2e.programs import START_S
from tests.e2e.service_processes import Viewer
from tests.e2e.signaling_with_pool import SignalingWithPool, signaling_with_pool
from tests.e2e.test_receiver_service import ROOMS, likeness, talk
from tests.shared.transport.whip_client import until

RAY_S = 60.0
"""Until Ray and two members run, on two busy cores."""
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("ray") is None, reason="the package ray is not installed: pip install 'facewire[ray]'"
    ),
]


@pytest.fixture
async def signaling(tmp_path: Path) -> AsyncIterator[SignalingWithPool]:
    async with signaling_with_pool(tmp_path) as made:
        (tmp_path / "pool.token").write_text(made.pool_token())
        yield made


def _start_fleet(
    children: Children, signaling: SignalingWithPool, folder: Path, reports: list[Report], *more: str
) -> Child:
    arguments = ["receiver", "fleet", "--ray", "local", "--workers", "2", "--pool", f"{signaling.base}/pool"]
    arguments += [
        "--pool-token-file",
        str(folder / "pool.token"),
        "--backend",
        "mesh-warp",
        "--watch",
        "{host}:0",
    ]
    return children.start(
        "receiver", [*arguments, "--calls", "2", "--drain-seconds", "0", *more], reports.append
    )


def _members() -> list[psutil.Process]:
    """Ray's processes that run a member; Ray names them after what they do."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if any(part.startswith("ray::Member") for part in process.cmdline()):
                found.append(process)
    return found


async def test_members_take_calls_one_that_dies_comes_back_and_all_end_with_the_fleet(
    tmp_path: Path, signaling: SignalingWithPool
) -> None:
    pool, reports = signaling.service.pool, list[Report]()
    with Children() as children:
        fleet = _start_fleet(children, signaling, tmp_path, reports)
        await until(lambda: pool.numbers.workers == 2 and pool.numbers.free == 4, RAY_S)
        await until(lambda: reports[-1]["registered"] == 2 and reports[-1]["free"] == 4, START_S)
        sender, viewer = await talk(signaling, "one", ROOMS["one"]), Viewer()
        await viewer.watch(partial(signaling.watch, "one"))
        for picture in await viewer.pictures(3):
            assert likeness(picture, ROOMS["one"]) > 0.4
        await until(lambda: reports[-1]["calls"] == 1 and reports[-1]["viewers"] == 1, START_S)
        await viewer.close()
        await sender.hang_up()
        before = {process.pid for process in _members()}
        assert len(before) == 2
        psutil.Process(min(before)).kill()
        await until(lambda: pool.numbers.workers == 1, START_S)
        await until(lambda: pool.numbers.workers == 2, RAY_S)
        assert len(before & {process.pid for process in _members()}) == 1, "the other one was left alone"
        fleet._process.send_signal(signal.SIGTERM)
        await until(lambda: fleet.status is not None, RAY_S)
        assert fleet.status == 0, fleet.last_words
        await until(lambda: pool.numbers.workers == 0 and not _members(), START_S)


async def test_what_the_pool_refuses_is_told_in_one_line(
    tmp_path: Path, signaling: SignalingWithPool
) -> None:
    (tmp_path / "pool.token").write_text("not.a.token")
    with Children() as children:
        fleet = _start_fleet(children, signaling, tmp_path, [])
        await until(lambda: fleet.status is not None, RAY_S)
        assert fleet.status == 2 and len(fleet.last_words.strip().splitlines()) == 1, fleet.last_words
        assert "token" in fleet.last_words
