"""experiments.gfvc: a whole small run and its tables."""

import json
from pathlib import Path

import pytest

from experiments.gfvc.__main__ import main
from experiments.gfvc.conditions import KEY_BYTES
from experiments.gfvc.run import GfvcOptions, gfvc
from experiments.gfvc.tables import markdown
from shared.errors import UserError
from tests.models.clips import grey_clip, part_of_sample


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    clips, out = tmp_path_factory.mktemp("clips"), tmp_path_factory.mktemp("gfvc")
    part_of_sample(clips / "sample.mp4", 26)
    grey_clip(clips / "grey.mp4")
    return out, gfvc(clips, out, GfvcOptions(every=25, arms=("h264",), vgg=False, backend="mesh-warp"))


def test_every_rate_point_of_every_arm_has_a_row(done: tuple[Path, int]) -> None:
    rows = json.loads((done[0] / "gfvc.json").read_text())["rows"]
    assert [(row["arm"], row["point"]) for row in rows] == [
        (arm, point + 1) for arm in ("facewire", "h264") for point in range(len(KEY_BYTES))
    ]
    ours = [row["kbps"] for row in rows if row["arm"] == "facewire"]
    assert ours == sorted(ours) and ours[0] < ours[-1]


def test_a_rate_is_the_payload_s(done: tuple[Path, int]) -> None:
    first = json.loads((done[0] / "gfvc.json").read_text())["rows"][0]
    assert first["kbps"] * first["frames"] / 25 * 125 < KEY_BYTES[0] + 300 + 26 * 30


def test_a_clip_that_fails_is_named_and_counted(done: tuple[Path, int]) -> None:
    results = json.loads((done[0] / "gfvc.json").read_text())
    assert done[1] == 1
    assert [failure["clip"] for failure in results["failed"]] == ["grey"]


def test_tables_say_what_they_count_and_what_is_missing(done: tuple[Path, int]) -> None:
    text = (done[0] / "gfvc.md").read_text()
    assert "no voice, no headers" in text and "DISTS" in text and "SEI" in text
    assert "| facewire | 1 | 1 |" in text
    lines = (done[0] / "gfvc.csv").read_text().splitlines()
    assert lines[0].startswith("clip,person,arm,point") and len(lines) == 1 + 2 * len(KEY_BYTES)


def test_sei_messages_are_counted_beside_our_coder(done: tuple[Path, int]) -> None:
    (sei,) = json.loads((done[0] / "gfvc.json").read_text())["sei"]
    assert sei["frames"] == 26 and 0 < sei["our_bits"] < sei["payload_bits"] < sei["framed_bits"]


def test_a_report_without_results_is_one_too() -> None:
    empty = {
        "commit": "", "machine": "", "model": {"name": ""}, "rows": [], "sei": [], "kept": [], "changed": [],
        "absent_arms": {"vvc": "no FFmpeg"}, "failed": [],
    }  # fmt: skip
    assert "Not here: vvc: no FFmpeg" in markdown(empty)


def test_wrong_options_are_user_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="no arm"):
        GfvcOptions(arms=("av2",))
    with pytest.raises(UserError, match="count from 1"):
        GfvcOptions(every=0)
    assert main(["--clips", str(tmp_path / "no"), "--out", str(tmp_path)]) == 102
    assert capsys.readouterr().err.startswith("gfvc: ")
