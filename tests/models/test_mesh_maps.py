import numpy as np
import pytest
import torch

from models.networks.layers import identity_grid
from models.networks.mesh_maps import (
    FEATURES,
    INNER_LIPS,
    LEFT_EYE,
    LIPS,
    LOWEST_EXPONENT,
    NARROW_SIGMA,
    RIGHT_EYE,
    SCALE,
    base_flow,
    feature_maps,
    gaussian_sum,
    gaussians,
    mesh_distance,
    region_maps,
)
from tests.models.tensors import moved


def cell(point: np.ndarray, side: int) -> tuple[int, int]:
    """Row and column of a place in -1..1."""
    column, row = ((point + 1) / 2 * side).astype(int)
    return row, column


def test_a_separable_sum_equals_the_sum_over_all_points() -> None:
    points, values = torch.rand(1, 5, 2) - 0.5, torch.randn(1, 5, 3)
    squared = ((identity_grid(16, points)[:, :, None] - points[0]) ** 2).sum(dim=-1)
    expected = torch.einsum("hwn,nc->chw", torch.exp(-squared / (2 * 0.2**2)), values[0])
    assert torch.allclose(gaussian_sum(points, values, 0.2, 16)[0], expected, atol=1e-5)


def test_gaussians_never_become_subnormal() -> None:
    y, x = gaussians(torch.full((1, 1, 2), 30.0), 0.06, 64)
    assert float(y.min() * x.min()) >= np.exp(2 * LOWEST_EXPONENT) * 0.99
    assert float(y.min() * x.min()) > np.finfo(np.float32).tiny


def test_a_face_that_does_not_move_has_no_flow(mesh: np.ndarray) -> None:
    flow, nearness = base_flow(moved(mesh), moved(mesh))
    assert flow.abs().max() == 0
    assert nearness.min() >= 0 and nearness.max() <= 1


def test_the_flow_of_a_shifted_face_points_back_by_the_shift(mesh: np.ndarray) -> None:
    flow, nearness = base_flow(moved(mesh), moved(mesh, shift=0.1))
    row, column = cell(mesh[1] + [0.1, 0], 64)
    assert flow[0, :, row, column].tolist() == pytest.approx([-0.1, 0.0], abs=1e-3)
    assert torch.allclose(flow[0], torch.tensor([-0.1, 0.0])[:, None, None] * nearness[0], atol=2e-3)


def test_the_background_far_from_the_face_stays(mesh: np.ndarray) -> None:
    small = mesh * 0.4
    flow, nearness = base_flow(moved(small), moved(small, shift=0.1))
    assert flow[0, :, 0, 0].abs().max() == 0
    assert nearness[0, 0, 0, 0] == 0


def test_the_distance_to_the_mesh_is_a_soft_minimum(mesh: np.ndarray) -> None:
    points = moved(mesh * 0.8)
    found = mesh_distance(gaussian_sum(points, torch.full((1, 468, 1), SCALE), NARROW_SIGMA, 64))[0, 0]
    exact = torch.cdist(identity_grid(64, points).reshape(-1, 2), points[0]).min(dim=1).values.reshape(64, 64)
    outside = (exact > 0.1) & (exact < 0.6)
    assert (found - exact)[outside].abs().max() < 0.1


def test_the_flow_of_a_batch_is_that_of_each_alone(mesh: np.ndarray) -> None:
    reference, driving = moved(mesh, 3, noise=0.01), moved(mesh, 3, 0.05, 0.01)
    together = base_flow(reference, driving)[0]
    alone = torch.cat([base_flow(reference[i : i + 1], driving[i : i + 1])[0] for i in range(3)])
    assert torch.allclose(together, alone, atol=1e-6)


def test_feature_maps_draw_each_feature_where_it_is(mesh: np.ndarray) -> None:
    maps = feature_maps(moved(mesh), 64)[0]
    assert maps.shape == (len(FEATURES), 64, 64)
    assert maps.min() >= 0 and maps.max() <= 1
    for plane, indices in zip(maps, FEATURES, strict=True):
        assert all(plane[cell(mesh[index], 64)] > 0.5 for index in indices)


@pytest.mark.parametrize("side", [64, 128, 256])
def test_regions_cover_mouth_and_eyes_and_not_each_other(mesh: np.ndarray, side: int) -> None:
    mouth, eyes = region_maps(moved(mesh), side)[0]
    assert mouth.shape == (side, side)
    for point in mesh[list(LIPS + INNER_LIPS)]:
        assert mouth[cell(point, side)] > 0.9
    for point in mesh[list(LEFT_EYE + RIGHT_EYE)]:
        assert eyes[cell(point, side)] > 0.9
        assert mouth[cell(point, side)] < 0.05
