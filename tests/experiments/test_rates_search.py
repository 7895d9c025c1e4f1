"""The search for a rate, on made-up encoders whose rate is a known function of quality."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from experiments.rates.codecs import CODECS, Shape, check_arms
from experiments.rates.search import (
    RATE_TOLERANCE,
    SEARCH_ENCODES,
    Probe,
    Probes,
    best_shape,
    find_quality,
    off,
    probe_qualities,
)
from shared.errors import UserError

H264 = CODECS["h264"]
COARSE, FINE = probe_qualities(H264)


def straight(quality: float) -> float:
    """kbit/s that double every six steps, 3 at the coarsest."""
    return 3 * 2 ** ((H264.coarsest - quality) / 6)


def bent(quality: float) -> float:
    """As real encoders: steeper where it is fine."""
    steps = H264.coarsest - quality
    return 3 * math.exp(steps / 12 + (steps / 25) ** 2)


def probes(
    rate_of: Callable[[float], float], scores: tuple[float, float] = (0.5, 0.9), shape: Shape | None = None
) -> Probes:
    coarse, fine = (Probe(q, rate_of(q), score) for q, score in zip((COARSE, FINE), scores, strict=True))
    return Probes(shape or H264.shapes[0], coarse, fine)


@pytest.mark.parametrize("rate_of", [straight, bent])
@pytest.mark.parametrize("target", [3.5, 6, 10, 15, 20, 30, 50])
def test_a_rate_within_the_encoder_s_range_is_met(rate_of: Callable[[float], float], target: float) -> None:
    asked: list[float] = []

    def encode(quality: float) -> float:
        asked.append(quality)
        return rate_of(quality)

    quality = find_quality(H264, probes(rate_of), target, encode)
    assert off(rate_of(quality), target) <= RATE_TOLERANCE
    assert len(asked) == len(set(asked)) <= SEARCH_ENCODES


@pytest.mark.parametrize(("target", "quality"), [(1.0, H264.coarsest), (1e6, H264.finest)])
def test_a_rate_beyond_the_scale_ends_at_its_end(target: float, quality: float) -> None:
    assert find_quality(H264, probes(straight), target, straight) == quality
    assert off(straight(quality), target) > RATE_TOLERANCE


def test_an_encoder_with_few_steps_gives_the_nearest_of_them() -> None:
    few = replace(H264, finest=15.0, step=6.0)
    assert find_quality(few, probes(straight), 14.0, straight) == 39.0


def test_the_best_looking_shape_that_reaches_the_rate_is_taken() -> None:
    large = probes(straight, (0.5, 0.95), Shape(256, 1))
    small = probes(lambda q: straight(q) / 3, (0.6, 0.8), Shape(128, 2))
    assert best_shape([large, small], 2.0) is small
    assert best_shape([large, small], 20.0) is large
    assert best_shape([large, small], 0.1) is small


def test_an_arm_that_there_is_not_is_said_with_those_there_are() -> None:
    check_arms(["facewire", "vvc_offline"])
    with pytest.raises(UserError, match="av1_offline"):
        check_arms(["av2"])
