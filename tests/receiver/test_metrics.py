"""receiver.metrics: what Prometheus reads agrees with the calls' statistics, also after they have ended."""

import pytest

from receiver.stats import CallStats, VoiceStat
from shared.core.due import PictureDue, PictureState
from shared.transport.base import WireSnapshot

pytest.importorskip("prometheus_client", reason="prometheus_client is not installed: facewire[operations]")
from receiver.metrics import ReceiverMetrics


def _call(pictures: int) -> CallStats:
    stats = CallStats()
    for number in range(pictures):
        due = PictureDue(number * 40, number * 40_000, PictureState.FRESH)
        stats.add_picture(due, number * 40_000 + 15_000, compute_ms=9.0)
    stats.add_voice(VoiceStat(0, 60, 0, 0, concealed=True))
    return stats


def _lines(metrics: ReceiverMetrics) -> dict[str, float]:
    lines = [line for line in metrics.text().decode().splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_calls_pictures_and_bytes_are_told() -> None:
    metrics = ReceiverMetrics(gpu_bytes=lambda: 7)
    metrics.watch(_call(3), lambda: WireSnapshot(forward_bytes=100, reverse_bytes=900))
    metrics.watch(_call(2), WireSnapshot)
    lines = _lines(metrics)
    assert lines["facewire_receiver_calls"] == 2
    assert lines["facewire_receiver_gpu_bytes"] == 7
    assert lines['facewire_receiver_events_total{event="shown"}'] == 5
    assert lines['facewire_receiver_events_total{event="voice_concealed"}'] == 2
    assert lines['facewire_receiver_wire_bytes_total{part="reverse_bytes"}'] == 900
    assert lines['facewire_receiver_picture_late_seconds_bucket{le="0.01"}'] == 0
    assert lines['facewire_receiver_picture_late_seconds_bucket{le="0.02"}'] == 5
    assert lines['facewire_receiver_render_seconds_bucket{le="0.01"}'] == 5


def test_what_was_counted_stays_when_a_call_ends_and_is_not_counted_twice() -> None:
    metrics = ReceiverMetrics()
    number = metrics.watch(_call(3), lambda: WireSnapshot(forward_bytes=100))
    before = _lines(metrics)
    metrics.forget(number)
    after = _lines(metrics)
    assert after.pop("facewire_receiver_calls") == 0 and before.pop("facewire_receiver_calls") == 1
    created = [name for name in before if "_created" in name]
    assert {n: v for n, v in before.items() if n not in created} == {
        n: v for n, v in after.items() if n not in created
    }


def test_without_a_card_nothing_is_said_of_one() -> None:
    assert "facewire_receiver_gpu_bytes" not in _lines(ReceiverMetrics())
