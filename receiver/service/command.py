"""Command line of the service: `python -m receiver serve --pool ws://host/pool --pool-token-file token --watch HOST:PORT`.

Invariant: everything that can be refused is refused before the pool is told of this receiver; a `UserError` is one line and
exit status 2.
"""

import argparse
import asyncio
import json
import logging
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from models.runtime.base import Backend
from models.weights import use_weights
from receiver.command_line import (
    EXIT_OK,
    add_call_flags,
    add_engine_flags,
    add_operation_flags,
    on_signals,
    told,
)
from receiver.fitting import open_fitting
from receiver.provenance_setup import signer_of
from receiver.render_worker import RenderWorker
from receiver.service.config import ServiceConfig, load_config
from receiver.service.service import ReceiverService, ServiceReport
from shared.config_file import print_settings
from shared.errors import UserError
from shared.limits import RENDER_CALLS_MAX, SIGNALING_TOKEN_MAX_BYTES

_EXAMPLES = """\
examples:
  python -m signaling token --pool --secret-file join.secret > pool.token
  python -m receiver serve --pool ws://127.0.0.1:8080/pool --pool-token-file pool.token --watch 127.0.0.1:8890
  python -m receiver serve --pool wss://calls.example.org/pool --pool-token-env FACEWIRE_POOL --backend cuda \\
      --watch "0.0.0.0:8890?cert=C.pem&key=K.pem&origin=https://page.example" --watch-url https://watch.example.org:8890
  python -m receiver serve ... --record out --health-host 0.0.0.0 --health-port 9102

A sender whose token asks for a receiver of the pool is given to the service with the most free calls. A viewer asks
signaling (POST /watch) for the address of a room, URL/whep/ROOM, and its key, which any WHEP player sends as bearer token.
SIGTERM or Ctrl-C: no new calls; ends with the last one or after --drain-seconds; a second time: at once. Each second a line
of JSON goes to stdout: calls, free, load, fps (of all calls), viewers, registered, draining.
"""


def main(arguments: Sequence[str]) -> int:
    """Serves until told to end; returns the process's exit status: 0, or 2 for what one can mend."""
    options = vars(_parser().parse_args(arguments))
    logging.basicConfig(level=logging.WARNING, format="receiver: %(message)s")
    return told(lambda: _command(options))


def _command(options: dict[str, Any]) -> int:
    file, only_print = options.pop("config", None), options.pop("print_config", False)
    config = load_config(options, file)
    if only_print:
        print(print_settings(config), end="")
        return EXIT_OK
    config.check_complete()
    if config.weights:
        use_weights(Path(config.weights))
    asyncio.run(_serve(config))
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m receiver serve",
        description="Receives many calls with one network: takes rooms from a pool, shows each rebuilt call to its viewers.",
        epilog=_EXAMPLES,
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
    """Everything that can be refused is opened before the pool is told."""
    token = partial(pool_token, config)
    token()
    config.watch_access()
    backend = await asyncio.to_thread(open_fitting, config.backend, config.size, config.threads)
    places = config.calls or default_calls(backend)
    print(
        f"receiver: {backend.model.name} on {backend.device} ({backend.name}), at most {places} calls",
        file=sys.stderr,
    )
    sign = signer_of(bool(config.record), config.provenance_key, backend.model)
    worker = RenderWorker(backend)
    try:
        await serve_calls(config, worker, places, token, sign)
    finally:
        await asyncio.to_thread(worker.close)


async def serve_calls(
    config: ServiceConfig,
    worker: RenderWorker,
    places: int,
    token: Callable[[], str],
    sign: Callable[[Path], None] | None,
) -> None:
    """Until a signal drains it. Raises UserError."""
    name = config.name or secrets.token_urlsafe(12)
    service = ReceiverService(config, worker, places, name, token, sign, _print_report)
    on_signals(service.drain)
    await service.run()


def default_calls(backend: Backend) -> int:
    """How many calls an engine is fit for when nobody says: a card's limit shows in its load, a CPU's too late."""
    return RENDER_CALLS_MAX if backend.name == "cuda" else 1


def pool_token(config: ServiceConfig) -> str:
    """The token of the pool, read where the settings say. Raises UserError."""
    advice = "Make one with: python -m signaling token --pool --secret-file FILE"
    if config.pool_token_file:
        text = _read(Path(config.pool_token_file), advice)
    else:
        text = os.environ.get(config.pool_token_env, "")
        if not text:
            raise UserError(f"The environment variable {config.pool_token_env} holds no token. {advice}")
    token = text.strip()
    if not token.isascii() or not 0 < len(token) <= SIGNALING_TOKEN_MAX_BYTES:
        raise UserError(f"The token of the pool is damaged. {advice}")
    return token


def _read(path: Path, advice: str) -> str:
    try:
        with path.open(encoding="ascii") as file:
            return file.read(SIGNALING_TOKEN_MAX_BYTES + 2)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The token file {path} cannot be read ({type(error).__name__}). {advice}") from error


def _print_report(report: ServiceReport) -> None:
    print(json.dumps(asdict(report)), flush=True)
