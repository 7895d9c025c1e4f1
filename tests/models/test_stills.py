from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.training.cache import main
from models.training.clips import find_stills
from models.training.dataset import CachedClip, open_stills
from models.training.samples import Batch, Sampler
from models.training.settings import Settings
from models.training.stills import LARGEST_MOVE, move_mesh, repose, warp_picture
from shared.errors import UserError
from tests.models.clips import sample_frames

STILLS = Settings(size="tiny", references=2, frames=2, stills_share=1.0, seed=3)


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one face, one grey picture and one file that is no picture."""
    folder = tmp_path_factory.mktemp("portraits")
    face = np.pad(sample_frames(1)[0], ((0, 0), (20, 20), (0, 0)), mode="edge")
    cv2.imwrite(str(folder / "face.png"), face[:, :, ::-1])
    cv2.imwrite(str(folder / "grey.png"), np.full((256, 256, 3), 128, np.uint8))
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def still(portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> CachedClip:
    out = tmp_path_factory.mktemp("cache")
    assert main(["--stills", str(portraits), "--out", str(out), "--workers", "1"]) == 3
    (only,) = open_stills(out)
    return only


def test_a_portrait_is_cached_as_a_clip_of_one_frame(still: CachedClip) -> None:
    assert (still.name, still.person, still.split, still.source_px) == ("face", "face", "train", 256)
    assert still.frames.shape == (1, 256, 256, 3) and still.masks.shape == (1, 64, 64)
    assert still.keyframes.shape == (2, 256, 256, 3) and list(still.keyframe_indices) == [0, 0]
    assert still.voice is None
    assert np.abs(still.keyframes[1].astype(int) - still.frames[0]).mean() < 10


def test_what_has_no_face_or_is_no_picture_is_named(
    portraits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--stills", str(portraits), "--out", str(tmp_path), "--workers", "1"]) == 3
    said = capsys.readouterr().out
    assert "left out broken: broken.jpg cannot be read as a picture" in said
    assert "left out grey: no steady face" in said


def test_a_table_names_the_people_and_chooses_the_files(portraits: Path, tmp_path: Path) -> None:
    (tmp_path / "stills").mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / "stills" / name).write_bytes(b"")
    (tmp_path / "stills.csv").write_text("file,person\na.jpg,ana\nb.jpg,ana\n")
    assert [(clip.name, clip.person) for clip in find_stills(tmp_path / "stills")] == [
        ("a", "ana"),
        ("b", "ana"),
    ]


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No portraits"):
        find_stills(tmp_path)


def test_a_mesh_moves_as_the_clip_moved(mesh: np.ndarray) -> None:
    shifted = (mesh + np.float32([0.05, -0.02])).astype(np.float32)
    smaller = (mesh * np.float32(0.8)).astype(np.float32)
    assert np.allclose(move_mesh(smaller, mesh, mesh), smaller, atol=1e-5)
    assert np.allclose(move_mesh(smaller, mesh, shifted), smaller + np.float32([0.05, -0.02]), atol=1e-4)


def test_a_mesh_moves_no_farther_than_a_portrait_allows(mesh: np.ndarray) -> None:
    far = (mesh + np.float32([0.8, 0])).astype(np.float32)
    distance = np.linalg.norm(move_mesh(mesh, mesh, far) - mesh, axis=1).mean()
    assert distance == pytest.approx(LARGEST_MOVE, rel=0.01)


def test_the_face_of_the_picture_moves_with_the_mesh(still: CachedClip) -> None:
    mesh = np.array(still.points[0])
    shift = 8 / 128
    picture = np.asarray(still.frames[0])
    warped = warp_picture(picture, mesh, (mesh + np.float32([shift, 0])).astype(np.float32))
    x, y = ((mesh.mean(axis=0) + 1) * 128).astype(int)
    here = warped[y - 15 : y + 15, x - 7 : x + 23].astype(int)
    there = picture[y - 15 : y + 15, x - 15 : x + 15].astype(int)
    assert np.abs(here - there).mean() < 3
    assert np.array_equal(warp_picture(picture, mesh, mesh), picture)


def test_a_reposed_still_is_itself_and_then_its_poses(still: CachedClip, cached: list[CachedClip]) -> None:
    posed = repose(still, cached[0], 0, [0, 5])
    assert posed.frames.shape == (3, 256, 256, 3) and posed.masks.shape == (3, 64, 64)
    assert np.array_equal(posed.frames[0], still.frames[0])
    assert np.abs(posed.points[1] - posed.points[0]).max() < 1e-4
    assert np.abs(posed.points[2] - posed.points[0]).max() > 1e-3


def test_a_batch_of_stills_is_a_function_of_its_number(still: CachedClip, cached: list[CachedClip]) -> None:
    one, other = (Sampler(cached, STILLS, [still]) for _ in range(2))
    one.batch(0)
    first, second = one.batch(7), other.batch(7)
    assert all(np.array_equal(getattr(first, f.name), getattr(second, f.name)) for f in fields(Batch))
    assert first.target.shape == (2, 2, 3, 256, 256) and first.voice_present.sum() == 0


def test_portraits_nobody_asked_for_change_no_batch(still: CachedClip, cached: list[CachedClip]) -> None:
    plain = Settings(size="tiny", references=1)
    one, other = Sampler(cached, plain).batch(2), Sampler(cached, plain, [still]).batch(2)
    assert all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(Batch))


def test_asking_for_portraits_without_having_any_is_an_error(cached: list[CachedClip]) -> None:
    with pytest.raises(UserError, match="--stills"):
        Sampler(cached, STILLS)


def test_nothing_to_cache_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--out", str(tmp_path)])
    assert "nothing to cache" in capsys.readouterr().err
