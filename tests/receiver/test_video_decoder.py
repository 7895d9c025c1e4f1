"""receiver.video_decoder: real AV1 units, damaged ones, missing ones, too many and too slow ones."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from receiver.video_decoder import VideoDecoder
from shared.errors import LimitExceeded, MalformedMessage, RemoteError, UnknownReference
from shared.frames import VideoUnit
from shared.limits import (
    VIDEO_DECODE_MAX_MS,
    VIDEO_MAX_SIDE_PX,
    VIDEO_RATE_BURST,
    VIDEO_RATE_PER_S,
    VIDEO_UNIT_MAX_BYTES,
)
from tests.receiver.coded_pictures import scene, units
from tests.receiver.keyframes import image


class Clock:
    """Each look at it costs step_us."""

    def __init__(self, step_us: int = 100) -> None:
        self.now_us, self.step_us = 0, step_us

    def __call__(self) -> int:
        self.now_us += self.step_us
        return self.now_us


def error_db(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


def test_every_unit_becomes_its_picture_at_once() -> None:
    decoder = VideoDecoder()
    for index, unit in enumerate(units(6)):
        (found,) = decoder.decode(unit)
        assert found.media_ms == unit.media_ms and not found.picture.flags.writeable
        assert error_db(found.picture, scene(index)) > 25


def test_a_gap_gives_no_picture_until_one_stands_alone() -> None:
    stream, decoder = units(12, intra_every=6), VideoDecoder()
    decoder.decode(stream[0])
    outcomes = []
    for unit in stream[2:]:
        try:
            outcomes.append(len(decoder.decode(unit)))
        except UnknownReference:
            outcomes.append(-1)
    assert outcomes[:2] == [0, 0] and outcomes[2:4] == [-1, -1], "two may wait for the missing one"
    assert outcomes[4:] == [1] * 6, "from the next that stands alone on"


def test_reordered_units_come_out_in_order() -> None:
    stream, decoder = units(4), VideoDecoder()
    order = [stream[0], stream[2], stream[1], stream[3]]
    found = [picture.media_ms for unit in order for picture in decoder.decode(unit)]
    assert found == [0, 40, 80, 120]


def damaged(unit: VideoUnit) -> dict[str, VideoUnit]:
    inter = units(2)[1]
    return {
        "another size in the header": replace(unit, side_px=64),
        "no sequence header": replace(unit, data=inter.data),
        "a still picture of another size": replace(unit, data=image(0)),
        "rubbish": replace(unit, data=b"rubbish"),
        "too many bytes": replace(unit, data=unit.data + bytes(VIDEO_UNIT_MAX_BYTES)),
        "too large": replace(unit, side_px=VIDEO_MAX_SIDE_PX + 8),
        "cut": replace(unit, data=unit.data[:-9]),
    }


@pytest.mark.parametrize("name", list(damaged(units(1)[0])))
def test_a_damaged_unit_is_refused_and_a_good_one_starts_again(name: str) -> None:
    good = units(1)[0]
    decoder = VideoDecoder()
    with pytest.raises(MalformedMessage):
        decoder.decode(damaged(good)[name])
    assert len(decoder.decode(replace(good, media_ms=40))) == 1


def test_a_header_between_pictures_is_refused() -> None:
    stream, decoder = units(2), VideoDecoder()
    decoder.decode(stream[0])
    smuggled = replace(stream[1], data=units(1, side_px=256)[0].data)
    with pytest.raises(MalformedMessage):
        decoder.decode(smuggled)


def test_random_damage_never_shows_a_picture_that_rests_on_nothing() -> None:
    stream, rng = units(6), np.random.default_rng(5)
    for _ in range(60):
        decoder = VideoDecoder()
        for unit in stream:
            data = bytearray(unit.data)
            for _ in range(int(rng.integers(0, 2))):
                data[int(rng.integers(len(data)))] = int(rng.integers(256))
            try:
                pictures = decoder.decode(replace(unit, data=bytes(data)))
            except RemoteError:
                continue
            assert all(found.picture.shape == (128, 128, 3) for found in pictures)


def test_as_many_units_are_decoded_at_once_as_the_limit_and_not_one_more() -> None:
    decoder = VideoDecoder(lambda: 0)
    unit = units(1)[0]
    for index in range(VIDEO_RATE_BURST):
        assert len(decoder.decode(replace(unit, media_ms=index))) == 1
    with pytest.raises(LimitExceeded):
        decoder.decode(replace(unit, media_ms=999))


def test_in_the_long_run_as_many_units_are_decoded_as_the_rate_allows() -> None:
    clock = Clock(0)
    decoder, unit, decoded = VideoDecoder(clock), units(1)[0], 0
    for index in range(300):
        clock.now_us = index * 10_000
        with suppress(LimitExceeded):
            decoded += len(decoder.decode(replace(unit, media_ms=index)))
    assert decoded == pytest.approx(VIDEO_RATE_BURST + 3 * VIDEO_RATE_PER_S, abs=2)


def test_a_picture_that_took_too_long_is_not_shown_nor_what_rests_on_it() -> None:
    stream = units(2)
    assert len(VideoDecoder(Clock(VIDEO_DECODE_MAX_MS * 1000)).decode(stream[0])) == 1
    decoder = VideoDecoder(Clock(VIDEO_DECODE_MAX_MS * 1000 + 1))
    with pytest.raises(LimitExceeded):
        decoder.decode(stream[0])
    with pytest.raises(UnknownReference):
        decoder.decode(stream[1])
