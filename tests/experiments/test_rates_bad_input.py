"""Clips as people have them in one folder: each is in the page, the run goes on, its status counts those that failed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.__main__ import main
from experiments.sample import SAMPLE_PATH
from tests.experiments.rate_clips import placed, write_clip

Frames = list[NDArray[np.uint8]]
pytestmark = pytest.mark.slow
COUNT = 26
WORDS = ["--seconds", "1", "--every", "12", "--workers", "1", "--arms", "h264"]


def make(folder: Path, pictures: Frames) -> None:
    """One clip of each kind; what is wrong is in its name."""
    folder.mkdir()
    face, wall = pictures[:COUNT], np.full_like(pictures[0], 90)
    pcm = np.zeros(48_000, np.int16)
    write_clip(folder / "no_face.mp4", [wall] * COUNT)
    write_clip(folder / "two_faces.mp4", [_beside(picture) for picture in face], pcm=pcm)
    write_clip(folder / "no_voice.mp4", face)
    write_clip(folder / "one_frame.mp4", face[:1])
    write_clip(folder / "odd.mp4", [placed(picture, (361, 333), (60, 30)) for picture in face])
    large = (placed(picture.repeat(8, 0).repeat(8, 1), (4320, 7680), (1000, 2000)) for picture in face)
    write_clip(folder / "8k.avi", large, codec="mjpeg")
    (folder / "corrupt.mp4").write_bytes(SAMPLE_PATH.read_bytes()[:4000])


def _beside(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    wall = placed(cv2.resize(picture, (200, 256)), (256, 380), (0, 0))
    wall[:180, 200:] = cv2.resize(picture, (180, 180))
    return wall


def test_every_kind_of_bad_clip_is_in_the_page_and_the_status_counts_them(
    tmp_path: Path, sample_pictures: Frames, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "clips", sample_pictures)
    out = tmp_path / "out"
    status = main(["run", "--clips", str(tmp_path / "clips"), "--out", str(out), "--kbps", "80", *WORDS])
    found = json.loads((out / "results.json").read_text())
    clips = {clip["clip"]: clip for clip in found["clips"]}
    failed = {name for name, clip in clips.items() if clip["error"]}
    assert failed == {"no_face", "one_frame", "corrupt"}
    assert status == len(failed) and f"{len(failed)} of {len(clips)} clips failed" in capsys.readouterr().err
    assert {cell["clip"] for cell in found["cells"] if cell["error"] is None} == set(clips) - failed
    assert any("two faces" in warning for warning in clips["two_faces"]["warnings"])
    assert any("no sound" in warning for warning in clips["no_voice"]["warnings"])
    page = (out / "report.html").read_text()
    for name in failed:
        assert f"LEFT OUT: {clips[name]['error'].split(chr(39))[0][:20]}" in page
    assert all(name in page for name in clips)


def cells(out: Path) -> dict[str, int]:
    """Whole cells of arms and when they were written, by file name."""
    found = {}
    for path in (out / "cells").glob("*.json"):
        if json.loads(path.read_text())["cell"]["arm"] == "h264":
            found[path.name] = path.stat().st_mtime_ns
    return found


def start(words: list[str]) -> "subprocess.Popen[bytes]":
    where = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return subprocess.Popen(
        [sys.executable, "-m", "experiments", "run", *words], env=where, stderr=subprocess.DEVNULL
    )


def test_a_run_that_is_killed_loses_at_most_the_cell_it_was_at(tmp_path: Path) -> None:
    clips, out = tmp_path / "clips", tmp_path / "out"
    clips.mkdir()
    (clips / "one.mp4").symlink_to(SAMPLE_PATH)
    rates = [60 + 5 * i for i in range(8)]
    words = ["--clips", str(clips), "--out", str(out), "--kbps", ",".join(map(str, rates)), *WORDS]
    run = start(words)
    until = time.monotonic() + 120
    while (
        (not (out / "cells").is_dir() or len(cells(out)) < 2)
        and time.monotonic() < until
        and run.poll() is None
    ):
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.wait()
    kept = cells(out)
    assert 2 <= len(kept) < len(rates), "it was killed while it was at work"
    later = cells(out)
    end = time.monotonic() + 4  # what it had started leaves with it
    while time.monotonic() < end:
        later = cells(out)
        time.sleep(0.2)
    assert len(later) - len(kept) <= 3, "its process goes within seconds, each cell whole"
    assert start(words).wait(120) == 0
    whole = cells(out)
    assert len(whole) == len(rates)
    assert {name: whole[name] for name in later} == later, "nothing that was whole was measured again"
    assert not [path for path in (out / "cells").iterdir() if path.suffix == ".part"]


def results_of(out: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((out / "results.json").read_text())["cells"]
    return found


def test_with_the_folder_s_word_strips_and_players_are_in_the_page(tmp_path: Path) -> None:
    clips, out = tmp_path / "clips", tmp_path / "out"
    clips.mkdir()
    (clips / "one.mp4").symlink_to(SAMPLE_PATH)
    words = ["run", "--clips", str(clips), "--out", str(out), "--kbps", "80", *WORDS]
    assert main(words) == 0
    page = (out / "report.html").read_text()
    assert "<img" not in page and "<video" not in page and not (out / "strips").exists()
    (clips / "LICENCE.yaml").write_text("licence: the project's own sample\nmay_show: true\n")
    assert main([*words, "--show-frames"]) == 0
    page = (out / "report.html").read_text()
    assert page.count('src="data:image/jpeg') == 2 and page.count("<video") == 2
    assert "the project&#x27;s own sample" in page
    (cell,) = results_of(out)
    assert (out / cell["film"]).is_file() and f'src="./{cell["film"]}"' in page
