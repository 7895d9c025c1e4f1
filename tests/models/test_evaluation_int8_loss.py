"""models.evaluation.int8_loss: the marks, and a report over one short clip."""

import json
from pathlib import Path

import pytest

from models.evaluation.int8_loss import MAX_PSNR_LOSS_DB, MAX_VGG_LOSS, judge, main, open_pair
from shared.errors import UserError
from tests.models.clips import part_of_sample

pytestmark = pytest.mark.model


def means(psnr: float, vgg: float | None) -> dict[str, dict[str, float | None]]:
    return {"fp32": {"psnr_y_db": 30.0, "vgg": 1.0}, "int8": {"psnr_y_db": 30.0 - psnr, "vgg": vgg}}


def test_marks_are_kept_at_the_limit_and_missed_past_it() -> None:
    at = judge(means(MAX_PSNR_LOSS_DB, 1 + MAX_VGG_LOSS))
    assert at["kept"]
    psnr = judge(means(MAX_PSNR_LOSS_DB + 0.001, 1.0))
    assert not psnr["kept"] and psnr["marks"]["vgg"]["kept"]
    vgg = judge(means(0.0, 1 + MAX_VGG_LOSS + 0.001))
    assert not vgg["kept"] and vgg["marks"]["psnr_db"]["kept"]


def test_a_measure_that_could_not_be_taken_keeps_no_mark() -> None:
    assert not judge(means(0.0, None))["kept"]


def test_a_better_int8_is_a_negative_loss() -> None:
    assert judge(means(-0.1, 0.9))["loss"] == {"psnr_db": -0.1, "vgg": -0.1}


def test_a_size_without_an_int8_copy_is_said() -> None:
    with pytest.raises(UserError, match="int8"):
        open_pair("onnx", "none")


def test_a_report_holds_both_arms_of_every_clip(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    part_of_sample(tmp_path / "clips" / "sample.mp4", 4)
    out = tmp_path / "loss.json"
    status = main(
        ["--clips", str(tmp_path / "clips"), "--out", str(out), "--backend", "onnx", "--every", "2"]
    )
    result = json.loads(out.read_text())
    assert status == (0 if result["kept"] else 1)
    (row,) = result["clips"]
    lost = row["fp32"]["psnr_y_db"] - row["int8"]["psnr_y_db"]
    assert row["loss"]["psnr_db"] == pytest.approx(lost, abs=1e-3)
    assert row["fp32"] != row["int8"]
    assert result["sha256"]["fp32"] != result["sha256"]["int8"]
