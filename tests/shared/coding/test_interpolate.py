"""Interpolation between two frames."""

import math

import numpy as np
import pytest

from shared.coding.interpolate import interpolate_motion
from shared.coding.motion_code import motion_vector
from shared.coding.motion_layout import MotionValues
from shared.errors import UserError


def values(seed: int) -> MotionValues:
    vector = np.random.default_rng(seed).normal(0, 1, 46).astype(np.float32)
    return MotionValues(vector[:6], vector[6:22], vector[22:38].reshape(8, 2), vector[38:])


@pytest.mark.parametrize(
    ("fraction", "seed"), [(0.0, 1), (1.0, 2), (-3.0, 1), (7.0, 2), (-math.inf, 1), (math.inf, 2)]
)
def test_the_ends_are_exact_and_beyond_them_is_clamped(fraction: float, seed: int) -> None:
    mixed = motion_vector(interpolate_motion(values(1), values(2), fraction))
    assert np.array_equal(mixed, motion_vector(values(seed)))


def test_in_between_is_linear() -> None:
    mixed = motion_vector(interpolate_motion(values(1), values(2), 0.25))
    expected = 0.75 * motion_vector(values(1)) + 0.25 * motion_vector(values(2))
    assert np.allclose(mixed, expected, atol=1e-6)


def test_shapes_and_types_are_kept_and_read_only() -> None:
    mixed = interpolate_motion(values(1), values(2), 0.5)
    assert mixed.keypoints.shape == (8, 2) and mixed.affine.dtype == np.float32
    with pytest.raises(ValueError):
        mixed.codes[0] = 1


def test_a_fraction_that_is_nan_is_a_user_error() -> None:
    with pytest.raises(UserError):
        interpolate_motion(values(1), values(2), math.nan)
