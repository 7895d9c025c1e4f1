import json
from pathlib import Path

import pytest

from models.training.ablation import ROWS, main
from models.training.ablation_table import table
from models.training.checkpoint import load_checkpoint
from models.training.leave_out import PARTS
from models.training.settings import read_settings
from tests.models.test_training import same, signals  # noqa: F401  (a fixture)

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def arguments(cache_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("ablation")
    (folder / "base.yaml").write_text("size: tiny\nreferences: 1\nwarmup: 2\n")
    return ["--cache", str(cache_folder), "--out", str(folder / "out"), "--base", str(folder / "base.yaml"),
            "--vgg", str(folder / "none"), "--minutes", "0.0001", "--rows", "blend"]  # fmt: skip


@pytest.fixture(scope="module")
def done(arguments: list[str]) -> Path:
    assert main(arguments) == 0
    return Path(arguments[3])


def test_rows_differ_in_what_is_left_out_and_in_nothing_else(done: Path) -> None:
    rows = json.loads((done / "ablation.json").read_text())["rows"]
    assert list(rows) == ["whole", "blend"]
    whole, blend = (dict(rows[name]["settings"]) for name in rows)
    assert (whole.pop("without"), blend.pop("without")) == ([], ["blend"])
    assert whole == blend
    assert rows["whole"]["samples"] == rows["blend"]["samples"] > 0
    assert rows["whole"]["scores"]["rebuilt_psnr"] != rows["blend"]["scores"]["rebuilt_psnr"]


def test_the_table_has_a_line_for_each_row(done: Path) -> None:
    lines = (done / "ablation.md").read_text().splitlines()
    assert lines[2].startswith("| nothing |") and lines[3].startswith("| blend |")
    assert "(" not in lines[2] and "(" in lines[3]


def test_a_second_run_trains_nothing_again(done: Path, arguments: list[str]) -> None:
    before = load_checkpoint(done / "blend" / "checkpoint.pt")
    assert main(arguments) == 0
    assert same(before["codec"], load_checkpoint(done / "blend" / "checkpoint.pt")["codec"])


def test_another_budget_is_not_mixed_in(
    done: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--minutes", "7"]) == 2
    assert "other settings" in capsys.readouterr().err


def test_an_unknown_row_is_refused_by_name(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--rows", "hair"]) == 2
    assert "no row hair" in capsys.readouterr().err


def test_every_part_has_a_row_and_there_is_the_form_of_fomm() -> None:
    rows = {path.stem: read_settings(path).without for path in ROWS.glob("*.yaml")}
    assert {part for left in rows.values() if len(left) == 1 for part in left} == set(PARTS)
    assert set(rows["fomm"]) == {"mesh", "base_flow"} and rows["whole"] == ()


def test_differences_have_a_sign() -> None:
    scores = {"rebuilt_psnr": 20.0}
    rows = {
        "whole": {"scores": scores, "samples": 4, "without": []},
        "mesh": {"scores": {"rebuilt_psnr": 18.5}, "samples": 4, "without": ["mesh"]},
    }
    assert "| mesh | 4 | 18.50 (-1.50) |" in table(rows)
