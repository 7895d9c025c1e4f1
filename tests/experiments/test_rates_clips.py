"""Clips as people have them: what of them is used, and why others are left out."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.rates.clips import PICTURES_MIN, ClipFile, Material, find_clips, read_clip
from experiments.sample import SAMPLE_PATH
from models.training.voice import read_pcm
from sender.face.tracker import FaceModels
from shared.errors import UserError
from tests.experiments.rate_clips import placed, write_clip

Frames = list[NDArray[np.uint8]]
COUNT = 30


@pytest.fixture(scope="module")
def models() -> FaceModels:
    return FaceModels.load()


def read(path: Path, models: FaceModels, seconds: float = 5.0, own_speech: bool | None = None) -> Material:
    return read_clip(ClipFile(path.stem, path, "0" * 64, None, own_speech), seconds, models)


def test_a_clip_of_a_call_s_own_shape_is_used_pixel_for_pixel(
    models: FaceModels, sample_pictures: Frames
) -> None:
    material = read(SAMPLE_PATH, models, 2.0)
    assert np.array_equal(material.frames, sample_pictures[:50])
    assert (material.seconds, material.speech, material.warnings) == (2.0, True, ())
    assert len(material.pcm) == 2 * 48_000
    spoken, direct = material.pcm.astype(float), read_pcm(SAMPLE_PATH)[: 2 * 48_000].astype(float)
    assert np.corrcoef(spoken, direct)[0, 1] > 0.9


@pytest.mark.parametrize(
    ("size_px", "fps", "count"), [((480, 640), 30, 36), ((361, 333), 25, 30), ((720, 300), 50, 60)]
)
def test_any_size_and_rate_gives_squares_of_256_at_25_a_second(
    tmp_path: Path,
    models: FaceModels,
    sample_pictures: Frames,
    size_px: tuple[int, int],
    fps: int,
    count: int,
) -> None:
    pictures = [placed(sample_pictures[i * 25 // fps], size_px, (60, 30)) for i in range(count)]
    material = read(write_clip(tmp_path / "clip.mp4", pictures, fps), models)
    assert len(material.frames) == pytest.approx(count * 25 / fps, abs=1)
    assert {frame.shape for frame in material.frames} == {(256, 256, 3)}
    assert material.warnings == ("no sound: a silent call",) and not material.speech and not len(material.pcm)


def test_the_larger_of_two_faces_is_followed_and_that_is_said(
    tmp_path: Path, models: FaceModels, sample_pictures: Frames
) -> None:
    def both(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        wall = placed(cv2.resize(picture, (200, 256)), (256, 380), (0, 0))
        wall[:180, 200:] = cv2.resize(picture, (180, 180))
        return wall

    path = write_clip(tmp_path / "two.mp4", map(both, sample_pictures[:COUNT]))
    material = read(path, models)
    assert "two faces or more: the larger one is followed" in material.warnings


def test_where_the_face_leaves_its_crop_the_clip_ends(
    tmp_path: Path, models: FaceModels, sample_pictures: Frames
) -> None:
    walk = [placed(sample_pictures[i], (256, 640), (0, 0 if i < 40 else 380)) for i in range(60)]
    material = read(write_clip(tmp_path / "walk.mp4", walk), models)
    assert PICTURES_MIN <= len(material.frames) <= 49
    assert any("leaves its crop" in warning for warning in material.warnings)


def test_a_face_that_comes_later_is_the_clip_s_beginning_and_its_voice_s(
    tmp_path: Path, models: FaceModels, sample_pictures: Frames
) -> None:
    empty = np.full_like(sample_pictures[0], 90)
    pcm = np.repeat(np.arange(45, dtype=np.int16) * 500, 1920)
    path = write_clip(tmp_path / "late.mkv", [empty] * 10 + sample_pictures[:35], pcm=pcm)
    material = read(path, models)
    assert len(material.frames) == 35 and any("begins at 0.40 s" in warning for warning in material.warnings)
    assert len(material.pcm) == pytest.approx(35 * 1920, abs=2048)


@pytest.mark.parametrize(("level", "own_speech", "said"), [(0, None, "silence"), (9000, False, "own speech")])
def test_a_voice_that_cannot_be_judged_is_said(
    tmp_path: Path,
    models: FaceModels,
    sample_pictures: Frames,
    level: int,
    own_speech: bool | None,
    said: str,
) -> None:
    pcm = (level * np.sin(np.arange(60_000) / 20)).astype(np.int16)
    path = write_clip(tmp_path / "clip.mp4", sample_pictures[:COUNT], pcm=pcm)
    material = read(path, models, own_speech=own_speech)
    assert len(material.pcm) and not material.speech
    assert any(said in warning for warning in material.warnings)


def test_a_clip_is_cut_to_the_seconds_that_were_asked_for(models: FaceModels) -> None:
    assert len(read(SAMPLE_PATH, models, 1.0).frames) == 25


@pytest.mark.parametrize(
    ("name", "said"),
    [("noise.mp4", "cannot be opened"), ("empty.mp4", "is empty"), ("head.mp4", "head"), ("still.mp4", "one picture"),
     ("wall.mp4", "No face"), ("short.mp4", "25 "), ("sound.m4a", "no video")],
)  # fmt: skip
def test_a_clip_that_cannot_be_used_is_a_user_error_that_says_why(
    tmp_path: Path, models: FaceModels, sample_pictures: Frames, name: str, said: str
) -> None:
    path = tmp_path / name
    match name:
        case "noise.mp4":
            path.write_bytes(np.random.default_rng(0).bytes(20_000))
        case "empty.mp4":
            path.write_bytes(b"")
        case "head.mp4":
            path.write_bytes(SAMPLE_PATH.read_bytes()[:3000])
        case "still.mp4":
            write_clip(path, sample_pictures[:1])
        case "wall.mp4":
            write_clip(path, [np.full_like(sample_pictures[0], 90)] * COUNT)
        case "short.mp4":
            write_clip(path, sample_pictures[: PICTURES_MIN - 1])
        case _:
            write_sound(path)
    with pytest.raises(UserError, match=said):
        read(path, models)


def write_sound(path: Path) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_a_file_that_was_cut_off_gives_what_can_be_decoded(
    tmp_path: Path, models: FaceModels, sample_pictures: Frames
) -> None:
    whole = write_clip(tmp_path / "whole.mkv", sample_pictures[:60])
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 4])
    material = read(cut, models)
    assert PICTURES_MIN <= len(material.frames) < 60


@pytest.mark.slow
def test_8k_costs_no_more_memory_than_its_squares(
    tmp_path: Path, models: FaceModels, sample_pictures: Frames
) -> None:
    large = (
        placed(sample_pictures[i].repeat(8, 0).repeat(8, 1), (4320, 7680), (1000, 2000))
        for i in range(PICTURES_MIN)
    )
    material = read(write_clip(tmp_path / "8k.avi", large, codec="mjpeg"), models)
    assert len(material.frames) == PICTURES_MIN
    assert sum(frame.nbytes for frame in material.frames) == PICTURES_MIN * 256 * 256 * 3
    assert all(frame.base is None or frame.base.nbytes <= 256 * 256 * 3 for frame in material.frames)


def test_names_are_stems_and_whole_places_where_two_share_one(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.MOV", "x/c.mkv", "y/c.mkv", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    found = find_clips(tmp_path)
    assert [clip.name for clip in found] == ["a", "b", "x/c.mkv", "y/c.mkv"]
    assert len({clip.sha256 for clip in found}) == 4
    assert [clip.name for clip in find_clips(tmp_path, 2)] == ["a", "b"]


def test_a_table_names_people_and_in_the_folder_itself_who_may_be_judged(tmp_path: Path) -> None:
    for place in ("train/a.mp4", "val/b.mp4"):
        (tmp_path / place).parent.mkdir()
        (tmp_path / place).write_bytes(place.encode())
    (tmp_path / "clips.csv").write_text(
        "file,person,split,own_speech\na.mp4,Ann,train,yes\nb.mp4,Bea,val,no\n"
    )
    for folder in (tmp_path, tmp_path / "val"):
        (clip,) = find_clips(folder)
        assert (clip.name, clip.person, clip.own_speech) == ("b", "Bea", False)


def test_a_folder_without_clips_and_a_table_that_is_none_are_said(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError, match="--clips"):
            find_clips(folder)
    (tmp_path / "a.mp4").write_bytes(b"a")
    (tmp_path / "clips.csv").write_text("name\na.mp4\n")
    with pytest.raises(UserError, match=r"clips\.csv"):
        find_clips(tmp_path)
