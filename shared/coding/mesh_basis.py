"""The face mesh in few numbers: pose and expression relative to a reference mesh, and the reference's own shape.

Driving mesh: `p = (I + L)(r + w B e - c) + c + t`, with r the reference points, c their centroid, w their width, B the
expression basis, e the expression, and (L, t) the affine (see `motion_layout`). Reference mesh:
`r = (I + L)(m + S s) + t` with m the mean shape and S the shape basis. Both bases were learned from the training people by
`python -m models.training.motion_basis` and are part of the bitstream: another file is another protocol version.

Must not import anything but numpy, safetensors' reader and this package. Points are (468, 2), x first, in -1..1.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from shared.coding.motion_layout import AFFINE, MESH_POINTS

Array = NDArray[np.float32]
BASIS_FILE = "mesh_basis.safetensors"


@dataclass(frozen=True, slots=True)
class MeshBasis:
    """expression: (16, 936) rows of B transposed. shape: (64, 936). mean: (468, 2). weights: (468,), how much each point
    counts when coefficients are fitted (lips and eyes more). rigid: (468,), how much it counts for the pose."""

    expression: Array
    shape: Array
    mean: Array
    weights: Array
    rigid: Array


@cache
def default_basis() -> MeshBasis:
    """Return the basis of this protocol version."""
    arrays = load(files("shared.coding").joinpath(BASIS_FILE).read_bytes())
    return MeshBasis(**{name: array.astype(np.float32) for name, array in arrays.items()})


@cache
def basis_digest() -> str:
    """Return the hex SHA-256 of the basis file; both ends of a call must have the same."""
    return hashlib.sha256(files("shared.coding").joinpath(BASIS_FILE).read_bytes()).hexdigest()


def fit_affine(source: Array, target: Array, weights: Array) -> Array:
    """Return (a, b, tx, c, d, ty), weighted least squares of target = (I + L)(source - centroid) + centroid + t."""
    centroid = source.mean(axis=0)
    design = np.concatenate((source - centroid, np.ones((len(source), 1), np.float32)), axis=1)
    weighted = design * weights[:, None]
    solution = np.linalg.solve(weighted.T @ design, weighted.T @ (target - centroid)).T
    return (solution - np.eye(2, 3)).astype(np.float32).reshape(AFFINE)


def apply_affine(points: Array, affine: Array, centroid: Array) -> Array:
    """Return (I + L)(points - centroid) + centroid + t."""
    matrix = affine.reshape(2, 3)
    moved = (points - centroid) @ (matrix[:, :2] + np.eye(2, dtype=np.float32)).T
    return np.asarray(moved + centroid + matrix[:, 2], np.float32)


def undo_affine(points: Array, affine: Array, centroid: Array) -> Array:
    """Return the points that `apply_affine` would have moved here."""
    matrix = affine.reshape(2, 3)
    linear = matrix[:, :2] + np.eye(2, dtype=np.float32)
    return np.asarray(np.linalg.solve(linear, (points - centroid - matrix[:, 2]).T).T + centroid, np.float32)


def mesh_width(points: Array) -> float:
    """Return the horizontal extent of a mesh, in -1..1 units: the unit of expression."""
    return float(np.ptp(points[:, 0])) + 1e-6


def fit_expression(reference: Array, driving: Array, affine: Array, basis: MeshBasis) -> Array:
    """Return the expression (16,) that best explains what `affine` leaves over."""
    rest = (undo_affine(driving, affine, reference.mean(axis=0)) - reference) / mesh_width(reference)
    return _project(rest, basis.expression, basis.weights)


def driving_points(
    reference: Array, affine: Array, expression: Array, basis: MeshBasis | None = None
) -> Array:
    """Return the driving mesh (468, 2) of a reference mesh, a pose (6,) and an expression (16,)."""
    basis = basis or default_basis()
    offset = (expression @ basis.expression).reshape(MESH_POINTS, 2) * mesh_width(reference)
    return apply_affine(np.asarray(reference + offset, np.float32), affine, reference.mean(axis=0))


def fit_shape(points: Array, basis: MeshBasis) -> tuple[Array, Array]:
    """Return affine (6,) and shape coefficients (64,) of a reference mesh."""
    affine = fit_affine(basis.mean, points, basis.rigid)
    return affine, fit_shape_coefficients(points, affine, basis)


def fit_shape_coefficients(points: Array, affine: Array, basis: MeshBasis) -> Array:
    """Return the shape coefficients (64,) that best explain what `affine` (as transmitted) leaves over."""
    return _project(
        undo_affine(points, affine, basis.mean.mean(axis=0)) - basis.mean, basis.shape, basis.weights
    )


def shape_points(affine: Array, coefficients: Array, basis: MeshBasis | None = None) -> Array:
    """Return the reference mesh (468, 2) of affine (6,) and coefficients (64,)."""
    basis = basis or default_basis()
    offset = (coefficients @ basis.shape).reshape(MESH_POINTS, 2)
    return apply_affine(np.asarray(basis.mean + offset, np.float32), affine, basis.mean.mean(axis=0))


def _project(rest: Array, rows: Array, weights: Array) -> Array:
    """Return weighted least-squares coefficients; the rows are orthonormal under the weights."""
    return np.asarray(rows @ (rest * weights[:, None]).reshape(-1), np.float32)
