"""A whole run with real encoders: results, resuming, clips that fail, and the command line."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.__main__ import main
from experiments.command_line import EXIT_USER, FAILED_MOST
from experiments.rates.cells import CellStore
from experiments.rates.clips import ClipFile
from experiments.rates.content import content_of
from experiments.rates.job import Job, failed_job, kept_facts, look_at, run_job
from experiments.rates.settings import RunSettings
from experiments.sample import SAMPLE_PATH

Frames = list[NDArray[np.uint8]]
RATES = (40.0, 3.0)


def job(tmp_path: Path, arm: str, path: Path = SAMPLE_PATH, kbps: tuple[float, ...] = RATES) -> Job:
    settings = RunSettings(path.parent, tmp_path, (arm,), kbps, seconds=1.0, every=12)
    return Job(ClipFile("clip", path, "a" * 64), arm, kbps, settings, "b" * 64)


def test_a_job_keeps_every_cell_with_rate_and_measures(tmp_path: Path) -> None:
    work = job(tmp_path, "facewire")
    done = run_job(work)
    assert [rate for rate, _ in done.results] == list(RATES)
    for rate, cell in done.results:
        assert cell["error"] is None and CellStore(tmp_path).get(work.cell(rate)) == cell
        assert cell["wire"]["kbps"] == pytest.approx(
            cell["wire"]["forward_kbps"] + cell["wire"]["back_kbps"], abs=0.01
        )
        assert cell["reached"] == (abs(cell["wire"]["kbps"] / rate - 1) <= 0.05)
        assert sum(cell["payload_kbps"].values()) < cell["wire"]["forward_kbps"]
        assert cell["measures"]["psnr_y_db"] > 15 and cell["measures"]["latency_p50_ms"] is None
    (_, rich), (_, poor) = done.results
    assert not poor["reached"] and rich["measures"]["psnr_y_db"] > poor["measures"]["psnr_y_db"]
    assert rich["measures"]["stoi"] == poor["measures"]["stoi"]


def test_a_clip_that_breaks_fails_all_its_cells_with_the_reason_and_keeps_none(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film")
    work = job(tmp_path, "h264", broken)
    done = run_job(work)
    assert all("cannot be opened" in cell["error"] for _, cell in done.results)
    assert CellStore(tmp_path).missing([work.cell(rate) for rate in RATES]) == [
        work.cell(rate) for rate in RATES
    ]
    facts = look_at((work.clip, work.settings))
    assert facts.error is not None and kept_facts(work.clip, work.settings) is None
    assert {cell["error"] for _, cell in failed_job(work, "gone").results} == {"gone"}


def run(clips: Path, out: Path, *more: str) -> tuple[int, dict[str, Any]]:
    words = [
        "run",
        "--clips",
        str(clips),
        "--out",
        str(out),
        "--seconds",
        "1",
        "--every",
        "12",
        "--workers",
        "1",
    ]
    status = main([*words, "--arms", "h264", "--kbps", "60,80", *more])
    return status, json.loads((out / "results.json").read_text())


@pytest.mark.slow
def test_a_run_reports_goes_on_where_it_was_and_names_what_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips, out = tmp_path / "clips", tmp_path / "out"
    clips.mkdir()
    shutil.copy(SAMPLE_PATH, clips / "good.mp4")
    (clips / "broken.mp4").write_bytes(b"no film")
    status, first = run(clips, out)
    assert status == 1 and "1 of 2 clips failed" in capsys.readouterr().err
    content = content_of(first)
    assert [clip.error is None for clip in content.clips] == [False, True]
    assert [(cell.clip, cell.target_kbps) for cell in content.cells] == [("good", 60.0), ("good", 80.0)]
    assert (out / "report.html").is_file() and "missing_measures" in first
    (clips / "broken.mp4").unlink()
    kept = sorted((out / "cells").iterdir())
    lost = next(path for path in kept if json.loads(path.read_text())["cell"]["kbps"] == 60.0)
    lost.write_text(lost.read_text()[:100])
    stamps = {path: path.stat().st_mtime_ns for path in kept if path != lost}
    status, second = run(clips, out)
    assert status == 0
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    plain = [
        [{k: v for k, v in cell.items() if k != "compute_s"} for cell in found["cells"]]
        for found in (first, second)
    ]
    assert plain[0] == plain[1]


def test_wrong_words_are_said_with_a_status_that_counts_no_clips(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--clips", str(tmp_path), "--out", str(tmp_path / "out")]
    for words in (
        ["run", *where], ["run", *where, "--arms", "av2"], ["run", *where, "--kbps", "x"], ["run", *where, "--link", "nowhere"],
        ["run", *where, "--seconds", "0"], ["run", *where, "--show-frames"],
    ):  # fmt: skip
        assert main(words) == EXIT_USER
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    for words in (["report", str(tmp_path)], ["report"], ["dance"]):
        assert main(words) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize("command", ["run", "sweep", "gfvc"])
def test_an_option_that_there_is_not_never_looks_like_two_failed_clips(command: str) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--what"])
    assert left.value.code == EXIT_USER > FAILED_MOST


def test_every_command_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == main(["--help"]) == 0
    assert "python -m experiments sweep" in capsys.readouterr().out
    for command in ("run", "sweep", "gfvc"):
        with pytest.raises(SystemExit) as left:
            main([command, "--help"])
        assert left.value.code == 0
        assert "--clips DIR" in capsys.readouterr().out
