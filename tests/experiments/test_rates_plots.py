"""experiments.rates.plots and report: files for papers, a report made from a folder, and the same again the same."""

import json
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from experiments.rates import plots
from experiments.rates.content import FILE_NAME, content_of
from experiments.rates.plots import write_plots
from experiments.rates.report import report
from experiments.rates.tables import tables_of
from shared.errors import UserError
from tests.experiments.made_up_rates import failed, results


@pytest.fixture
def no_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)


def saved(folder: Path, **changed: object) -> Path:
    raw = results({"facewire": 2.0, "av1": 1.0}, clips=("one", "two"), targets=(6.0, 10.0, 20.0)) | changed
    (folder / FILE_NAME).write_text(json.dumps(raw))
    return folder


def test_there_is_a_png_and_an_svg_per_measure_and_svgs_are_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'facewire[plots]'")
    raw = results({"facewire": 2.0, "_$av1$": 1.0}, clips=("one", "two"), targets=(6.0, 10.0, 20.0))
    for each in raw["cells"]:
        each["measures"] = {name: each["measures"][name] for name in ("vgg", "sharp_ratio")}
    raw["cells"][0]["reached"] = False
    content = content_of(raw)
    files = write_plots(content, tables_of(content), tmp_path)
    assert [path.name for path in files] == ["vgg.png", "vgg.svg", "sharp_ratio.png", "sharp_ratio.svg"]
    first = files[1].read_bytes()
    text = "".join(ElementTree.fromstring(first).itertext())
    assert "facewire" in text and "_$av1$" in text and "lower is better" in text
    assert "hollow: not every clip took the rate" in text
    write_plots(content, tables_of(content), tmp_path)
    assert files[1].read_bytes() == first


def test_without_matplotlib_the_line_that_installs_it_is_said(tmp_path: Path, no_matplotlib: None) -> None:
    content = content_of(results({"facewire": 2.0}))
    with pytest.raises(UserError, match=r"pip install 'facewire\[plots\]'"):
        write_plots(content, tables_of(content), tmp_path)
    assert not (tmp_path / plots.FOLDER).exists()


def test_a_report_is_everything_but_plots_without_matplotlib(tmp_path: Path, no_matplotlib: None) -> None:
    said: list[str] = []
    report(saved(tmp_path), said.append)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {FILE_NAME, "report.html", "cells.csv", "curves.csv", "bd_rate.csv"}
    assert said[0].startswith("Best at equal rate (kbit/s): by vgg facewire at 6 to 20; by face points")
    assert said[-1].startswith("Plots are left out: ")
    tables = json.loads((tmp_path / FILE_NAME).read_text())["tables"]
    assert {"curves", "bd_rate", "wins", "persons"} <= set(tables)
    assert tables["wins"][0] | {"share": 1.0, "clips": 2} == tables["wins"][0]


def test_a_second_report_changes_no_byte(tmp_path: Path, no_matplotlib: None) -> None:
    report(saved(tmp_path), lambda _: None)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    report(tmp_path, lambda _: None)
    assert first == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_what_others_put_into_the_results_is_kept(tmp_path: Path, no_matplotlib: None) -> None:
    report(saved(tmp_path, added={"by": "a newer program"}), lambda _: None)
    assert json.loads((tmp_path / FILE_NAME).read_text())["added"] == {"by": "a newer program"}


def test_results_in_which_everything_failed_still_have_a_report(tmp_path: Path) -> None:
    said: list[str] = []
    report(saved(tmp_path, cells=[failed("one", "av1", 6.0)]), said.append)
    assert said[0] == "Nothing was measured of the pictures; cells that failed: 1."
    assert "the encoder ended with 1" in (tmp_path / "report.html").read_text()


def test_a_damaged_file_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"rows": []}')
    with pytest.raises(UserError, match="arms is null"):
        report(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_folder_that_cannot_be_written_is_the_users_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *arguments: object, **options: object) -> int:
        raise OSError(28, "No space left on device")

    saved(tmp_path)
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match="No space left"):
        report(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
