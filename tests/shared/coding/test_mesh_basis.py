import numpy as np
import pytest

from shared.coding.mesh_basis import (
    apply_affine,
    basis_digest,
    default_basis,
    driving_points,
    fit_affine,
    fit_expression,
    fit_shape,
    mesh_width,
    shape_points,
    undo_affine,
)
from shared.coding.motion_layout import AFFINE, EXPRESSION, MESH_POINTS, SHAPE_COEFFICIENTS

RANDOM = np.random.default_rng(0)
AFFINES = (RANDOM.normal(0, 0.1, (5, AFFINE))).astype(np.float32)


def test_the_basis_has_the_shapes_of_the_bitstream() -> None:
    basis = default_basis()
    assert basis.expression.shape == (EXPRESSION, 2 * MESH_POINTS)
    assert basis.shape.shape == (SHAPE_COEFFICIENTS, 2 * MESH_POINTS)
    assert basis.mean.shape == (MESH_POINTS, 2)
    assert basis.weights.shape == basis.rigid.shape == (MESH_POINTS,)
    assert len(basis_digest()) == 64


@pytest.mark.parametrize("name", ["expression", "shape"])
def test_the_rows_are_orthonormal_under_the_weights(name: str) -> None:
    basis = default_basis()
    rows = getattr(basis, name)
    products = (rows * np.repeat(basis.weights, 2)) @ rows.T
    assert np.abs(products - np.eye(len(rows))).max() < 0.01, "as good as the float16 of the file"


@pytest.mark.parametrize("affine", AFFINES, ids=range(len(AFFINES)))
def test_an_affine_is_found_and_undone(affine: np.ndarray) -> None:
    basis = default_basis()
    centre = basis.mean.mean(axis=0)
    moved = apply_affine(basis.mean, affine, centre)
    assert np.allclose(fit_affine(basis.mean, moved, basis.rigid), affine, atol=1e-4)
    assert np.allclose(undo_affine(moved, affine, centre), basis.mean, atol=1e-5)


def test_no_movement_is_all_zeros() -> None:
    basis = default_basis()
    affine = fit_affine(basis.mean, basis.mean, basis.rigid)
    assert np.allclose(affine, 0, atol=1e-5)
    assert np.allclose(fit_expression(basis.mean, basis.mean, affine, basis), 0, atol=1e-4)


@pytest.mark.parametrize("affine", AFFINES[:2], ids=range(2))
def test_an_expression_comes_back_whatever_the_pose(affine: np.ndarray) -> None:
    basis = default_basis()
    expression = np.random.default_rng(1).normal(0, 0.2, EXPRESSION).astype(np.float32)
    driving = driving_points(basis.mean, affine, expression)
    assert np.allclose(fit_expression(basis.mean, driving, affine, basis), expression, atol=0.01)


def test_a_shape_comes_back() -> None:
    basis = default_basis()
    coefficients = np.random.default_rng(2).normal(0, 0.05, SHAPE_COEFFICIENTS).astype(np.float32)
    points = shape_points(AFFINES[0], coefficients)
    assert np.linalg.norm(shape_points(*fit_shape(points, basis)) - points, axis=1).mean() * 128 < 0.05


def test_expressions_scale_with_the_face() -> None:
    basis = default_basis()
    expression = np.full(EXPRESSION, 0.1, np.float32)
    still = np.zeros(AFFINE, np.float32)
    large = driving_points(basis.mean, still, expression) - basis.mean
    small = driving_points(basis.mean / 2, still, expression) - basis.mean / 2
    assert np.allclose(large, 2 * small, atol=1e-5)
    assert mesh_width(basis.mean) == pytest.approx(2 * mesh_width(basis.mean / 2), rel=1e-4)
