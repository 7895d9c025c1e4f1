"""What a repository may hold of a run: everything that was measured, no place of a machine, nobody's picture."""

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.__main__ import main
from experiments.rates.content import content_of
from experiments.rates.publish import COLUMNS, FILE_NAME, as_text, published
from shared.errors import UserError
from tests.experiments.made_up_rates import clip, failed, results

pytest.importorskip("matplotlib", reason="plots need matplotlib")
PLACE = "/srv/somebody/films/one.mp4"


def raw(**changed: Any) -> dict[str, Any]:
    found = results({"facewire": 2.0, "av1": 1.0, "h264": 0.8}, **changed)
    found["clips"][0] |= {"path": PLACE, "may_show": True, "strip": "strips/one.jpg"}
    broken = "/srv/somebody/films/broken.mp4"
    found["clips"].append(clip("broken", path=broken, error=f"{broken} is empty"))
    found["cells"][0] = failed("one", "facewire", 6.0, f"{PLACE} cannot be decoded")
    return found


def published_of(content: dict[str, Any]) -> dict[str, Any]:
    return published(content, content_of(content))


def test_every_cell_is_there_once_and_places_and_pictures_are_not() -> None:
    found = published_of(raw())
    text = json.dumps(found)
    assert "/srv" not in text and "somebody" not in text and "strip" not in text and "path" not in text
    assert found["clips"][-1]["error"] == "broken is empty"
    assert found["failed"] == [
        {"clip": "one", "arm": "facewire", "target_kbps": 6.0, "error": "one cannot be decoded"}
    ]
    rows = [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]
    assert found["columns"][: len(COLUMNS)] == list(COLUMNS)
    assert len({(row["clip"], row["arm"], row["target_kbps"]) for row in rows}) == len(rows) == 5 * 3 * 6 - 1
    row = next(row for row in rows if (row["clip"], row["arm"], row["target_kbps"]) == ("two", "av1", 10.0))
    source = next(
        cell
        for cell in raw()["cells"]
        if (cell["clip"], cell["arm"], cell["target_kbps"]) == ("two", "av1", 10.0)
    )
    assert row["kbps"] == pytest.approx(source["wire"]["kbps"]) and row["reached"] is True
    assert row["vgg"] == pytest.approx(source["measures"]["vgg"], abs=1e-4)
    assert (
        found["machine"] == "a machine"
        and found["commit"] == "abc1234"
        and found["model"]["sha256"] == "f" * 64
    )


def test_our_arm_has_a_bd_rate_and_wins_against_every_rival() -> None:
    found = published_of(raw())
    assert {row["anchor"] for row in found["bd_rate"]} == {"av1", "h264"}
    by_vgg = {row["anchor"]: row for row in found["bd_rate"] if row["measure"] == "vgg"}
    assert by_vgg["av1"]["percent"] == pytest.approx(-50, abs=0.1)
    assert by_vgg["av1"]["low"] <= by_vgg["av1"]["percent"] <= by_vgg["av1"]["high"]
    assert {(win["arm"], win["other"]) for win in found["wins"]} == {
        ("facewire", "av1"),
        ("facewire", "h264"),
    }


@pytest.mark.parametrize(
    "place", ["see /srv/x", "in C:\\films", "(~/films)", "file://x", "\\\\host\\films", "'/tmp'"]
)
def test_a_text_that_still_names_a_place_is_refused(place: str) -> None:
    wrong = raw()
    wrong["clips"][1]["warnings"] = [place]
    with pytest.raises(UserError, match="place of this machine"):
        published_of(wrong)


@pytest.mark.parametrize("text", ["12.5/25 pictures", "kbit/s", "a/b", "and/or", "50 % / 60 %", "16:9"])
def test_an_ordinary_stroke_is_no_place(text: str) -> None:
    fine = raw()
    fine["clips"][1]["warnings"] = [text]
    assert published_of(fine)["clips"][1]["warnings"] == [text]


def test_the_command_writes_json_and_plots_and_the_same_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results.json").write_text(json.dumps(raw()))
    assert main(["publish", str(tmp_path)]) == 0
    said = capsys.readouterr().out.split()
    folder = tmp_path / "published"
    assert {Path(line) for line in said} == {path for path in folder.rglob("*") if path.is_file()}
    assert (folder / "plots" / "vgg.svg").is_file() and not (folder / "plots" / "pesq.svg").exists()
    written = (folder / FILE_NAME).read_text()
    assert json.loads(written) == published_of(raw()) and written == as_text(published_of(raw()))
    svg = (folder / "plots" / "vgg.svg").read_bytes()
    assert main(["publish", str(tmp_path), "--to", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again" / FILE_NAME).read_text() == written
    assert (tmp_path / "again" / "plots" / "vgg.svg").read_bytes() == svg


def test_a_folder_without_results_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", str(tmp_path)]) == 2
    assert "results.json" in capsys.readouterr().err
