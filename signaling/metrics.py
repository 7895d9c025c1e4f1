"""The service's numbers for Prometheus, on a port of their own: `/metrics`.

Imports prometheus_client (extra `operations`) and aiohttp; nothing imports this unless the port is asked for. Invariant: nothing
is counted here, only read; no label names a person, a room or an address.
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from signaling.counts import BOUNDS_S
from signaling.service import SignalingService

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class ServiceCollector(Collector):
    """Reads one service whenever Prometheus asks."""

    def __init__(self, service: SignalingService) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """All metrics of this moment."""
        service, counts = self._service, self._service.counts
        name = "facewire_signaling_"
        yield GaugeMetricFamily(
            name + "rooms", "Rooms of this process's connections.", value=service.lobby.room_count
        )
        yield GaugeMetricFamily(
            name + "connections", "Open WebSockets.", value=service.lobby.connection_count
        )
        yield GaugeMetricFamily(name + "ready", "1 while somebody may join.", value=float(service.ready))
        pool = service.pool.numbers
        yield GaugeMetricFamily(name + "pool_receivers", "Receivers registered here.", value=pool.workers)
        yield GaugeMetricFamily(name + "pool_calls_free", "Calls that they could take.", value=pool.free)
        yield GaugeMetricFamily(name + "pool_rooms_waiting", "Rooms that want one.", value=pool.waiting)
        yield CounterMetricFamily(name + "pool_assignments", "Rooms given.", value=pool.assignments)
        yield CounterMetricFamily(
            name + "pool_reassignments", "Of them after another receiver.", value=pool.reassignments
        )
        yield _by(name + "joins", "Peers let in.", "role", counts.joins)
        yield _by(name + "refusals", "What was refused.", "code", counts.refusals)
        yield _by(name + "messages", "Messages that peers sent.", "type", counts.messages)
        handled = accumulate(counts.handling.counts)
        buckets = list(zip([*map(str, BOUNDS_S), "+Inf"], map(float, handled), strict=True))
        yield HistogramMetricFamily(
            name + "handling_seconds", "From a message to its effect.", buckets, counts.handling.total_s
        )


def _by(name: str, text: str, label: str, counts: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family


def metrics_text(service: SignalingService) -> bytes:
    """All metrics of this moment in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(ServiceCollector(service))
    return generate_latest(registry)


def metrics_app(service: SignalingService) -> web.Application:
    """An application that answers `/metrics` only."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=metrics_text(service), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application(client_max_size=0)
    app.router.add_get("/metrics", metrics)
    return app
