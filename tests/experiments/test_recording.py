"""experiments.demo.recording: originals and rebuilt pictures meet on the media clock."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.demo.recording import Recording, hold_first, join, read_recording, read_voice
from shared.errors import UserError
from tests.experiments.made_up_call import write_mkv

Picture = NDArray[np.uint8]


def numbered(numbers: list[int]) -> tuple[Picture, ...]:
    return tuple(np.full((256, 256, 3), number, np.uint8) for number in numbers)


def recording(media_ms: list[int], first: int = 0) -> Recording:
    places = tuple(ms - media_ms[0] for ms in media_ms)
    return Recording(tuple(media_ms), places, numbered([first + i for i in range(len(media_ms))]))


def values(pictures: tuple[Picture, ...]) -> list[int]:
    return [int(picture[0, 0, 0]) for picture in pictures]


def test_pictures_of_the_same_moment_meet_and_originals_before_the_first_are_left_out() -> None:
    joined = join(recording([0, 40, 80, 120]), recording([80, 120], first=100))
    assert joined.media_ms == (80, 120)
    assert values(joined.original) == [2, 3]
    assert values(joined.rebuilt) == [100, 101]
    assert joined.start_file_ms == 0


def test_where_nothing_new_was_shown_the_last_picture_stands_again() -> None:
    joined = join(recording([0, 40, 80, 120]), recording([0, 120], first=100))
    assert values(joined.rebuilt) == [100, 100, 100, 101]


def test_a_picture_less_than_half_a_frame_off_still_belongs() -> None:
    joined = join(recording([0, 40]), recording([19, 58], first=100))
    assert values(joined.rebuilt) == [100, 101]


def test_recordings_without_a_common_moment_are_refused() -> None:
    with pytest.raises(UserError, match="no moment in common"):
        join(recording([0, 40]), recording([1000, 1040]))


def test_a_recording_is_read_back_exactly_with_the_sidecars_times(tmp_path: Path) -> None:
    path = tmp_path / "call.mkv"
    write_mkv(path, numbered([7, 9]), [400, 440], voice_s=0.08)
    read = read_recording(path, "the sender")
    assert read.media_ms == (400, 440)
    assert read.file_ms == (0, 40)
    assert values(read.pictures) == [7, 9]
    pcm, rate_hz = read_voice(path)
    assert (len(pcm), rate_hz) == (3840, 48_000)


def test_a_recording_without_pictures_names_its_end(tmp_path: Path) -> None:
    (tmp_path / "empty.mkv").write_bytes(b"")
    with pytest.raises(UserError, match="the receiver holds no picture"):
        read_recording(tmp_path / "empty.mkv", "the receiver")
    with pytest.raises(UserError, match="the receiver holds no picture"):
        read_recording(tmp_path / "absent.mkv", "the receiver")


def test_holding_the_first_picture() -> None:
    held = hold_first(numbered([1, 2, 3]))
    assert values(tuple(held)) == [1, 1, 1]


def test_the_waiting_card_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "call.mkv"
    write_mkv(path, numbered([1, 2, 3]), [0, 40, 80])
    sidecar = path.with_name("call.mkv.json")
    content = json.loads(sidecar.read_text())
    content["pictures"][0]["state"] = "WAITING"
    sidecar.write_text(json.dumps(content))
    read = read_recording(path, "the receiver")
    assert (read.media_ms, read.file_ms, values(read.pictures)) == ((40, 80), (40, 80), [2, 3])
    for entry in content["pictures"]:
        entry["state"] = "WAITING"
    sidecar.write_text(json.dumps(content))
    with pytest.raises(UserError, match="holds no picture"):
        read_recording(path, "the receiver")
