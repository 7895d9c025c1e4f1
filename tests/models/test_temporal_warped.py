import numpy as np
import pytest
import torch
from torch import Tensor

from models.losses.picture import temporal_warped
from models.networks.layers import warp
from models.networks.mesh_maps import base_flow
from tests.models.tensors import moved

pytestmark = pytest.mark.model

FOLLOWING = torch.ones(1, 1)


@pytest.fixture
def points(mesh: np.ndarray) -> Tensor:
    return torch.stack((moved(mesh)[0], moved(mesh, shift=0.1)[0]))[None]


@pytest.fixture
def original(points: Tensor) -> Tensor:
    """A picture and the same moved as the face moved: (1, 2, 3, 64, 64)."""
    first = torch.rand(1, 3, 64, 64)
    return torch.stack((first, warp(first, base_flow(points[:, 0], points[:, 1])[0])), dim=1)


def test_a_face_that_only_moves_does_not_flicker(original: Tensor, points: Tensor) -> None:
    darker = original * 0.5
    assert temporal_warped(darker, original, points, FOLLOWING).item() == pytest.approx(0, abs=1e-5)


def test_flicker_on_the_face_counts_and_beside_it_does_not(original: Tensor, points: Tensor) -> None:
    everywhere, corner = original.clone(), original.clone()
    everywhere[:, 1] = everywhere[:, 1] + 0.1
    corner[:, 1, :, :6, :6] += 0.5
    assert temporal_warped(everywhere, original, points, FOLLOWING).item() == pytest.approx(0.1, abs=0.01)
    assert temporal_warped(corner, original, points, FOLLOWING).item() == pytest.approx(0, abs=1e-5)


def test_frames_that_do_not_follow_one_another_do_not_count(original: Tensor, points: Tensor) -> None:
    assert (
        temporal_warped(original + torch.rand_like(original), original, points, torch.zeros(1, 1)).item() == 0
    )
