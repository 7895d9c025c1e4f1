"""Every arm: its rate is within 5 % of what was asked, or it is marked; more rate never means less."""

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.rates.codecs import CODECS, why_absent
from experiments.rates.encodings import Encodings
from experiments.rates.rival import Rival, on_the_wire
from experiments.rates.search import RATE_TOLERANCE

Frames = list[NDArray[np.uint8]]
QUICK = ("av1", "vp9", "h264")
VOICE, SECONDS = [60] * 12, 1.0


@pytest.mark.parametrize(
    "arm", [arm if arm in QUICK else pytest.param(arm, marks=pytest.mark.slow) for arm in CODECS]
)
def test_an_arm_takes_the_rate_that_was_asked_or_says_that_it_did_not(
    arm: str, sample_pictures: Frames
) -> None:
    if reason := why_absent(CODECS[arm]):
        pytest.skip(reason)
    rival = Rival(
        Encodings(CODECS[arm], sample_pictures[:25]), sample_pictures[:25], on_the_wire(VOICE, SECONDS)
    )
    found = {rate: rival.meet(rate) for rate in (6.0, 40.0, 80.0)}
    for rate, met in found.items():
        assert met.reached == (abs(met.kbps / rate - 1) <= RATE_TOLERANCE)
        assert met.kbps == rival.wire(met.stream).kbps
    assert not found[6.0].reached, "headers and voice alone take more"
    assert found[6.0].kbps <= found[40.0].kbps < found[80.0].kbps, (
        "the least that an arm takes may be more than 40"
    )
