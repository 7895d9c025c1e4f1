"""experiments.motion_table: rates and errors move the way they must, and nothing is coded that does not come back."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from experiments.motion_table import main, markdown, measure, unquantised_px
from experiments.motion_table_clips import ClipMotion
from experiments.motion_table_coding import Setting, code_clip, quantised, tables_for
from shared.coding import mesh_basis
from shared.coding.mesh_motion import driving_points
from shared.coding.motion_layout import AFFINE, ANCHOR_SYMBOLS, EXPRESSION
from shared.coding.tables import load_tables
from tests.experiments.conftest import Picture

SHIPPED = Setting(EXPRESSION, 1.0, 1)


@pytest.fixture(scope="module")
def clip() -> ClipMotion:
    """A head that sways and speaks: smooth random numbers on the mean face."""
    rng = np.random.default_rng(3)
    basis, count = mesh_basis.default_basis(), 40
    time_s = np.arange(count)[:, None] / 25
    affine = 0.04 * np.sin(time_s * rng.uniform(2, 6, AFFINE) + rng.uniform(0, 6, AFFINE))
    expression = 0.2 * np.sin(time_s * rng.uniform(6, 14, EXPRESSION) + rng.uniform(0, 6, EXPRESSION))
    reference = (basis.mean * 0.5).astype(np.float32)
    points = np.stack(
        [
            mesh_basis.driving_points(reference, a, e)
            for a, e in zip(affine.astype(np.float32), expression.astype(np.float32), strict=True)
        ]
    )
    fitted = np.stack([mesh_basis.fit_affine(reference, mesh, basis.rigid) for mesh in points])
    learned = (0.1 * np.sin(time_s * rng.uniform(2, 9, ANCHOR_SYMBOLS))).astype(np.float32)
    bare = ClipMotion("made up", reference, points, fitted, learned, points)
    free = np.stack([driving_points(reference, bare.values(i, fitted[i])) for i in range(count)])
    return ClipMotion("made up", reference, points, fitted, learned, free)


def test_shipped_settings_are_the_shipped_tables() -> None:
    ours, shipped = tables_for(SHIPPED), load_tables()
    assert np.array_equal(ours.motion.step, shipped.motion.step)
    assert np.array_equal(ours.motion.absolute, shipped.motion.absolute)
    assert np.array_equal(ours.motion.maximum, shipped.motion.maximum)
    assert np.array_equal(ours.delta.rungs, shipped.delta.rungs)


def test_coarser_steps_cost_less_and_err_more(clip: ClipMotion) -> None:
    rows = [measure(Setting(EXPRESSION, step, 1), [clip]) for step in (0.7, 1.0, 1.4, 2.0)]
    assert sorted((row.motion_kbps for row in rows), reverse=True) == [row.motion_kbps for row in rows]
    assert sorted(row.error_px for row in rows) == [row.error_px for row in rows]
    assert rows[0].coder_ms > 0


def test_fewer_components_cost_less_and_err_more(clip: ClipMotion) -> None:
    rows = [measure(Setting(components, 1.0, 1), [clip]) for components in (8, 12, 16)]
    assert rows[0].motion_kbps < rows[1].motion_kbps < rows[2].motion_kbps
    assert rows[0].error_px > rows[1].error_px > rows[2].error_px


def test_components_that_are_left_out_cost_nothing(clip: ClipMotion) -> None:
    setting = Setting(8, 1.0, 1)
    cheap = code_clip(clip, setting, tables_for(setting))
    dear = code_clip(clip, setting, load_tables())
    assert cheap.sent_bytes < dear.sent_bytes
    assert all(
        not frame.symbols[AFFINE + 8 : AFFINE + 16].any() for frame in quantised(clip, setting, load_tables())
    )


def test_half_the_frames_cost_less_and_are_interpolated(clip: ClipMotion) -> None:
    full, half = measure(SHIPPED, [clip]), measure(Setting(EXPRESSION, 1.0, 2), [clip])
    assert (full.fps, half.fps) == (25, 12.5)
    assert half.motion_kbps < full.motion_kbps < 2 * half.motion_kbps
    coded = code_clip(clip, Setting(EXPRESSION, 1.0, 2), load_tables())
    assert len(coded.error_px) == len(clip.points)
    assert full.error_px < half.error_px
    held = [
        float(np.linalg.norm(clip.free[i] - clip.free[i - i % 2], axis=1).mean()) * 128 for i in range(40)
    ]
    assert half.error_px < full.error_px + float(np.mean(held))


def test_growth_is_against_what_the_unquantised_code_cannot_say(clip: ClipMotion) -> None:
    row = measure(SHIPPED, [clip])
    assert row.tracked_growth == pytest.approx(row.tracked_px / unquantised_px([clip]), rel=0.01)


def test_the_table_is_markdown_with_a_line_for_each_row(clip: ClipMotion) -> None:
    lines = markdown([measure(SHIPPED, [clip])]).splitlines()
    assert len(lines) == 3 and len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| 16 | x1 | 25 |")


@pytest.mark.model
def test_the_command_measures_a_clip_from_its_pixels(
    tmp_path: Path, sample_pictures: list[Picture], capsys: pytest.CaptureFixture[str]
) -> None:
    write_clip(tmp_path / "clips" / "short.mp4", sample_pictures[40:52])
    assert main(["--clips", str(tmp_path / "clips"), "--out", str(tmp_path / "table.json")]) == 0
    content = json.loads((tmp_path / "table.json").read_text())
    assert content["clips"] == ["short"] and content["frames"] == 12
    assert len(content["rows"]) == 3 * 4 * 2
    assert capsys.readouterr().out.count("\n") == 26
    assert main(["--clips", str(tmp_path / "clips"), "--cache", str(tmp_path), "--out", "x"]) == 2


def write_clip(path: Path, pictures: list[Picture]) -> None:
    """A film with a second of silence as its sound."""
    path.parent.mkdir()
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "10"})
        video.width = video.height = 256
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=16_000, layout="mono")
        for picture in pictures:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate, sound.pts = 16_000, 0
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
