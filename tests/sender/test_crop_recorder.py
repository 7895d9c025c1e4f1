"""sender.crop_recorder: lossless, timed, and readable even if the process is killed."""

import shutil
from pathlib import Path

import av
import numpy as np

from sender.crop_recorder import CropRecorder


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(6)
    return [rng.integers(0, 256, (256, 256, 3), dtype=np.uint8) for _ in range(count)]


def read(path: Path) -> dict[int, np.ndarray]:
    with av.open(str(path)) as container:
        return {round(f.time * 1000): f.to_ndarray(format="rgb24") for f in container.decode(video=0)}


def test_pixels_and_times_come_out_as_they_went_in(tmp_path: Path) -> None:
    recorder, written = CropRecorder(tmp_path / "a.mkv"), dict(zip((240, 280, 400), pictures(3), strict=True))
    for media_ms, picture in written.items():
        recorder.write(media_ms, picture)
        recorder.write(media_ms, 255 - picture)  # not newer: left out
    recorder.close()
    found = read(tmp_path / "a.mkv")
    assert list(found) == [240, 280, 400]
    assert all((found[media_ms] == picture).all() for media_ms, picture in written.items())


def test_a_killed_process_loses_no_more_than_the_last_quarter_of_a_second(tmp_path: Path) -> None:
    recorder = CropRecorder(tmp_path / "a.mkv")
    for index, picture in enumerate(pictures(30)):
        recorder.write(40 * index, picture)
    shutil.copy(tmp_path / "a.mkv", tmp_path / "killed.mkv")
    recorder.close()
    assert len(read(tmp_path / "killed.mkv")) >= 30 - 7
