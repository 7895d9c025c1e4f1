import errno
import json
import os
import shutil
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from models.training.cache import (
    MASK_STRIDE,
    THUMBNAIL_KBPS,
    cache_clip,
    main,
    read_frames,
    save_array,
    write_whole,
)
from models.training.clips import Clip
from models.training.dataset import CachedClip, open_cache
from models.training.voice import decoded_voice_mel, through_opus
from shared.errors import UserError
from tests.models.clips import FRAMES, grey_clip, part_of_sample, sample_frames, write_clip

pytestmark = pytest.mark.model


@pytest.fixture
def clip(cached: list[CachedClip]) -> CachedClip:
    return cached[0]


def test_frames_are_those_of_the_clip(clip: CachedClip) -> None:
    assert clip.frames.shape == (FRAMES, 256, 256, 3)
    difference = clip.frames[5].astype(int) - sample_frames(6)[5]
    assert np.abs(difference).mean() < 3


def test_points_lie_on_the_face(clip: CachedClip) -> None:
    assert clip.points.shape == (FRAMES, 468, 2)
    assert clip.points.dtype == np.float32
    assert np.isfinite(clip.points).all() and np.abs(clip.points).max() < 1
    eyes, chin = clip.points[:, [33, 263], 1].mean(axis=1), clip.points[:, 152, 1]
    assert (eyes < chin).all()


def test_masks_hold_the_face_and_not_the_corner(clip: CachedClip) -> None:
    assert clip.masks.shape == (FRAMES, 64, 64)
    column, row = ((clip.points[0, 1] + 1) * 32).astype(int)
    assert clip.masks[0, row, column] > 200
    assert clip.masks[0, 2, 2] < 50
    assert (clip.masks[MASK_STRIDE - 1] == clip.masks[0]).all()


def test_keyframes_look_like_their_frames_after_the_wire(clip: CachedClip, cache_folder: Path) -> None:
    sizes = np.load(cache_folder / "ana" / "keyframes.npz")["sizes"]
    assert len(clip.keyframes) == len(clip.keyframe_indices) == len(sizes) == 6
    assert (sizes <= 2000).all()
    for picture, index in zip(clip.keyframes, clip.keyframe_indices, strict=True):
        error = float(((picture.astype(float) - clip.frames[index]) ** 2).mean())
        assert 0 < error < 255**2 / 10**2.6, "at least 26 dB, and not the original itself"


def test_thumbnails_are_of_every_second_frame_and_rougher_at_a_lower_rate(clip: CachedClip) -> None:
    assert clip.thumbnails is not None
    assert clip.thumbnails.shape == (len(THUMBNAIL_KBPS), (FRAMES + 1) // 2, 64, 64, 3)
    small = clip.frames[::2].reshape(-1, 64, 4, 64, 4, 3).mean(axis=(2, 4))
    errors = [float(((stream - small) ** 2).mean()) for stream in clip.thumbnails]
    assert 0 < errors[2] < errors[1] < errors[0] < 255**2 / 10**2.2, (
        "at least 22 dB, and better at a higher rate"
    )


def test_voice_has_four_columns_a_frame(clip: CachedClip) -> None:
    assert clip.voice is not None
    assert clip.voice.shape == (4 * FRAMES, 40)
    assert np.isfinite(clip.voice).all()
    assert clip.voice.std() > 0.1


def test_the_description_is_kept(cached: list[CachedClip]) -> None:
    assert [(c.name, c.person, c.split, c.source_px) for c in cached] == [
        ("ana", "ana", "train", 256), ("ben", "ben", "val", 256),
    ]  # fmt: skip


def test_a_second_run_computes_nothing_again(cache_folder: Path, clip_file: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(cache_folder / "ana", tmp_path / "ana")
    before = {
        file.name: file.stat().st_mtime_ns for file in folder.iterdir() if file.suffix in (".npy", ".npz")
    }
    cache_clip(Clip(clip_file, "ana", "train", True, "own", 256), folder)
    assert {name: (folder / name).stat().st_mtime_ns for name in before} == before


def test_an_interrupted_run_goes_on_with_what_is_missing(
    cache_folder: Path, clip_file: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(cache_folder / "ana", tmp_path / "ana")
    for lost in ("keyframes.npz", "voice.npy", "clip.json"):
        (folder / lost).unlink()
    assert not list(tmp_path.glob("*/clip.json"))
    cache_clip(Clip(clip_file, "ana", "train", True, "own", 256), folder)
    again = open_cache(tmp_path)[0]
    assert (again.keyframes == open_cache(cache_folder)[0].keyframes).all()


def test_an_interrupted_write_leaves_no_half_file(tmp_path: Path) -> None:
    def stop(stream: BinaryIO) -> None:
        stream.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "frames.npy", stop)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named_and_keeps_what_was_there(tmp_path: Path) -> None:
    def full(_: BinaryIO) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    save_array(tmp_path / "points.npy", np.arange(3))
    with pytest.raises(UserError, match="No space left"):
        write_whole(tmp_path / "points.npy", full)
    assert np.load(tmp_path / "points.npy").tolist() == [0, 1, 2]
    assert len(list(tmp_path.iterdir())) == 1


def test_clips_that_cannot_be_used_are_named_and_the_others_are_cached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    part_of_sample(clips / "silent.mp4", 6, sound=False)
    grey_clip(clips / "nobody.mp4")
    (clips / "broken.mp4").write_bytes(b"not a video at all" * 100)
    status = main(["--clips", str(clips), "--out", str(tmp_path / "cache"), "--workers", "1"])
    said = capsys.readouterr().out
    assert status == 3
    assert "left out nobody: no steady face" in said
    assert "left out broken: broken.mp4 cannot be read as video" in said
    kept = open_cache(tmp_path / "cache")
    assert [clip.name for clip in kept] == ["silent"]
    assert kept[0].voice is None
    assert json.loads((tmp_path / "cache" / "silent" / "clip.json").read_text())["speech"] is False


def test_a_folder_without_clips_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--clips", str(tmp_path), "--out", str(tmp_path / "cache")]) == 2
    assert "No clips in" in capsys.readouterr().err


def test_an_empty_cache_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No cache in"):
        open_cache(tmp_path)


@pytest.mark.parametrize(("rate", "count", "kept"), [(25, 10, 10), (50, 20, 10), (30, 12, 10), (10, 4, 8)])
def test_frames_are_brought_to_25_a_second(tmp_path: Path, rate: int, count: int, kept: int) -> None:
    path = write_clip(tmp_path / "clip.mp4", sample_frames(count), None, rate)
    assert abs(len(read_frames(path)) - kept) <= 1


def test_a_wide_picture_gives_its_middle_square(tmp_path: Path) -> None:
    wide = np.zeros((128, 256, 3), np.uint8)
    wide[:, 64:192] = 200
    frames = read_frames(write_clip(tmp_path / "wide.mp4", [wide] * 3, None, 25))
    assert frames.shape == (3, 256, 256, 3)
    assert frames[:, :, 8:-8].min() > 150


def test_one_frame_is_no_clip(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="fewer than two frames"):
        read_frames(write_clip(tmp_path / "one.mp4", sample_frames(1), None, 25))


def test_the_voice_of_a_clip_without_sound_is_none(tmp_path: Path) -> None:
    assert decoded_voice_mel(write_clip(tmp_path / "mute.mp4", sample_frames(3), None, 25), 3) is None


def test_what_opus_gives_back_is_in_time_with_what_it_was_given() -> None:
    ticks = np.zeros(48_000, np.float64)
    ticks[::9600] = 1
    burst = np.convolve(ticks, np.hanning(480) * np.sin(np.arange(480) * 2 * np.pi * 400 / 48_000))[:48_000]
    pcm = (burst * 12_000).astype(np.int16)
    heard = through_opus(pcm, 16_000, 20)
    assert len(heard) == len(pcm)
    lags = range(-480, 481, 24)
    match = [float(np.dot(np.roll(heard, -lag).astype(float), pcm)) for lag in lags]
    assert abs(lags[int(np.argmax(match))]) <= 48, "within a millisecond"
