"""A rival brought to a rate, with the real encoder that takes the least time."""

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.rates.codecs import CODECS, Shape
from experiments.rates.encodings import Encodings, Stream
from experiments.rates.rival import Rival, on_the_wire, payload_only, picture_bytes
from experiments.rates.search import RATE_TOLERANCE

Frames = list[NDArray[np.uint8]]
SECONDS = 1.0


@pytest.fixture(scope="module")
def encodings(sample_pictures: Frames) -> Encodings:
    return Encodings(CODECS["h264"], sample_pictures[:25])


def test_a_payload_rate_is_met_within_its_tolerance(encodings: Encodings, sample_pictures: Frames) -> None:
    frames = sample_pictures[:25]
    met = Rival(encodings, frames, payload_only(SECONDS)).meet(50.0)
    assert met.reached
    assert met.stream.kbps == pytest.approx(met.kbps) == pytest.approx(50.0, rel=RATE_TOLERANCE)
    shown = encodings.shown(met.stream)
    assert (len(shown), shown[0].shape) == (25, frames[0].shape)


def test_on_the_wire_less_is_left_for_pictures(encodings: Encodings, sample_pictures: Frames) -> None:
    met = Rival(encodings, sample_pictures[:25], on_the_wire([60] * 12, SECONDS)).meet(80.0)
    assert met.reached
    assert met.stream.kbps < 70


def test_a_rate_below_the_headers_is_marked(encodings: Encodings, sample_pictures: Frames) -> None:
    met = Rival(encodings, sample_pictures[:25], on_the_wire([60] * 12, SECONDS)).meet(6.0)
    assert not met.reached
    assert met.kbps > 6.0
    assert met.stream.shape == Shape(128, 4)


def test_a_stream_without_packets_of_its_own_is_shared_out() -> None:
    assert picture_bytes(Stream(Shape(256, 2), 30.0, 1.0, (bytes(10),)), 5) == [4, 3, 3]
    assert picture_bytes(Stream(Shape(256, 1), 30.0, 1.0, (bytes(3), bytes(2))), 2) == [3, 2]
