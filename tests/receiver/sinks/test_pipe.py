"""receiver.sinks.pipe."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from receiver.sinks.base import PictureState
from receiver.sinks.open import SinkSet
from receiver.sinks.pipe import open_pipe, picture_bytes
from shared.errors import UserError
from tests.receiver.sinks.media import flat

ROOT = Path(__file__).resolve().parents[3]
PICTURE_BYTES = 256 * 256 * 3 // 2


def read_exactly(pipe: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += os.read(pipe, count - len(data))
    return data


def test_the_formats_are_what_they_are_said_to_be() -> None:
    red = np.zeros((256, 256, 3), np.uint8)
    red[..., 0] = 255
    assert picture_bytes(red, "rgb24") == red.tobytes()
    planes = np.frombuffer(picture_bytes(red, "yuv420p"), np.uint8)
    assert len(planes) == PICTURE_BYTES
    y, u, v = planes[: 256 * 256], planes[256 * 256 : 320 * 256], planes[320 * 256 :]
    assert [abs(int(plane.mean()) - want) <= 2 for plane, want in ((y, 81), (u, 90), (v, 240))] == [True] * 3


def test_a_reader_gets_whole_pictures_and_one_that_leaves_ends_only_this_sink(tmp_path: Path) -> None:
    path = tmp_path / "call.yuv"
    sinks = SinkSet([sink := open_pipe(f"{path}?pixels=rgb24"), other := open_pipe(str(tmp_path / "other"))])
    sinks.write_picture(flat(200), 0, PictureState.FRESH)
    pipe = os.open(path, os.O_RDONLY)
    while np.frombuffer(read_exactly(pipe, 256 * 256 * 3), np.uint8)[0] < 150:
        pass  # the card of before the first picture
    os.close(pipe)
    sink._thread.join(20)
    for _ in range(3):
        sinks.write_picture(flat(8), 40, PictureState.FRESH)
    assert len(sinks.failures) == 1 and "its reader went away" in sinks.failures[0] and not sinks.empty
    assert other._error is None
    sinks.close()
    assert len(sinks.failures) == 1


def test_a_reader_that_does_not_read_does_not_hold_up_the_end(tmp_path: Path) -> None:
    sink = open_pipe(str(tmp_path / "call.yuv"))
    pipe = os.open(tmp_path / "call.yuv", os.O_RDONLY)
    os.read(pipe, 1)
    started_s = time.monotonic()
    sink.close()
    assert time.monotonic() - started_s < 2.5 and not sink._thread.is_alive()
    os.close(pipe)


def test_standard_output_holds_pictures_only() -> None:
    code = (
        "import time; from receiver.sinks.pipe import open_pipe; sink = open_pipe('-'); print('report', flush=True); "
        "time.sleep(0.5); sink.close()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert done.stderr == b"report\n"
    assert len(done.stdout) >= PICTURE_BYTES and done.stdout[:PICTURE_BYTES].count(b"report") == 0


@pytest.mark.parametrize("text", ["a?pixels=gray", "?pixels=rgb24"])
def test_a_format_that_is_not_there_is_the_users_mistake(text: str) -> None:
    with pytest.raises(UserError, match="rgb24"):
        open_pipe(text)


def test_a_file_is_not_overwritten_and_a_missing_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "film.yuv").write_text("mine")
    with pytest.raises(UserError, match="is no pipe"):
        open_pipe(str(tmp_path / "film.yuv"))
    with pytest.raises(UserError, match="Choose another path"):
        open_pipe(str(tmp_path / "no" / "folder"))
