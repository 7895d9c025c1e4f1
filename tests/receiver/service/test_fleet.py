"""receiver.service.fleet without Ray: what is refused, and the settings of a machine (with it: e2e/test_receiver_fleet.py)."""

from importlib.util import find_spec

import pytest

from receiver.__main__ import main
from receiver.service.config import ServiceConfig
from receiver.service.fleet import FleetShape, on_machine
from shared.errors import UserError
from shared.ray_cluster import LOCAL, connect_ray

SERVED = ["--pool", "ws://127.0.0.1:1/pool", "--pool-token-env", "NOBODY", "--watch", "{host}:0"]


@pytest.mark.parametrize("shape", [(0, 1.0, 0.0), (1, -0.1, 0.0), (1, 1.0, -1.0), (1, 1.0, 1.5)])
def test_shapes_that_mean_nothing_are_refused(shape: tuple[int, float, float]) -> None:
    with pytest.raises(UserError, match=r"choose 1 or more|below 0|whole cards"):
        FleetShape(*shape)


@pytest.mark.parametrize("shape", [(1, 0.0, 0.0), (1, 1.0, 0.5), (64, 2.0, 2.0)])
def test_shapes_at_the_edge_are_taken(shape: tuple[int, float, float]) -> None:
    assert FleetShape(*shape).workers == shape[0]


def test_each_machine_is_named_by_its_own_address() -> None:
    config = ServiceConfig(watch="{host}:8890?cert=C&key=K", watch_url="https://{host}:8890")
    here = on_machine(config, "10.0.0.7")
    assert (here.watch, here.watch_url) == ("10.0.0.7:8890?cert=C&key=K", "https://10.0.0.7:8890")
    assert on_machine(config, "fd00::7").watch.startswith("[fd00::7]:8890")


def test_a_fleet_that_cannot_be_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "--ray", "local", "--workers", "0", *SERVED]) == 2
    assert capsys.readouterr().err == "receiver: --workers 0 is not possible: choose 1 or more.\n"


def test_without_ray_the_package_is_named() -> None:
    if find_spec("ray") is not None:
        pytest.skip("the package ray is installed here")
    with pytest.raises(UserError, match=r"pip install 'facewire\[ray\]'"):
        connect_ray(LOCAL, 1, {})
