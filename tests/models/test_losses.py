import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.losses import motion, picture
from models.losses.perceptual import MEASURED, Vgg19, feature_l1, measure
from models.networks.detector import KeypointDetector
from models.networks.layers import identity_grid
from tests.models.tensors import moved


@pytest.fixture
def two() -> tuple[Tensor, Tensor]:
    return torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)


def test_pixel_is_zero_for_equal_pictures_and_counts_each_alone(two: tuple[Tensor, Tensor]) -> None:
    a, b = two
    assert picture.pixel(a, a).tolist() == [0, 0]
    assert torch.allclose(picture.pixel(a, b)[1:], picture.pixel(a[1:], b[1:]))
    assert torch.allclose(picture.pixel(a, a + 0.25), torch.full((2,), 0.25))


def test_regional_sees_only_its_region() -> None:
    a, region = torch.zeros(1, 3, 16, 16), torch.zeros(1, 1, 16, 16)
    region[..., :8, :] = 1
    outside, inside = a.clone(), a.clone()
    outside[..., 8:, :] = 1
    inside[..., :8, :] = 1
    assert picture.regional(outside, a, region).item() == 0
    assert picture.regional(inside, a, region).item() == pytest.approx(1, rel=0.01)
    assert picture.regional(a, inside, torch.zeros_like(region)).item() == 0, (
        "an empty region is no division by zero"
    )


def test_detail_counts_missing_structure_but_hardly_its_exact_place() -> None:
    sharp = torch.nn.functional.interpolate(torch.rand(1, 3, 32, 32), 128, mode="bicubic").clamp(0, 1)
    blurred = torch.nn.functional.avg_pool2d(sharp, 5, 1, 2)
    moved_by_one = sharp.roll(1, dims=3)
    assert picture.detail(sharp, sharp).item() == 0
    assert picture.detail(blurred, sharp) > 3 * picture.detail(moved_by_one, sharp)
    assert picture.pixel(moved_by_one, sharp) > picture.pixel(blurred, sharp) / 2


def test_temporal_ignores_what_stays_and_clips_that_jump() -> None:
    original = torch.rand(2, 2, 3, 16, 16)
    constant_error = original + 0.2
    both, none = torch.ones(2, 1), torch.zeros(2, 1)
    assert picture.temporal(constant_error, original, both).item() == pytest.approx(0, abs=1e-6)
    flickering = original.clone()
    flickering[:, 1] += 0.2
    assert picture.temporal(flickering, original, both).item() == pytest.approx(0.2, rel=1e-3)
    assert picture.temporal(flickering, original, none).item() == 0


def test_a_crop_is_the_window_it_was_asked_for() -> None:
    x = torch.rand(2, 3, 16, 16)
    windows = picture.crop(x, torch.tensor([[0, 0], [3, 5]]), 8)
    assert torch.equal(windows[1], x[1, :, 3:11, 5:13])


def test_a_detector_that_moves_with_the_picture_is_equivariant(mesh: np.ndarray) -> None:
    class Brightest(KeypointDetector):
        """Finds the middle of what is bright: exactly equivariant away from the rim."""

        def forward(self, shown: Tensor, points: Tensor, mask: Tensor) -> Tensor:
            weights = shown.mean(dim=1).flatten(1)
            place = weights @ identity_grid(64, shown).reshape(-1, 2) / weights.sum(dim=1, keepdim=True)
            return place[:, None].expand(-1, 8, -1)

    grid = identity_grid(64, torch.zeros(1))
    blob = torch.exp(-((grid - torch.tensor([0.2, -0.1])) ** 2).sum(dim=-1) / 0.02).expand(3, 3, 64, 64)
    detector, mask = Brightest(4), torch.ones(3, 1, 64, 64)
    found = detector(blob, moved(mesh, 3), mask)
    loss = motion.equivariance(detector, blob, moved(mesh, 3), mask, found, torch.Generator().manual_seed(1))
    assert loss.item() < 2e-3
    wrong = motion.equivariance(
        detector, blob, moved(mesh, 3), mask, -found, torch.Generator().manual_seed(1)
    )
    assert wrong.item() > 0.1


def test_the_mesh_moves_with_the_picture_in_equivariance(mesh: np.ndarray) -> None:
    class MeshPoint(KeypointDetector):
        """Answers with mesh points: equivariant if, and only if, the mesh is moved as the picture is."""

        def forward(self, shown: Tensor, points: Tensor, mask: Tensor) -> Tensor:
            return points[:, :8]

    points, mask = moved(mesh, 2), torch.ones(2, 1, 64, 64)
    loss = motion.equivariance(MeshPoint(4), torch.rand(2, 3, 64, 64), points, mask, points[:, :8],
                               torch.Generator().manual_seed(2))  # fmt: skip
    assert loss.item() < 1e-6


def test_spread_wants_keypoints_apart() -> None:
    apart = torch.stack((torch.linspace(-0.9, 0.9, 8), torch.zeros(8)), dim=-1)[None]
    assert motion.spread(apart).item() == 0
    assert motion.spread(apart * 0.1).item() > 0
    assert torch.isfinite(motion.spread(torch.zeros(1, 8, 2)))


def test_flow_smoothness_leaves_the_base_flow_and_slopes_alone() -> None:
    base = torch.randn(1, 2, 16, 16)
    slope = torch.linspace(-1, 1, 16).expand(1, 2, 16, 16)
    assert motion.flow_smoothness(base, base).item() == 0
    assert motion.flow_smoothness(base + slope, base).item() == pytest.approx(0, abs=1e-5)
    assert motion.flow_smoothness(base + torch.randn(1, 2, 16, 16), base).item() > 1


def test_random_similarities_follow_their_seed_and_keep_angles() -> None:
    draw = [
        motion.random_similarity(5, torch.Generator().manual_seed(4), torch.device("cpu")) for _ in range(2)
    ]
    assert torch.equal(*draw)
    linear = draw[0][:, :, :2]
    square = linear @ linear.transpose(1, 2)
    assert torch.allclose(square, square[:, :1, :1] * torch.eye(2), atol=1e-6)


@pytest.mark.model
def test_the_perceptual_measure_is_zero_at_equality_and_symmetric(
    vgg_weights, two: tuple[Tensor, Tensor]
) -> None:
    vgg = Vgg19(vgg_weights)
    a, b = vgg(two[0]), vgg(two[1])
    assert measure(a, a).abs().max().item() < 1e-5
    assert torch.allclose(measure(a, b), measure(b, a), atol=1e-5)
    assert measure(a, b).min().item() > 0.1
    assert feature_l1(a, a).abs().max().item() == 0


@pytest.mark.model
def test_the_measure_and_its_gradient_are_those_of_unit_vectors() -> None:
    a, b = (torch.rand(2, 6, 5, 5).sub(0.3).relu() * 40 for _ in range(2))
    a[0, :, 0, 0], b[1, :, 1, 1] = 0, 0  # where every feature is off there is no direction
    gradients = []
    for difference in (
        lambda x: measure(dict.fromkeys(MEASURED, x), dict.fromkeys(MEASURED, b)),
        lambda x: 3 * ((F.normalize(x, dim=1) - F.normalize(b, dim=1)) ** 2).sum(1).mean((1, 2)),
    ):
        shown = a.clone().requires_grad_()
        value = difference(shown)
        (gradient,) = torch.autograd.grad(value.sum(), shown)
        gradient[0, :, 0, 0] = 0  # undefined there, and 1e12 by the one formula
        gradients.append((value.detach(), gradient))
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_the_perceptual_measure_is_that_of_the_reports(vgg_weights, two: tuple[Tensor, Tensor]) -> None:
    from experiments.measures.vgg import Vgg

    a, b = ((x[0] * 255).round().to(torch.uint8) for x in two)
    expected = Vgg(vgg_weights).distance(a.permute(1, 2, 0).numpy(), b.permute(1, 2, 0).numpy())
    vgg = Vgg19(vgg_weights)
    assert measure(vgg(a[None] / 255), vgg(b[None] / 255)).item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.model
def test_the_weights_of_the_measure_are_not_trained_but_pictures_are(
    vgg_weights, two: tuple[Tensor, Tensor]
) -> None:
    vgg = Vgg19(vgg_weights)
    shown = two[0].requires_grad_()
    measure(vgg(shown), vgg(two[1])).sum().backward()
    assert shown.grad is not None and shown.grad.abs().max() > 0
    assert not any(parameter.requires_grad for parameter in vgg.parameters())
