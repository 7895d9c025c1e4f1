"""Ray, when somebody asks for it: connecting to a cluster, and what to do when there is none.

Must import the standard library and `shared.errors` only, Ray when it is called.
"""

import importlib
import os
from collections.abc import Mapping
from typing import Any, Final

from shared.errors import UserError

LOCAL: Final = "local"
"""In place of an address: a cluster of this machine alone, which ends with this process."""


def connect_ray(address: str, local_cpus: int, environment: Mapping[str, str]) -> Any:
    """The package ray, connected. address: HOST:PORT, "auto" for the cluster that runs here, or LOCAL.

    local_cpus: that LOCAL has. environment: variables of all processes that are started. Raises UserError without Ray or cluster.
    """
    try:
        ray = importlib.import_module("ray")
    except ImportError as error:
        raise UserError(
            "--ray needs the package ray: pip install 'facewire[ray]', or leave --ray out."
        ) from error
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster of our own tells nobody of itself
    where = {"num_cpus": local_cpus} if address == LOCAL else {"address": address}
    try:
        ray.init(
            **where, runtime_env={"env_vars": dict(environment)}, include_dashboard=None if "address" in where else False,
            log_to_driver=False, configure_logging=False,
        )  # fmt: skip
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise UserError(
            f"There is no Ray cluster at {address!r} ({error}). Start one with `ray start --head`, or give --ray local."
        ) from error
    return ray
