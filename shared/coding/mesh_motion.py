"""From tracked mesh to transmitted numbers and back: the closed loop that keeps sender and receiver on the same mesh.

Must import numpy and this package only. Invariant: the expression is fitted to what the *rounded* pose leaves over, and both are
relative to the reference mesh as the receiver decodes it, so that rounding errors do not add up.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.coding import mesh_basis
from shared.coding.motion_code import dequantise_motion, quantise_motion
from shared.coding.motion_layout import AFFINE, CODES, EXPRESSION, KEYPOINTS, MotionValues
from shared.coding.shape_code import dequantise_shape, quantise_shape

Array = NDArray[np.float32]


def points_from_shape(symbols: NDArray[np.int16]) -> Array:
    """Return the reference mesh, float32 (468, 2) in -1..1, of shape symbols (70,)."""
    values = dequantise_shape(symbols)
    return mesh_basis.shape_points(values[:AFFINE], values[AFFINE:])


def shape_from_points(points: Array) -> NDArray[np.int16]:
    """Return the shape symbols (70,) of a tracked reference mesh (468, 2)."""
    basis = mesh_basis.default_basis()
    affine, _ = mesh_basis.fit_shape(points, basis)
    rounded = dequantise_shape(quantise_shape(_with_zeros(affine, len(basis.shape))))[:AFFINE]
    coefficients = mesh_basis.fit_shape_coefficients(points, rounded, basis)
    return quantise_shape(np.concatenate((rounded, coefficients)))


def fit_pose_and_expression(reference: Array, points: Array) -> tuple[Array, Array]:
    """Return pose (6,), already rounded, and expression (16,) of a tracked mesh relative to a decoded reference mesh."""
    basis = mesh_basis.default_basis()
    affine = mesh_basis.fit_affine(reference, points, basis.rigid)
    rounded = dequantise_motion(quantise_motion(_still(affine))).affine
    return rounded, mesh_basis.fit_expression(reference, points, rounded, basis)


def driving_points(reference: Array, values: MotionValues) -> Array:
    """Return the driving mesh (468, 2) that a receiver builds from decoded values."""
    return mesh_basis.driving_points(reference, values.affine, values.expression)


def _still(affine: Array) -> MotionValues:
    zeros = np.zeros(EXPRESSION, np.float32)
    return MotionValues(affine, zeros, np.zeros((KEYPOINTS, 2), np.float32), np.zeros(CODES, np.float32))


def _with_zeros(affine: Sequence[float] | Array, count: int) -> Array:
    return np.concatenate((affine, np.zeros(count, np.float32))).astype(np.float32)
