"""What an operator sees of a running receiver: the health port, with metrics where their library is installed.

Imports prometheus_client only when a port was asked for. Invariant: without a health port nothing listens.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from receiver.health import HealthServer
from receiver.stats import CallStats
from shared.transport.base import WireSnapshot

if TYPE_CHECKING:
    from receiver.metrics import ReceiverMetrics


class HealthSettings(Protocol):
    """Where to listen; port 0: nowhere."""

    @property
    def health_host(self) -> str:
        """Its address."""
        ...

    @property
    def health_port(self) -> int:
        """Its number."""
        ...


@asynccontextmanager
async def health_port(
    config: HealthSettings, metrics: Callable[[], bytes] | None, ready: Callable[[], bool] = lambda: True
) -> AsyncIterator[Callable[[], None]]:
    """Open the port, if one was asked for, while the context lasts; gives what says that the end was asked for.

    ready, metrics: see `HealthServer`. Raises UserError when the port cannot be opened.
    """
    if not config.health_port:
        yield lambda: None
        return
    health = HealthServer(ready, metrics)
    await health.start(config.health_host, config.health_port)

    def drain() -> None:
        health.draining = True

    try:
        yield drain
    finally:
        await health.close()


def new_metrics(
    gauges: Callable[[], Mapping[str, float]] = dict, ended: Callable[[], Mapping[str, int]] = dict
) -> ReceiverMetrics | None:
    """See `ReceiverMetrics`. None: the extra `operations` is not installed, so that there is health alone."""
    try:
        from receiver.metrics import ReceiverMetrics
    except ImportError:
        return None
    return ReceiverMetrics(gauges=gauges, ended=ended)


def call_metrics(stats: CallStats, wire: Callable[[], WireSnapshot]) -> Callable[[], bytes] | None:
    """The page for Prometheus of a process with one call; None: see `new_metrics`."""
    metrics = new_metrics()
    if metrics is None:
        return None
    metrics.watch(stats, wire)
    return metrics.text
