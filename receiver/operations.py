"""What an operator sees of a running receiver: the health port, with metrics where their library is installed.

Imports prometheus_client only when a port was asked for. Invariant: without a health port nothing listens.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields, replace

from receiver.config import ReceiverConfig
from receiver.health import HealthServer
from receiver.stats import CallStats
from shared.transport.base import Transport, WireSnapshot

_SUMMED = tuple(field.name for field in fields(WireSnapshot) if field.name.endswith(("_bytes", "_packets")))


@asynccontextmanager
async def health_port(
    config: ReceiverConfig, stats: CallStats, connections: Sequence[Transport]
) -> AsyncIterator[Callable[[], None]]:
    """Open the port for as long as the call lasts, if one was asked for; gives what says that the end was asked for.

    connections: all of the call so far; it may grow. Raises UserError when the port cannot be opened.
    """
    if not config.health_port:
        yield lambda: None
        return
    health = HealthServer(lambda: True, _metrics(stats, connections))
    await health.start(config.health_host, config.health_port)

    def drain() -> None:
        health.draining = True

    try:
        yield drain
    finally:
        await health.close()


def wire_of(connections: Sequence[Transport]) -> WireSnapshot:
    """Bytes and packets of all connections together."""
    snapshots = [connection.counter.snapshot() for connection in connections]
    sums = {name: sum(getattr(snapshot, name) for snapshot in snapshots) for name in _SUMMED}
    return replace(WireSnapshot(), **sums)


def _metrics(stats: CallStats, connections: Sequence[Transport]) -> Callable[[], bytes] | None:
    try:
        from receiver.metrics import ReceiverMetrics
    except ImportError:  # the extra `operations` is not installed: health alone
        return None
    metrics = ReceiverMetrics()
    metrics.watch(stats, lambda: wire_of(connections))
    return metrics.text
