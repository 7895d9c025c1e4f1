"""signaling.metrics and signaling.counts: numbers that agree with what happened, and nobody's name in them."""

import pytest
from aiohttp.test_utils import TestClient, TestServer

from shared.signaling_messages import Role
from signaling.counts import BOUNDS_S, Histogram
from tests.signaling.bench import Bench


def test_a_histogram_counts_what_took_longest_too() -> None:
    histogram = Histogram()
    for seconds in (0.0, BOUNDS_S[0], BOUNDS_S[-1], BOUNDS_S[-1] + 1):
        histogram.add(seconds)
    assert (histogram.counts[0], histogram.counts[-2], histogram.counts[-1]) == (2, 1, 1)
    assert histogram.total_s == pytest.approx(BOUNDS_S[0] + 2 * BOUNDS_S[-1] + 1)


@pytest.mark.network
async def test_prometheus_is_told_joins_refusals_and_latency_and_no_names(bench: Bench) -> None:
    pytest.importorskip(
        "prometheus_client", reason="prometheus_client is not installed: facewire[operations]"
    )
    from signaling.metrics import metrics_app

    await bench.join("private-room", Role.SENDER)
    await bench.join("private-room", token="a.b.c")
    async with TestClient(TestServer(metrics_app(bench.service))) as client:
        async with client.get("/metrics") as response:
            text = await response.text()
        async with client.get("/healthz") as response:
            assert response.status == 404
    for line in (
        'facewire_signaling_joins_total{role="sender"} 1.0',
        'facewire_signaling_refusals_total{code="bad-token"} 1.0',
        'facewire_signaling_messages_total{type="join"} 2.0',
        "facewire_signaling_handling_seconds_count 1.0",
        "facewire_signaling_rooms 1.0",
        "facewire_signaling_ready 1.0",
    ):
        assert line in text.splitlines(), line
    assert "private" not in text and "127.0.0.1" not in text
