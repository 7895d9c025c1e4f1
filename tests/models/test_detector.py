import numpy as np
import pytest
import torch
from torch.nn import functional as F

from models.networks.codec import Analyser
from models.networks.detector import (
    DETECTOR_SIDE,
    PATCH_SIDE,
    CodeEncoder,
    KeypointDetector,
    cut_patches,
    patch_transforms,
    soft_argmax,
)
from models.networks.layers import identity_grid
from models.networks.sizes import CODES, KEYPOINTS
from tests.models.tensors import moved


def test_a_sharp_heat_map_gives_its_place() -> None:
    heat = torch.zeros(1, 2, 16, 16)
    heat[0, 0, 3, 12], heat[0, 1, 15, 0] = 10.0, 10.0
    grid = identity_grid(16, heat)
    assert torch.allclose(soft_argmax(heat)[0], torch.stack((grid[3, 12], grid[15, 0])), atol=1e-4)


def test_a_flat_heat_map_gives_the_middle() -> None:
    assert torch.allclose(soft_argmax(torch.zeros(2, 3, 16, 16)), torch.zeros(2, 3, 2), atol=1e-6)


def test_keypoints_stay_in_the_picture(mesh: np.ndarray) -> None:
    found = KeypointDetector(4)(torch.rand(2, 3, 64, 64), moved(mesh, 2), torch.ones(2, 1, 64, 64))
    assert found.shape == (2, KEYPOINTS, 2)
    assert found.abs().max() < 1


def test_codes_lie_between_minus_one_and_one() -> None:
    patches = [torch.rand(2, 3, PATCH_SIDE, PATCH_SIDE) for _ in range(3)]
    codes = CodeEncoder(4)(*patches)
    assert codes.shape == (2, CODES)
    assert codes.abs().max() <= 1


def test_both_eyes_share_one_network_that_sees_the_left_one_mirrored() -> None:
    encoder, eye, mouth = CodeEncoder(4), torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    codes = encoder(eye, eye.flip(3), mouth)
    assert torch.allclose(codes[:, :2], codes[:, 2:4], atol=1e-6)


def test_the_analysis_of_a_batch_is_that_of_each_alone(mesh: np.ndarray) -> None:
    analyser = Analyser().eval()
    inputs = torch.rand(2, 3, 256, 256), moved(mesh, 2, noise=0.01), torch.rand(2, 1, 64, 64)
    together = analyser(*inputs)
    for row in range(2):
        alone = analyser(*(x[row : row + 1] for x in inputs))
        assert torch.allclose(together.keypoints[row], alone.keypoints[0], atol=1e-5)
        assert torch.allclose(together.codes[row], alone.codes[0], atol=1e-5)


@pytest.mark.parametrize(("patch", "corners"), [(0, (33, 133)), (1, (362, 263)), (2, (61, 291))])
def test_each_patch_is_centred_on_its_feature(mesh: np.ndarray, patch: int, corners: tuple[int, int]) -> None:
    transform = patch_transforms(moved(mesh))[0, patch]
    assert np.allclose(transform[:, 2].numpy(), mesh[list(corners)].mean(axis=0), atol=1e-6)


def test_patches_show_what_is_there(mesh: np.ndarray) -> None:
    ramp = identity_grid(256, torch.zeros(1)).permute(2, 0, 1)[None]
    picture = torch.cat((ramp, torch.zeros(1, 1, 256, 256)), dim=1)
    for patch, transform in zip(
        cut_patches(picture, moved(mesh)), patch_transforms(moved(mesh))[0], strict=True
    ):
        assert patch.shape == (1, 3, PATCH_SIDE, PATCH_SIDE)
        middle = patch[0, :2, 15:17, 15:17].mean(dim=(1, 2))
        assert torch.allclose(middle, transform[:, 2], atol=0.01)


def test_patches_turn_with_the_head(mesh: np.ndarray) -> None:
    picture = F.interpolate(torch.rand(1, 3, 16, 16), size=(256, 256), mode="bicubic").clamp(0, 1)
    angle = torch.tensor(0.4)
    turn = torch.stack((torch.stack((angle.cos(), -angle.sin())), torch.stack((angle.sin(), angle.cos()))))
    grid = (identity_grid(256, picture).reshape(-1, 2) @ turn).reshape(1, 256, 256, 2)
    turned = F.grid_sample(picture, grid, padding_mode="border", align_corners=False)
    points = moved(mesh * 0.5)
    for upright, tilted in zip(
        cut_patches(picture, points), cut_patches(turned, points @ turn.T), strict=True
    ):
        assert (upright - tilted).abs().mean() < 0.02


def test_an_opening_mouth_does_not_change_the_scale_of_its_patch(mesh: np.ndarray) -> None:
    opened = mesh.copy()
    opened[17, 1] += 0.1
    assert torch.equal(patch_transforms(moved(mesh))[:, 2], patch_transforms(moved(opened))[:, 2])


def test_detector_and_keyframe_agree_on_the_side() -> None:
    assert DETECTOR_SIDE == 64
