import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.evaluation.__main__ import main
from models.evaluation.offline_call import Coded, OfflineSender, Plan, code_voice, through_bundles
from models.evaluation.offline_receiver import rebuild
from models.evaluation.results import mean_of
from models.runtime.base import Backend
from models.runtime.choose import choose_backend
from models.training.voice import read_pcm
from shared.errors import UserError
from shared.frames import MotionFrame
from tests.models.clips import grey_clip, part_of_sample, sample_frames

pytestmark = pytest.mark.model

COUNT = 12
MEASURES = (
    "psnr_y_db",
    "ssim_y",
    "ms_ssim",
    "vgg",
    "landmark_px",
    "mouth_px",
    "eye_px",
    "flicker",
    "sharp_ratio",
)


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return sample_frames(COUNT * 3)[::3]


@pytest.fixture(scope="module")
def sender() -> OfflineSender:
    return OfflineSender()


@pytest.fixture(scope="module")
def coded(sender: OfflineSender, frames: list[np.ndarray], sample_file: Path) -> Coded:
    return sender.code(frames, read_pcm(sample_file)[: 48 * 40 * COUNT])


@pytest.fixture(scope="module")
def backend() -> Backend:
    return choose_backend("onnx", "lite", 1)


def error(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    return float(np.mean([((a.astype(float) - b) ** 2).mean() for a, b in zip(one, other, strict=True)]))


def test_a_clip_is_coded_frame_by_frame(coded: Coded) -> None:
    assert [frame.media_ms for frame in coded.motion] == [40 * index for index in range(COUNT)]
    assert [keyframe.media_ms for keyframe in coded.keyframes] == [0]
    assert len(coded.voice) == COUNT * 40 // 80


@pytest.mark.parametrize("limit", [1000, 2000])
def test_the_keyframe_keeps_to_its_limit(sender: OfflineSender, frames: list[np.ndarray], limit: int) -> None:
    (keyframe,) = sender.code(frames[:1], np.zeros(0, np.int16), Plan(keyframe_bytes=limit)).keyframes
    assert len(keyframe.image) <= limit


def test_the_motion_fits_a_call(coded: Coded) -> None:
    rates = coded.payload_kbps()
    assert set(rates) == {"motion", "keyframe", "audio"}
    assert 0 < rates["motion"] < 6
    assert 0 < rates["audio"] < 9


def test_what_was_decoded_is_what_was_coded(coded: Coded) -> None:
    again, _ = through_bundles(coded.motion)
    assert all(np.array_equal(a.symbols, b.symbols) for a, b in zip(again, coded.motion, strict=True))


def test_the_rebuilt_clip_is_closer_than_the_frozen_frame(
    coded: Coded, backend: Backend, frames: list[np.ndarray]
) -> None:
    rebuilt = rebuild(coded, backend, COUNT)
    assert len(rebuilt) == COUNT
    assert all(picture.shape == (256, 256, 3) and picture.dtype == np.uint8 for picture in rebuilt)
    assert error(rebuilt[1:], frames[1:]) < error([frames[0]] * (COUNT - 1), frames[1:])


def test_a_muted_clip_is_rebuilt_too(coded: Coded, backend: Backend) -> None:
    assert len(rebuild(coded, backend, 3, muted=True)) == 3


def test_motion_that_did_not_come_is_concealed_as_in_a_call(coded: Coded, backend: Backend) -> None:
    gap = replace(coded, motion=coded.motion[:2])
    whole, pictures = rebuild(coded, backend, 4, muted=True), rebuild(gap, backend, 4, muted=True)
    assert all(np.array_equal(whole[i], pictures[i]) for i in range(2))
    assert not np.array_equal(whole[3], pictures[3])
    assert error(pictures[3:], pictures[1:2]) < error(pictures[3:], [np.zeros_like(pictures[1])]) / 10


def test_a_clip_without_a_face_is_an_error(sender: OfflineSender) -> None:
    with pytest.raises(UserError, match="no face"):
        sender.code([np.full((256, 256, 3), 128, np.uint8)] * 3, np.zeros(0, np.int16))


def test_no_sound_gives_no_packets() -> None:
    assert code_voice(np.zeros(0, np.int16)) == ()


def test_bundles_of_odd_length_are_whole(coded: Coded) -> None:
    odd: tuple[MotionFrame, ...] = coded.motion[:5]
    assert len(through_bundles(odd)[0]) == 5


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], int]:
    """A report over one good clip and one without a face: file, arguments, exit status."""
    folder = tmp_path_factory.mktemp("evaluation")
    (folder / "clips").mkdir()
    part_of_sample(folder / "clips" / "sample.mp4", 8)
    grey_clip(folder / "clips" / "nobody.mp4")
    arguments = ["--clips", str(folder / "clips"), "--out", str(folder / "report.json"), "--backend", "onnx",
                 "--every", "6", "--no-rivals"]  # fmt: skip
    return folder / "report.json", arguments, main(arguments)


def test_a_report_has_the_agreed_form(report: tuple[Path, list[str], int]) -> None:
    result = json.loads(report[0].read_text())
    assert {"model", "settings", "mean", "clips"} <= set(result)
    assert result["model"]["name"].startswith("facewire-lite") and len(result["model"]["sha256"]) == 64
    row = next(row for row in result["clips"] if row["clip"] == "sample")
    assert set(row["payload_kbps"]) == {"motion", "keyframe", "audio"}
    for arm in ("rebuilt", "frozen", "mesh_warp"):
        assert set(MEASURES) <= set(row[arm])
        assert row[arm]["psnr_y_db"] > 15
        assert result["mean"][arm]["psnr_y_db"] == row[arm]["psnr_y_db"]


def test_a_clip_that_cannot_be_evaluated_is_named(report: tuple[Path, list[str], int]) -> None:
    result = json.loads(report[0].read_text())
    assert report[2] == 3
    assert {row["clip"]: row.get("error") for row in result["clips"]}[
        "nobody"
    ] == "no face was found in this clip"


def test_a_second_run_keeps_what_is_there(report: tuple[Path, list[str], int]) -> None:
    path, arguments, _ = report
    before = json.loads(path.read_text())
    good = next(row for row in before["clips"] if "error" not in row)
    good["rebuilt"]["psnr_y_db"] = 12.5
    path.write_text(json.dumps(before))
    assert main(arguments) == 3, "a clip left out before is still left out"
    after = json.loads(path.read_text())
    assert [row["clip"] for row in after["clips"]] == [row["clip"] for row in before["clips"]]
    assert next(row for row in after["clips"] if row["clip"] == good["clip"])["rebuilt"]["psnr_y_db"] == 12.5


@pytest.mark.parametrize("change", [["--every", "3"], ["--muted"]])
def test_results_of_other_settings_are_not_mixed(
    report: tuple[Path, list[str], int], capsys: pytest.CaptureFixture[str], change: list[str]
) -> None:
    before = report[0].read_bytes()
    assert main([*report[1], *change]) == 2
    assert "other settings" in capsys.readouterr().err
    assert report[0].read_bytes() == before


def test_a_damaged_report_is_an_error_and_stays(
    report: tuple[Path, list[str], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "half.json").write_text('{"clips": [')
    arguments = [*report[1]]
    arguments[3] = str(tmp_path / "half.json")
    assert main(arguments) == 2
    assert "cannot be continued" in capsys.readouterr().err
    assert (tmp_path / "half.json").read_text() == '{"clips": ['


def test_means_leave_out_what_could_not_be_measured() -> None:
    rows = [
        {"clip": "a", "rebuilt": {"vgg": None, "psnr_y_db": 20.0}},
        {"clip": "b", "rebuilt": {"vgg": 0.5, "psnr_y_db": 30.0}},
    ]
    assert mean_of(rows) == {"rebuilt": {"vgg": 0.5, "psnr_y_db": 25.0}}
    assert mean_of([]) == {}


def test_a_measure_that_is_missing_is_not_printed_as_nought() -> None:
    from models.evaluation.results import line

    scores = {"psnr_y_db": 24.65, "vgg": None, "landmark_px": 1.5}
    assert line({"clip": "a", "rebuilt": scores}) == "a | rebuilt 24.6 dB vgg - lm 1.50"
    assert line({"clip": "a", "rebuilt": scores | {"vgg": 0.5, "landmark_px": None}}).endswith(
        "vgg 0.500 lm -"
    )
