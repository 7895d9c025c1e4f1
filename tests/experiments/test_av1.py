"""experiments.rivals.av1: the rate it is asked for, the rate it says, and the wire's accounting."""

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.measures.picture import psnr_y_db
from experiments.rivals.av1 import RATE_TOLERANCE, encode, encode_at_rate, rival_payload_kbps

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def clip(sample_pictures: list[Picture]) -> list[Picture]:
    return sample_pictures[50:100]


@pytest.mark.parametrize("target_kbps", [10.0, 25.0])
def test_the_rate_is_within_five_per_cent_of_what_was_asked(clip: list[Picture], target_kbps: float) -> None:
    rival = encode_at_rate(clip, target_kbps, None)
    assert rival.reached
    assert rival.coded.payload_kbps == pytest.approx(target_kbps, rel=RATE_TOLERANCE)
    assert len(rival.coded.frames) == len(clip)
    assert rival.coded.frames[0].shape == clip[0].shape


def test_a_rate_that_no_size_reaches_is_flagged_and_the_lowest_comes_back(clip: list[Picture]) -> None:
    rival = encode_at_rate(clip, 0.5, None)
    assert not rival.reached
    assert rival.coded.payload_kbps < 12


def test_the_winner_is_the_best_of_what_was_tried(clip: list[Picture]) -> None:
    rival = encode_at_rate(clip, 25.0, None)
    assert rival.measure == "ssim_y"
    assert len(rival.tried) >= 3
    assert rival.score == max(score for *_, score in rival.tried)


def test_a_good_encode_looks_like_the_original_and_a_lower_crf_takes_more(clip: list[Picture]) -> None:
    good, poor = encode(clip[:10], 256, 1, 30.0), encode(clip[:10], 256, 1, 60.0)
    assert good.payload_kbps > 2 * poor.payload_kbps
    assert psnr_y_db(clip[9], good.frames[9]) > 36


def test_at_half_the_frame_rate_each_picture_is_held_for_two_frames(clip: list[Picture]) -> None:
    coded = encode(clip[:5], 128, 2, 40.0)
    assert coded.fps == 12.5
    assert (coded.frames[0] == coded.frames[1]).all()
    assert (coded.frames[1] != coded.frames[2]).any()
    assert len(coded.frames) == 5


def test_the_same_clip_and_rate_give_the_same_rival(clip: list[Picture]) -> None:
    first, second = (encode_at_rate(clip[:15], 25.0, None) for _ in range(2))
    assert first.tried == second.tried


def test_a_rival_pays_for_the_voice_and_for_every_packet() -> None:
    # 12.5 packets of 85 bytes a second are 8.5 kbit/s.
    assert rival_payload_kbps(20.0, 6.0, 12.5) == pytest.approx(5.5)
    assert rival_payload_kbps(10.0, 6.0, 12.5) == 0


def test_no_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="no frames"):
        encode_at_rate([], 10.0, None)
