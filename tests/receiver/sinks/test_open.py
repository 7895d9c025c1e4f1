"""receiver.sinks.open."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from receiver.disclosure import mark
from receiver.sinks.base import PictureState, SinkFailed
from receiver.sinks.open import SinkSet, open_sinks
from shared.errors import UserError
from tests.receiver.sinks.media import flat, pictures_of


class Kept:
    """A sink in memory."""

    def __init__(
        self, name: str = "kept", shows: bool = True, live: bool = False, broken: bool = False
    ) -> None:
        self.name, self.shows, self.live, self.broken = name, shows, live, broken
        self.pictures: list[NDArray[np.uint8]] = []
        self.voice: list[int] = []
        self.closed = False

    def write_picture(self, picture: NDArray[np.uint8], media_ms: int, state: PictureState) -> None:
        if self.broken:
            raise SinkFailed("broken: the disk is full. Free some space.")
        self.pictures.append(picture)

    def write_voice(self, pcm: NDArray[np.int16], media_ms: int) -> None:
        self.voice.append(media_ms)

    def close(self) -> None:
        self.closed = True


def test_showing_sinks_get_the_mark_and_measuring_ones_do_not() -> None:
    shown, measured = Kept(shows=True), Kept(shows=False)
    sinks = SinkSet([shown, measured])
    for _ in range(3):
        sinks.write_picture(flat(90), 0, PictureState.FRESH)
    assert all(np.array_equal(picture, mark(flat(90))) for picture in shown.pictures)
    assert all(np.array_equal(picture, flat(90)) for picture in measured.pictures)


def test_before_there_is_a_clock_only_live_sinks_show_and_stretched_sound_is_for_them_too() -> None:
    live, file = Kept(live=True), Kept()
    sinks = SinkSet([live, file])
    sinks.write_picture(flat(90), None, PictureState.WAITING)
    sinks.write_voice(np.zeros(480, np.int16), 40, stretch=True)
    sinks.write_voice(np.zeros(480, np.int16), 40)
    assert (len(live.pictures), len(file.pictures)) == (1, 0)
    assert (live.voice, file.voice) == ([40, 40], [40])


def test_a_sink_that_fails_is_closed_and_the_others_go_on() -> None:
    broken, fine = Kept(broken=True), Kept()
    sinks = SinkSet([broken, fine])
    for _ in range(2):
        sinks.write_picture(flat(90), 0, PictureState.FRESH)
    assert broken.closed and len(fine.pictures) == 2 and len(sinks.failures) == 1 and not sinks.empty
    sinks.close()
    assert fine.closed and sinks.empty


def test_specs_open_several_sinks_at_once(tmp_path: Path) -> None:
    sinks = open_sinks([f"mp4:{tmp_path / 'a.mp4'}", f"lossless:{tmp_path / 'a.mkv'}", "none"])
    sinks.write_picture(flat(90), 0, PictureState.FRESH)
    sinks.close()
    assert len(pictures_of(tmp_path / "a.mp4")) == len(pictures_of(tmp_path / "a.mkv")) == 1


@pytest.mark.parametrize("spec", ["", "mp4", "mp4:", "avi:x", "none:x", "mp4:/no/such/folder/x.mp4"])
def test_a_spec_that_cannot_be_opened_says_what_to_do(spec: str) -> None:
    with pytest.raises(UserError, match=r"Use one of|Make the folder"):
        open_sinks(["none", spec])
