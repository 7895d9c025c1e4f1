"""A receiver's numbers for Prometheus, read from the statistics of its calls at the moment they are asked for.

    CallStats, wire counter --collect()--> /metrics (receiver.health)

Imports prometheus_client (extra `operations`), nothing of networks or transports; whoever wants no metrics does not
import this. Invariant: what is said is never less than before when a call ends; no label names a person, a room or a peer.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from receiver.stats import CallStats
from shared.transport.base import WireSnapshot

LATE_BOUNDS_S: Final = (0.0, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32)
"""How late a picture reached its sinks; 40 ms are one picture."""
COMPUTE_BOUNDS_S: Final = (0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.08, 0.16)
"""Rendering of one picture; above 40 ms a call is shown with fewer than 25 a second."""
PREFIX: Final = "facewire_receiver_"
_WIRE: Final = ("forward_bytes", "reverse_bytes", "setup_bytes")


class _Call:
    """One call that is watched: what was read of it already."""

    def __init__(self, stats: CallStats, wire: Callable[[], WireSnapshot]) -> None:
        self.stats, self.wire = stats, wire
        self.pictures_read = 0


class ReceiverMetrics(Collector):
    """`watch` each call, `forget` it at its end; `text` is the page for Prometheus.

    gpu_bytes: memory of the card that this process uses, None when there is no card to ask. gauges: more of them, by name.
    ended: calls that are over, by why.
    """

    def __init__(
        self,
        gpu_bytes: Callable[[], int] | None = None,
        gauges: Callable[[], Mapping[str, float]] = dict,
        ended: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._gpu_bytes, self._gauges, self._ended = gpu_bytes, gauges, ended
        self._calls: dict[int, _Call] = {}
        self._past: dict[tuple[str, str], float] = {}
        self._registry = CollectorRegistry()
        self._late = self._histogram("picture_late_seconds", "From due to shown.", LATE_BOUNDS_S)
        self._compute = self._histogram("render_seconds", "Rendering of a picture.", COMPUTE_BOUNDS_S)
        self._registry.register(self)

    def watch(self, stats: CallStats, wire: Callable[[], WireSnapshot]) -> int:
        """A call begins; the number is for `forget`. wire: traffic so far, all of the call's connections together."""
        number = max(self._calls, default=0) + 1
        self._calls[number] = _Call(stats, wire)
        return number

    def forget(self, number: int) -> None:
        """The call has ended; what it counted stays."""
        call = self._calls.pop(number)
        self._read_pictures(call)
        for key, value in self._counted(call).items():
            self._past[key] = self._past.get(key, 0) + value

    def take_rows(self) -> None:
        """Take what the calls have shown into the histograms and forget their rows: see `CallStats.forget_rows`."""
        for call in self._calls.values():
            self._read_pictures(call)
            call.stats.forget_rows()
            call.pictures_read = 0

    def text(self) -> bytes:
        """All metrics of this moment in Prometheus' text format."""
        for call in self._calls.values():
            self._read_pictures(call)
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Counters and gauges; the histograms are in the same registry."""
        totals = dict(self._past)
        for call in self._calls.values():
            for key, value in self._counted(call).items():
                totals[key] = totals.get(key, 0) + value
        events = CounterMetricFamily(
            PREFIX + "events", "Counts of receiver.stats, by name.", labels=["event"]
        )
        wire = CounterMetricFamily(PREFIX + "wire_bytes", "Bytes with all headers, by part.", labels=["part"])
        for (kind, label), value in sorted(totals.items()):
            (events if kind == "events" else wire).add_metric([label], value)
        yield events
        yield wire
        yield GaugeMetricFamily(PREFIX + "calls", "Calls under way.", value=len(self._calls))
        over = CounterMetricFamily(PREFIX + "calls_ended", "Calls that are over, by why.", labels=["reason"])
        for reason, count in sorted(self._ended().items()):
            over.add_metric([reason], count)
        yield over
        for name, value in self._gauges().items():
            yield GaugeMetricFamily(
                PREFIX + name, f"{name.replace('_', ' ').capitalize()} just now.", value=value
            )
        if self._gpu_bytes is not None:
            yield GaugeMetricFamily(PREFIX + "gpu_bytes", "Memory used on the card.", value=self._gpu_bytes())

    def _counted(self, call: _Call) -> dict[tuple[str, str], float]:
        taken = call.wire()
        counted: dict[tuple[str, str], float] = {("wire", part): getattr(taken, part) for part in _WIRE}
        return counted | {("events", name): count for name, count in call.stats.counts.items()}

    def _read_pictures(self, call: _Call) -> None:
        for picture in call.stats.pictures[call.pictures_read :]:
            self._late.observe(max(0, picture.shown_us - picture.due_us) / 1_000_000)
            if picture.compute_ms > 0:
                self._compute.observe(picture.compute_ms / 1000)
        call.pictures_read = len(call.stats.pictures)

    def _histogram(self, name: str, text: str, bounds_s: tuple[float, ...]) -> Histogram:
        return Histogram(PREFIX + name, text, buckets=bounds_s, registry=self._registry)
