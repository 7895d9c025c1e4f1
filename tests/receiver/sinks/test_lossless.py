"""receiver.sinks.lossless."""

import json
from pathlib import Path

import numpy as np
import pytest

from receiver.sinks.base import PictureState
from receiver.sinks.lossless import open_lossless
from shared.errors import UserError
from tests.receiver.sinks.media import beep, pictures_of, voice_of


def test_pixels_times_and_voice_come_back_exactly(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    rng = np.random.default_rng(0)
    given = [rng.integers(0, 256, (256, 256, 3), np.uint8) for _ in range(4)]
    times_ms = [1040, 1080, 1200, 1240]
    sink = open_lossless(path)
    for picture, media_ms in zip(given, times_ms, strict=True):
        sink.write_picture(picture, media_ms, PictureState.FRESH)
    sink.write_picture(given[0], 1240, PictureState.HELD)
    sink.write_voice(beep(40), 1100)
    sink.close()
    found = pictures_of(path)
    assert [round(time * 1000) + 1040 for time, _ in found] == times_ms
    assert all(np.array_equal(a, b) for (_, a), b in zip(found, given, strict=True))
    samples = voice_of(path)
    assert np.array_equal(np.rint(samples[60 * 48 :] * 32768), beep(40)) and not samples[: 60 * 48].any()


def test_the_sidecar_names_every_picture_and_the_missing_mark(tmp_path: Path) -> None:
    sink = open_lossless(tmp_path / "a.mkv")
    sink.write_picture(np.zeros((256, 256, 3), np.uint8), 80, PictureState.WAITING)
    sink.write_picture(np.zeros((256, 256, 3), np.uint8), 120, PictureState.HELD)
    sink.close()
    sidecar = json.loads((tmp_path / "a.mkv.json").read_text())
    assert [(row["media_ms"], row["state"]) for row in sidecar["pictures"]] == [
        (80, "WAITING"),
        (120, "HELD"),
    ]
    assert "mark was left out" in sidecar["disclosure"]


def test_a_place_that_cannot_be_written_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Choose another path"):
        open_lossless(tmp_path)
