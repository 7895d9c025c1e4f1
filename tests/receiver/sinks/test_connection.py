"""receiver.sinks.connection: several connections, one recording."""

import numpy as np

from receiver.sinks.base import FRAME_MS, PictureState
from receiver.sinks.connection import CallTime, ConnectionSinks
from receiver.sinks.open import SinkSet
from tests.receiver.sinks.media import flat
from tests.receiver.sinks.test_open import Kept

PCM = np.zeros(480, np.int16)


class Noted(Kept):
    """Notes media times, too."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[int] = []

    def write_picture(self, picture: np.ndarray, media_ms: int, state: PictureState) -> None:
        super().write_picture(picture, media_ms, state)
        self.times.append(media_ms)


def test_a_later_connection_goes_on_where_the_call_stood() -> None:
    sink, now_us = Noted(), [0]
    whole, time = SinkSet([sink]), CallTime(lambda: now_us[0])
    first = ConnectionSinks(whole, time)
    for media_ms in (500, 540):
        first.write_picture(flat(1), media_ms, PictureState.FRESH)
    first.close()
    assert not sink.closed and not whole.empty
    now_us[0] = 2_000_000
    second = ConnectionSinks(whole, time)
    assert second.last_picture is not None
    second.write_voice(PCM, 90_000)
    second.write_picture(flat(2), 90_020, PictureState.FRESH)
    third = ConnectionSinks(whole, time)
    third.write_picture(flat(3), 0, PictureState.FRESH)
    assert sink.times == [500, 540, 2560, 2560 + FRAME_MS] and sink.voice == [2540]


def test_a_picture_before_the_clock_moves_nothing() -> None:
    sink = Kept(live=True)
    whole = SinkSet([sink])
    part = ConnectionSinks(whole, CallTime(lambda: 0))
    part.write_picture(flat(1), None, PictureState.WAITING)
    part.write_voice(PCM, 777)
    assert sink.voice == [777] and part.last_picture is None


def test_a_connection_sees_when_no_sink_is_left() -> None:
    whole = SinkSet([Kept(broken=True)])
    part = ConnectionSinks(whole, CallTime(lambda: 0))
    part.write_picture(flat(1), 0, PictureState.FRESH)
    assert part.empty and part.failures == whole.failures != []
