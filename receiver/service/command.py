"""Command lines of the service: `python -m receiver serve --pool ws://host/pool --pool-token-file token --watch HOST:PORT`, and
`python -m receiver fleet --ray ADDRESS --workers N`, which takes the same settings for many of them.

Invariant: a `UserError` is one line and exit status 2.
"""

import argparse
import asyncio
import json
import logging
import math
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict
from typing import Any

from receiver.command_line import (
    EXIT_OK,
    add_call_flags,
    add_engine_flags,
    add_operation_flags,
    on_signals,
    told,
)
from receiver.service.config import ServiceConfig, load_config
from receiver.service.fleet import Fleet, FleetReport, FleetShape
from receiver.service.run import run_service
from receiver.service.service import ServiceReport
from shared.config_file import print_settings
from shared.limits import RENDER_CALLS_MAX
from shared.ray_cluster import connect_ray

_EXAMPLES = """\
examples:
  python -m signaling pool-token --secret-file join.secret > pool.token
  python -m receiver serve --pool ws://127.0.0.1:8080/pool --pool-token-file pool.token --watch 127.0.0.1:8890
  python -m receiver serve --pool wss://calls.example.org/pool --pool-token-env FACEWIRE_POOL --backend cuda \\
      --watch "0.0.0.0:8890?cert=C.pem&key=K.pem&origin=https://page.example" --watch-url https://watch.example.org:8890
  python -m receiver serve ... --record out --health-host 0.0.0.0 --health-port 9102

A sender whose token asks for a receiver of the pool is given to the service with the most free calls. A viewer asks
signaling (POST /watch) for the address of a room, URL/whep/ROOM, and its key, which any WHEP player sends as bearer token.
SIGTERM or Ctrl-C: no new calls; ends with the last one or after --drain-seconds; a second time: at once. Each second a line
of JSON goes to stdout: calls, free, load, fps (of all calls), viewers, registered, draining.
"""


_FLEET_EXAMPLES = """\
examples:
  ray start --head                                  on one machine, and `ray start --address HOST:6379` on each other one
  python -m receiver fleet --ray auto --workers 16 --gpus-each 1 --backend cuda --watch "{host}:8890?cert=C.pem&key=K.pem" \\
      --pool wss://calls.example.org/pool --pool-token-env FACEWIRE_POOL
  python -m receiver fleet --ray local --workers 2 --watch {host}:0 --pool ws://127.0.0.1:8080/pool --pool-token-file pool.token

Ray places the receivers, each the same as `python -m receiver serve`, where there is room for them, and starts one anew when its
process or its machine dies; those that find no room wait for a machine that joins. Calls come through the pool and never through
Ray. Every machine needs facewire, the files that are named here, and the token. {host} stands for the machine's address, port 0
for any free one. SIGTERM or Ctrl-C here ends all of them as it ends one. Each second a line of JSON: workers, registered, calls,
free, fps, viewers, draining.
"""


def main(arguments: Sequence[str]) -> int:
    """Serves until told to end; returns the process's exit status: 0, or 2 for what one can mend."""
    parser = _parser(
        "serve",
        "Receives many calls with one network: takes rooms from a pool, shows each rebuilt call to its viewers.",
        _EXAMPLES,
    )
    return _told(vars(parser.parse_args(arguments)), _serve)


def fleet(arguments: Sequence[str]) -> int:
    """Keeps many receivers running until told to end; returns as `main`."""
    parser = _parser(
        "fleet", "Runs many receivers of many calls on the machines of a Ray cluster.", _FLEET_EXAMPLES
    )
    add = parser.add_argument
    add(
        "--ray",
        metavar="ADDRESS",
        required=True,
        help="HOST:PORT of a cluster, auto: the one here, local: this machine alone",
    )
    add("--workers", type=int, metavar="N", required=True, help="receivers that there shall be")
    add("--cpus-each", type=float, metavar="N", default=1.0, help="cores that each asks for (default: 1)")
    add(
        "--gpus-each",
        type=float,
        metavar="N",
        default=0.0,
        help="GPUs that each asks for, 0.5: two share one (default: 0)",
    )
    options = vars(parser.parse_args(arguments))
    ray, workers, cpus, gpus = (options.pop(name) for name in ("ray", "workers", "cpus_each", "gpus_each"))
    return _told(options, lambda config: _fleet(config, ray, FleetShape(workers, cpus, gpus)))


def _told(options: dict[str, Any], run: Callable[[ServiceConfig], Coroutine[Any, Any, None]]) -> int:
    logging.basicConfig(level=logging.WARNING, format="receiver: %(message)s")
    return told(lambda: _command(options, run))


def _command(options: dict[str, Any], run: Callable[[ServiceConfig], Coroutine[Any, Any, None]]) -> int:
    file, only_print = options.pop("config", None), options.pop("print_config", False)
    config = load_config(options, file)
    if only_print:
        print(print_settings(config), end="")
        return EXIT_OK
    config.check_complete()
    asyncio.run(run(config))
    return EXIT_OK


def _parser(command: str, description: str, examples: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m receiver {command}",
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    default = ServiceConfig()
    add = parser.add_argument
    add("--pool", metavar="URL", help="pool of the signaling service, such as ws://127.0.0.1:8080/pool")
    token = parser.add_mutually_exclusive_group()
    token.add_argument("--pool-token-file", metavar="FILE", help="file with the token of the pool")
    token.add_argument(
        "--pool-token-env", metavar="NAME", help="environment variable with the token of the pool"
    )
    add("--name", metavar="NAME", help="of this process in the pool (default: a random one)")
    add(
        "--calls",
        type=int,
        metavar="N",
        help=f"most calls at once (default: {RENDER_CALLS_MAX} on an NVIDIA card, 1 without)",
    )
    add("--watch", metavar="HOST:PORT", help="serve viewers there, room by room; options as for --sink whep:")
    add(
        "--watch-url", metavar="URL", help="address by which viewers reach that port (default: as it listens)"
    )
    add("--record", metavar="FOLDER", help="write an mp4 of each call there")
    add_engine_flags(parser, default)
    add_call_flags(parser, default)
    add(
        "--drain-seconds",
        type=float,
        metavar="S",
        help=f"how long calls may go on after SIGTERM (default: {default.drain_seconds:g})",
    )
    add_operation_flags(parser, default)
    return parser


async def _serve(config: ServiceConfig) -> None:
    await run_service(config, lambda service: on_signals(service.drain), _print_report)


async def _fleet(config: ServiceConfig, address: str, shape: FleetShape) -> None:
    ray = connect_ray(address, math.ceil(shape.workers * max(shape.cpus, 1)), {})
    try:
        running = Fleet(ray, config, shape, _print_report)
        on_signals(running.drain)
        await running.run()
    finally:
        ray.shutdown()


def _print_report(report: ServiceReport | FleetReport) -> None:
    print(json.dumps(asdict(report)), flush=True)
