"""receiver.sinks.mp4."""

from pathlib import Path

import av
import numpy as np
import pytest

from receiver.sinks.base import PictureState
from receiver.sinks.mp4 import open_mp4
from shared.errors import UserError
from shared.limits import SINK_MAX_GAP_MS
from tests.receiver.sinks.media import beep, flat, onset_s, pictures_of, quiet, voice_of

FRESH = PictureState.FRESH


def levels(path: Path) -> list[int]:
    return [int(picture[100, 100, 0]) for _, picture in pictures_of(path)]


def test_picture_and_voice_stand_at_the_same_time(tmp_path: Path) -> None:
    sink = open_mp4(tmp_path / "a.mp4")
    for tick in range(40):
        sink.write_picture(flat(250 if tick >= 25 else 10), 5000 + tick * 40, FRESH)
        sink.write_voice(beep(40) if tick >= 25 else quiet(40), 5000 + tick * 40)
    sink.close()
    flash_s = next(time for time, picture in pictures_of(tmp_path / "a.mp4") if picture.mean() > 200)
    assert flash_s == pytest.approx(1.0)
    assert onset_s(voice_of(tmp_path / "a.mp4")) == pytest.approx(1.0, abs=0.003)


def test_it_has_25_pictures_a_second_whatever_comes(tmp_path: Path) -> None:
    sink = open_mp4(tmp_path / "a.mp4")
    for media_ms in (0, 38, 82, 121, 320, 330, 1000):
        sink.write_picture(flat(media_ms // 5), media_ms, FRESH)
    sink.close()
    times = [time for time, _ in pictures_of(tmp_path / "a.mp4")]
    assert times == pytest.approx([tick / 25 for tick in range(26)])
    with av.open(str(tmp_path / "a.mp4")) as file:
        assert file.streams.video[0].average_rate == 25
    assert levels(tmp_path / "a.mp4")[7] == pytest.approx(24, abs=3), (
        "a missing tick repeats the last picture"
    )
    assert levels(tmp_path / "a.mp4")[8] == pytest.approx(64, abs=3)


def test_late_and_repeated_pictures_are_left_out(tmp_path: Path) -> None:
    sink = open_mp4(tmp_path / "a.mp4")
    for media_ms, level in ((0, 10), (400, 200), (80, 100), (400, 100), (440, 50)):
        sink.write_picture(flat(level), media_ms, FRESH)
    sink.close()
    assert levels(tmp_path / "a.mp4") == pytest.approx([10] * 10 + [200, 50], abs=3)


def test_missing_voice_is_silence_of_the_same_length(tmp_path: Path) -> None:
    sink = open_mp4(tmp_path / "a.mp4")
    for tick in range(50):
        sink.write_picture(flat(9), tick * 40, FRESH)
        if tick in (0, 49):
            sink.write_voice(beep(40), tick * 40)
    sink.close()
    samples = voice_of(tmp_path / "a.mp4")
    assert np.abs(samples[4800 : 48 * 1950]).max() < 0.02
    assert onset_s(samples[4800:]) + 0.1 == pytest.approx(1.96, abs=0.003)


@pytest.mark.parametrize("jump_ms", [SINK_MAX_GAP_MS + 40, 2**32 - 1, -(SINK_MAX_GAP_MS + 1)])
def test_a_clock_that_jumps_goes_on_one_picture_later(tmp_path: Path, jump_ms: int) -> None:
    sink = open_mp4(tmp_path / "a.mp4")
    for media_ms in (20_000, 20_040, 20_040 + jump_ms, 20_080 + jump_ms):
        sink.write_picture(flat(50), media_ms, FRESH)
    sink.close()
    assert len(pictures_of(tmp_path / "a.mp4")) == 4


def test_a_gap_at_the_limit_is_filled(tmp_path: Path) -> None:
    sink = open_mp4(tmp_path / "a.mp4")
    for media_ms in (0, SINK_MAX_GAP_MS):
        sink.write_picture(flat(50), media_ms, FRESH)
    sink.close()
    assert len(pictures_of(tmp_path / "a.mp4")) == SINK_MAX_GAP_MS // 40 + 1


def test_a_call_without_pictures_is_playable(tmp_path: Path) -> None:
    open_mp4(tmp_path / "empty.mp4").close()
    assert len(pictures_of(tmp_path / "empty.mp4")) == 1
    sink = open_mp4(tmp_path / "voice.mp4")
    for tick in range(50):
        sink.write_voice(beep(40), tick * 40)
    sink.close()
    assert len(pictures_of(tmp_path / "voice.mp4")) == 50
    assert len(voice_of(tmp_path / "voice.mp4")) >= 2 * 48_000


def test_a_place_that_cannot_be_written_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Choose another path"):
        open_mp4(tmp_path)
