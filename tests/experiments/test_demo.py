"""experiments.demo: the measuring half on a made-up call, the command line's answers, and one real call."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import onnx
import psutil
import pytest
from numpy.typing import NDArray

from experiments.demo.__main__ import NO_CAMERA, main
from experiments.demo.measure import measure_call
from experiments.demo.page import render_page
from experiments.demo.processes import wait_until
from experiments.demo.video import Column, write_side_by_side
from models.export.manifest import write_manifest
from models.runtime.graph_backend import weight_names
from models.weights import WEIGHTS_DIR, bundle_digest, read_manifest
from tests.experiments.made_up_call import write_call
from tests.experiments.test_report import GROUPS

Picture = NDArray[np.uint8]


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "experiments.demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.model
def test_a_finished_call_becomes_numbers_and_a_page_without_requests(
    tmp_path: Path, sample_pictures: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.measures.vgg.DEFAULT_WEIGHTS", tmp_path / "absent")
    clip = sample_pictures[40:80]
    outcome = write_call(tmp_path, clip, [cv2.GaussianBlur(p, (0, 0), 1).astype(np.uint8) for p in clip])
    steps: list[str] = []
    measured = measure_call(outcome, None, lambda what, _: steps.append(what))
    quality = measured.report.quality
    assert measured.vgg_absent and quality["rebuilt"].vgg is None
    assert quality["rebuilt"].landmark_px is not None and quality["frozen"].landmark_px is not None
    assert quality["rebuilt"].landmark_px < quality["frozen"].landmark_px
    assert measured.rival.target_kbps == pytest.approx(20 - 6 - 8.5, abs=0.5)
    assert set(steps) == {"AV1 at the same rate", "measuring"}
    page = render_page(measured, "a <clip>.mp4")
    assert "a &lt;clip&gt;.mp4" in page
    assert not any(mark in page for mark in ("http:", "https:", "<script", "<link", "url("))
    assert page.count("<img") == 15
    assert "prefers-color-scheme:dark" in page
    assert "synthetic" in page and "600" in page


def test_side_by_side_has_all_columns_their_labels_and_the_voice(
    tmp_path: Path, sample_pictures: list[Picture]
) -> None:
    columns = [Column(name, sample_pictures[:10]) for name in ("original", "facewire", "AV1")]
    write_side_by_side(tmp_path / "film.mp4", columns, np.zeros(48_000, np.int16), 48_000)
    with av.open(str(tmp_path / "film.mp4")) as container:
        assert len(container.streams.audio) == 1
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 10
    assert frames[0].shape == (280, 776, 3)
    assert frames[0][:24].max() > 150
    assert np.abs(frames[5][24:, 520:].astype(int) - sample_pictures[5]).mean() < 4


def test_side_by_side_without_a_voice_is_a_silent_film(
    tmp_path: Path, sample_pictures: list[Picture]
) -> None:
    columns = [Column("original", sample_pictures[:3])] * 3
    write_side_by_side(tmp_path / "film.mp4", columns, np.zeros(0, np.int16), 48_000)
    with av.open(str(tmp_path / "film.mp4")) as container:
        assert not container.streams.audio


def test_a_missing_file_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--input", str(tmp_path / "absent.mp4"), "--out", str(tmp_path)]) == 2
    words = capsys.readouterr().err
    assert "There is no file" in words and words.count("\n") == 1


@pytest.mark.parametrize("seconds", ["0.5", "121", "nan"])
def test_an_impossible_length_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seconds: str
) -> None:
    assert main(["--seconds", seconds, "--out", str(tmp_path)]) == 2
    assert "choose 1 to 120" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["--out", str(tmp_path / "file" / "out")]) == 2
    assert "Choose another --out" in capsys.readouterr().err


@pytest.mark.skipif(bool(list(Path("/dev").glob("video*"))), reason="this machine has a camera")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there is it known before trying")
def test_a_camera_that_is_not_there_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--input", "camera", "--out", str(tmp_path)]) == 2
    assert NO_CAMERA in capsys.readouterr().err


@pytest.mark.e2e
@pytest.mark.network
def test_what_the_sender_cannot_open_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"this is no film" * 100)
    done = run_demo("--input", str(tmp_path / "clip.mp4"), "--out", str(tmp_path / "demo"))
    assert done.returncode == 2
    assert done.stderr.count("demo: the sender failed:") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.e2e
@pytest.mark.network
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_leaves_a_playable_film_and_no_process(tmp_path: Path) -> None:
    film = tmp_path / "reconstructed.mp4"
    command = [sys.executable, "-m", "experiments.demo", "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as demo:
        assert wait_until(lambda: film.is_file() and film.stat().st_size > 60_000, 90)
        children = psutil.Process(demo.pid).children(recursive=True)
        demo.send_signal(signal.SIGINT)
        _, words = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert str(film) in words
    assert not [child for child in children if child.is_running()]
    with av.open(str(film)) as container:
        assert len(list(container.decode(video=0))) >= 10


def _shipped_digest() -> str:
    return bundle_digest(list(weight_names("lite", read_manifest())))


@pytest.mark.e2e
@pytest.mark.network
def test_three_seconds_of_the_sample_end_to_end_with_weights_of_ones_own(tmp_path: Path) -> None:
    out, own = tmp_path / "demo", tmp_path / "weights"
    for group in ("lite", "analyser"):
        shutil.copytree(WEIGHTS_DIR / group, own / group)
    encode = onnx.load(own / "lite" / "encode_reference.onnx")
    encode.doc_string = "another file that computes the same"
    onnx.save(encode, own / "lite" / "encode_reference.onnx")
    write_manifest({"lite": "own", "analyser": "own"}, own)
    done = run_demo("--out", str(out), "--seconds", "3", "--weights", str(own), "--size", "lite")
    assert done.returncode == 0, done.stderr
    report = json.loads((out / "report.json").read_text())
    assert {group: set(value) for group, value in report.items()} == GROUPS
    assert report["model"]["sha256"] not in ("", _shipped_digest())
    assert report["frames"]["rendered"] >= 50
    assert 3 < report["wire"]["forward_kbps"] < 60
    assert (out / "report.html").stat().st_size > 10_000
    for name in ("reconstructed.mp4", "side_by_side.mp4"):
        with av.open(str(out / name)) as container:
            assert len(list(container.decode(video=0))) >= 50
            assert container.streams.audio
