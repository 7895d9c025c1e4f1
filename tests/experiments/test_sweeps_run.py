"""experiments.sweeps: a whole small sweep, what is kept of it, and its page."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.sweeps.__main__ import main
from experiments.sweeps.plan import parse_sweep
from experiments.sweeps.point import adapted, plan_of, voice_packets
from experiments.sweeps.run import FILE_NAME, RunOptions, results_of, sweep
from experiments.sweeps.settings import CallSettings
from models.evaluation.offline_call import Coded
from shared.coding.motion_layout import KEYPOINT_SLICE
from shared.errors import UserError
from tests.models.clips import grey_clip, part_of_sample
from tests.shared.harness import frame_at, keyframe, motion_walk

FRAMES = 26
SWEEP = """
sweep: small
asks: Does it run?
axis: {axis}
values: {values}
measures: [psnr_y_db, concealed_share, kbps, latency_p50_ms]
"""
OPTIONS = RunOptions(backend="mesh-warp", every=10, seconds=1.04)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    part_of_sample(folder / "sample.mp4", FRAMES)
    grey_clip(folder / "grey.mp4")
    return folder


@pytest.fixture(scope="module")
def done(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int, list[str]]:
    """(plan, results' folder, failed cells, what was said)."""
    out = tmp_path_factory.mktemp("sweep")
    plan = out / "small.yaml"
    plan.write_text(SWEEP.format(axis="rung", values="[motion, video]"))
    said: list[str] = []
    return plan, out, sweep(plan, clips, out, OPTIONS, lambda what, place, of: said.append(what)), said


def test_every_clip_has_a_row_at_every_value(done: tuple[Path, Path, int, list[str]]) -> None:
    results = json.loads((done[1] / FILE_NAME).read_text())
    assert [(row["clip"], row["value"]) for row in results["rows"]] == [
        ("grey", "motion"), ("grey", "video"), ("sample", "motion"), ("sample", "video"),
    ]  # fmt: skip
    row = results["rows"][2]
    assert row["wire"]["kbps"] == row["measures"]["kbps"] > 5
    assert row["measures"]["psnr_y_db"] > 15 and row["error"] is None


def test_a_clip_without_a_face_is_named_and_the_run_goes_on(done: tuple[Path, Path, int, list[str]]) -> None:
    results = json.loads((done[1] / FILE_NAME).read_text())
    assert done[2] == 2
    assert "face" in results["rows"][0]["error"]


def test_what_cannot_be_measured_says_why(done: tuple[Path, Path, int, list[str]]) -> None:
    results = json.loads((done[1] / FILE_NAME).read_text())
    assert results["rows"][3]["measures"] == {} and "video rung" in results["rows"][3]["absent"]
    assert "virtual time" in results["missing_measures"]["latency_p50_ms"]
    page = (done[1] / "sweep.html").read_text()
    assert "video rung" in page and "virtual time" in page and "<script" not in page
    assert (done[1] / "psnr_y_db.svg").read_text().startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert not (done[1] / "latency_p50_ms.svg").exists()


def test_a_second_run_measures_only_what_failed(done: tuple[Path, Path, int, list[str]], clips: Path) -> None:
    plan, out, _, said = done
    assert len(said) == 4
    before = json.loads((out / FILE_NAME).read_text())
    again: list[str] = []
    assert sweep(plan, clips, out, OPTIONS, lambda what, place, of: again.append(what)) == 2
    assert again == ["grey rung = motion", "grey rung = video"]
    assert json.loads((out / FILE_NAME).read_text())["rows"] == before["rows"]


def test_the_coder_s_own_axes_need_no_call(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        SWEEP.format(axis="components", values="[8, 16]").replace("psnr_y_db", "bits_per_frame")
    )
    sweep(tmp_path / "c.yaml", clips, tmp_path, OPTIONS)
    rows = json.loads((tmp_path / FILE_NAME).read_text())["rows"][-2:]
    assert rows[0]["measures"]["bits_per_frame"] < rows[1]["measures"]["bits_per_frame"]
    assert rows[0]["wire"] is None


# --- parts


def coded() -> Coded:
    walk = motion_walk(50)
    return Coded("motion", (keyframe(0),), 0, tuple(frame_at(i, walk, 0) for i in range(50)), 0, (), (), 2.0)


def test_fewer_frames_a_second_are_fewer_frames() -> None:
    half = adapted(coded(), CallSettings(fps=12.5), np.zeros(0, np.int16)).motion
    assert [frame.media_ms for frame in half] == list(range(0, 2000, 80))


def test_keypoints_that_are_left_out_stay_where_they_were() -> None:
    frame = adapted(coded(), CallSettings(keypoints=3), np.zeros(0, np.int16)).motion[9]
    sent, original = frame.symbols[KEYPOINT_SLICE], coded().motion[9].symbols[KEYPOINT_SLICE]
    assert np.array_equal(sent[:6], original[:6]) and not sent[6:].any()
    assert np.array_equal(frame.symbols[:22], coded().motion[9].symbols[:22])


def test_voice_packets_are_as_long_as_the_bundles_want() -> None:
    pcm = np.zeros(48_000, np.int16)
    assert [(packet.media_ms, packet.duration_ms) for packet in voice_packets(pcm, 100)][:2] == [
        (0, 100),
        (100, 100),
    ]
    settings = CallSettings(bundle_ms=200)
    assert {packet.duration_ms for packet in adapted(coded(), settings, pcm).voice} == {100}


def test_a_keyframe_policy_is_a_plan_of_the_sender() -> None:
    settings = CallSettings(references=4)
    plans = [plan_of(replace(settings, keyframes=policy)) for policy in ("one", "pose", "value")]
    assert [(plan.references, plan.by_value) for plan in plans] == [(1, False), (4, False), (1, True)]


def test_means_leave_out_what_failed_and_keep_persons_apart() -> None:
    planned = parse_sweep(
        {
            "sweep": "s",
            "asks": "?",
            "axis": "loss",
            "values": [0, 0.1],
            "measures": ["landmark_px", "sharp_ratio"],
        }
    )
    rows = [
        _row("a", 0, 1.0, 0.5),
        _row("b", 0, 3.0, 2.0),
        _row("a", 0.1, 5.0, 1.0),
        _row("b", 0.1, None, None, "no face"),
    ]
    results = results_of(planned, rows, {"name": "m", "sha256": ""}, RunOptions())
    assert [mean["measures"]["landmark_px"] for mean in results["means"]] == [2.0, 5.0]
    assert results["means"][0]["measures"]["sharp_ratio"] == 1.0
    assert [(row["person"], row["value"], row["measures"]["landmark_px"]) for row in results["persons"]] == [
        ("a", 0, 1.0), ("a", 0.1, 5.0), ("b", 0, 3.0), ("b", 0.1, None),
    ]  # fmt: skip


def _row(
    person: str, value: float, px: float | None, sharp: float | None, error: str | None = None
) -> dict[str, Any]:
    measures = {} if error else {"landmark_px": px, "sharp_ratio": sharp}
    return {
        "clip": person,
        "person": person,
        "value": value,
        "measures": measures,
        "absent": "",
        "error": error,
    }


def test_the_command_teaches_and_says_what_to_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--list"]) == 0
    assert "loss" in capsys.readouterr().out
    for words in (
        ["loss"],
        ["los", "--clips", ".", "--out", str(tmp_path)],
        ["loss", "--clips", "no", "--out", str(tmp_path)],
    ):
        assert main(words) == 102
        assert "\nsweeps: " in "\n" + capsys.readouterr().err
    with pytest.raises(UserError, match="too short"):
        RunOptions(seconds=0.5)
