"""What the commands that receive calls have in common: flags, signals, how mistakes are told.

Must not import engines or sinks. Invariant: a `UserError` ends a command with one line on stderr and EXIT_USER, never with a
traceback.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from models.runtime.choose import BACKENDS
from receiver.fitting import SIZE_CHOICES
from shared.errors import UserError

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USER: Final = 2
"""Something that the person who started the command can mend."""


class Defaults(Protocol):
    """The settings that the commands share, with their defaults."""

    @property
    def backend(self) -> str:
        """What runs the network."""
        ...

    @property
    def size(self) -> str:
        """Of the network."""
        ...

    @property
    def rejoin_seconds(self) -> float:
        """How long a lost peer is waited for."""
        ...

    @property
    def health_host(self) -> str:
        """Address of the health port."""
        ...


def add_engine_flags(parser: argparse.ArgumentParser, default: Defaults) -> None:
    """What renders, and how."""
    add = parser.add_argument
    add("--backend", choices=BACKENDS, help=f"what runs the network (default: {default.backend})")
    add(
        "--size",
        choices=SIZE_CHOICES,
        help=f"size of the network; auto: lite, or nano where lite is too slow (default: {default.size})",
    )
    add(
        "--threads",
        type=int,
        metavar="N",
        help="threads of the network (default: the cores but one, at most 2)",
    )
    add(
        "--weights",
        metavar="DIR",
        help="one's own weights (python -m models.export --out DIR), before the shipped ones",
    )


def add_call_flags(parser: argparse.ArgumentParser, default: Defaults) -> None:
    """What holds for each call."""
    add = parser.add_argument
    add(
        "--rejoin-seconds",
        type=float,
        metavar="S",
        help=f"wait this long for a peer that was lost, 0: not at all (default: {default.rejoin_seconds:g})",
    )
    add(
        "--provenance-key",
        metavar="DIR",
        help="sign recordings with this key (python -m receiver provenance-key --out DIR)",
    )


def add_operation_flags(parser: argparse.ArgumentParser, default: Defaults) -> None:
    """The health port and the settings file."""
    add = parser.add_argument
    add(
        "--health-port",
        type=int,
        metavar="PORT",
        help="serve /healthz, /readyz and /metrics there (default: not)",
    )
    add("--health-host", metavar="HOST", help=f"address of the health port (default: {default.health_host})")
    add("--config", type=Path, metavar="FILE.toml", help="settings by their long names, with _ for -")
    add("--print-config", action="store_true", help="print the settings and end")


def told(command: Callable[[], int]) -> int:
    """The command's exit status; what one can mend is one line on stderr."""
    try:
        return command()
    except UserError as error:
        print(f"receiver: {error}", file=sys.stderr)
        return EXIT_USER
    except KeyboardInterrupt:  # before calls began; during them the signal handler ends them
        return EXIT_OK


def on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` in the running loop for each SIGINT and SIGTERM."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
