"""experiments.demo.report and .stats: exactly the groups of report.json, and how its numbers come about."""

import json
from pathlib import Path

import pytest

from experiments.demo.report import (
    build_report,
    latency_series,
    media_seconds,
    percentile,
    skew_series,
)
from experiments.demo.stats import (
    PlayedVoice,
    SentPicture,
    ShownPicture,
    read_receiver_stats,
    read_sender_stats,
)
from experiments.measures.clip import ClipMeans
from shared.errors import UserError
from tests.experiments.made_up_call import write_call

GROUPS = {
    "input": {"frames", "fps", "seconds"},
    "wire": {"forward_kbps", "reverse_kbps", "forward_packets", "reverse_packets", "setup_bytes"},
    "payload_kbps": {"audio", "motion", "keyframe", "control"},
    "frames": {"captured", "rendered", "concealed", "fps"},
    "latency_ms": {"first_picture", "glass_to_glass_p50", "glass_to_glass_p95"},
    "av_skew_ms": {"p50", "p95"},
    "quality": {"rebuilt", "frozen", "av1_same_wire"},
    "compute_ms": {"sender_frame_p50", "sender_frame_p95", "receiver_frame_p50", "receiver_frame_p95"},
    "model": {"name", "sha256"},
}
QUALITY = {"psnr_y_db", "ssim_y", "ms_ssim", "vgg", "landmark_px", "mouth_px"}
MEANS = ClipMeans(30.0, 0.9, 0.95, None, 1.5, 1.0, 0.5, 0.9, 1.0, 2.0)


def test_the_report_has_exactly_the_groups_of_the_issue(tmp_path: Path, sample_pictures: list) -> None:  # type: ignore[type-arg]
    files = write_call(tmp_path, sample_pictures[:50], sample_pictures[:50]).files
    means = {"rebuilt": MEANS, "frozen": MEANS, "av1_same_wire": MEANS}
    report = build_report(
        read_sender_stats(files.sender_stats), read_receiver_stats(files.receiver_stats), means
    )
    content = json.loads(json.dumps(report.as_json()))
    assert {group: set(value) for group, value in content.items()} == GROUPS
    assert all(set(arm) == QUALITY for arm in content["quality"].values())
    assert content["quality"]["rebuilt"]["vgg"] is None
    assert content["input"] == {"frames": 50, "fps": 25.0, "seconds": 2.0}
    assert content["wire"]["forward_kbps"] == pytest.approx(20, rel=0.01)
    assert content["latency_ms"]["glass_to_glass_p95"] == 200
    assert content["latency_ms"]["first_picture"] == 820
    assert content["av_skew_ms"]["p50"] == pytest.approx(10, abs=0.1)
    assert content["frames"]["captured"] == 50
    assert content["frames"]["rendered"] == 47
    assert content["frames"]["fps"] == pytest.approx(25)


def test_latency_of_an_interpolated_picture_counts_from_its_own_moment_and_repeats_do_not_count() -> None:
    sent = [SentPicture(0, 1_000_000, 1.0), SentPicture(40, 1_040_000, 1.0)]
    shown = [
        ShownPicture(20, 1_220_000, "INTERPOLATED", 1.0),
        ShownPicture(40, 1_250_000, "FRESH", 1.0),
        ShownPicture(40, 1_290_000, "HELD", 0.0),
    ]
    assert latency_series(sent, shown) == [(20, 200.0), (40, 210.0)]


def test_skew_is_how_far_the_voice_is_ahead() -> None:
    voice = [PlayedVoice(ms, 20, 1_000_000 + 1_000 * ms, False) for ms in (0, 20, 40)]
    shown = [ShownPicture(0, 1_015_000, "FRESH", 1.0), ShownPicture(40, 2_000_000, "FRESH", 1.0)]
    assert skew_series(shown, voice) == [(0, 15.0)]
    assert skew_series(shown, []) == []


def test_nothing_measured_is_null_and_not_zero() -> None:
    assert percentile([], 50) is None
    assert media_seconds([]) == 0.0


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"wire": 3}'])
def test_statistics_of_another_shape_are_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "stats.json"
    path.write_text(content)
    with pytest.raises(UserError, match="sender"):
        read_sender_stats(path)
    with pytest.raises(UserError, match="receiver"):
        read_receiver_stats(path)


def test_absent_statistics_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="left no statistics"):
        read_sender_stats(tmp_path / "absent.json")
