"""Our arm at a rate: which step is taken, what it takes, and what a lossy link makes of it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.measures.picture import psnr_y_db
from experiments.network.links import Link
from experiments.rates.ours import KEYFRAME_BYTES, STEPS, OurArm, OurMet
from experiments.rates.search import RATE_TOLERANCE
from experiments.rates.virtual_call import our_wire
from experiments.sample import SAMPLE_PATH
from models.evaluation.offline_call import OfflineSender
from models.runtime.choose import choose_backend
from models.training.voice import read_pcm
from shared.limits import KEYFRAME_SENDER_MAX_BYTES
from shared.transport.impairments import Impairment, RandomLoss

Frames = list[NDArray[np.uint8]]
SECONDS = 2
FRAMES = 25 * SECONDS


@pytest.fixture(scope="module")
def sender() -> OfflineSender:
    return OfflineSender()


@pytest.fixture(scope="module")
def pcm() -> NDArray[np.int16]:
    return read_pcm(Path(SAMPLE_PATH))[: SECONDS * 48_000]


@pytest.fixture(scope="module")
def arm(sender: OfflineSender, sample_pictures: Frames, pcm: NDArray[np.int16]) -> OurArm:
    return OurArm(sender, sample_pictures[:FRAMES], pcm)


def test_more_rate_buys_a_richer_call_and_never_more_than_was_asked(arm: OurArm) -> None:
    met = {rate: arm.meet(rate) for rate in (3.0, 20.0, 26.0, 60.0)}
    rungs = [("voice", "motion", "thumbnail").index(one.step.rung) for one in met.values()]
    assert rungs == sorted(rungs) and set(rungs) == {0, 1, 2}
    for rate, one in met.items():
        assert one.wire.kbps <= rate * (1 + RATE_TOLERANCE) or one.step == STEPS[0]
        assert one.reached == (abs(one.wire.kbps / rate - 1) <= RATE_TOLERANCE)
        assert one.wire.kbps >= our_wire(one.coded, one.step.bundle_ms).kbps


def test_a_rate_below_the_cheapest_call_is_marked(arm: OurArm) -> None:
    met = arm.meet(3.0)
    assert (met.step, met.reached) == (STEPS[0], False)
    assert met.wire.kbps > 3.0 * (1 + RATE_TOLERANCE)
    assert len(met.coded.motion) == 1


def test_what_a_rate_leaves_goes_into_the_keyframe(arm: OurArm) -> None:
    plain = arm._at(STEPS[-2])
    met = arm.meet(plain.wire.kbps + 1.5)
    assert (met.step.rung, met.step.bundle_ms, met.reached) == ("motion", plain.step.bundle_ms, True)
    assert KEYFRAME_BYTES < met.step.keyframe_bytes <= KEYFRAME_SENDER_MAX_BYTES
    assert len(met.coded.keyframes[0].image) <= met.step.keyframe_bytes


def test_the_voice_is_the_same_whatever_the_rate(arm: OurArm) -> None:
    assert len({arm.meet(rate).coded.voice for rate in (3.0, 20.0, 60.0)}) == 1


def test_the_same_clip_gives_the_same_again(
    arm: OurArm, sender: OfflineSender, sample_pictures: Frames, pcm: NDArray[np.int16]
) -> None:
    again = OurArm(sender, sample_pictures[:FRAMES], pcm).meet(20.0)
    first = arm.meet(20.0)
    assert (first.step, first.wire, first.coded.keyframes[0].image) == (
        again.step,
        again.wire,
        again.coded.keyframes[0].image,
    )


def quality(arm: OurArm, met: OurMet, frames: Frames) -> float:
    shown = arm.show(met, choose_backend("mesh-warp"))
    assert len(shown.pictures) == len(frames)
    return float(np.mean([psnr_y_db(frames[i], shown.pictures[i]) for i in range(shown.first, len(frames))]))


def test_losses_make_the_rebuilt_picture_worse_and_are_the_same_with_the_same_seed(
    arm: OurArm, sender: OfflineSender, sample_pictures: Frames, pcm: NDArray[np.int16]
) -> None:
    frames, way = sample_pictures[:FRAMES], Impairment(RandomLoss(0.4), 20)
    met, lossy = arm.meet(20.0), OurArm(sender, frames, pcm, Link("bad", "", 1, way, way), seed=4)
    hurt = lossy._at(met.step)
    assert quality(lossy, hurt, frames) < quality(arm, met, frames)
    assert hurt.arrived is not None and hurt.arrived.lost_motion_share > 0
    again = OurArm(sender, frames, pcm, Link("bad", "", 1, way, way), seed=4)._at(met.step)
    assert (again.wire, again.payload_kbps) == (hurt.wire, hurt.payload_kbps)
