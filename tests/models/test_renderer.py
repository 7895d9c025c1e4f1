from dataclasses import replace

import numpy as np
import pytest
import torch

from models.networks.codec import Codec, rounding_noise
from models.networks.dense_motion import CONDITIONS, DenseMotion, Driving
from models.networks.layers import warp
from models.networks.mesh_maps import base_flow
from models.networks.reference import ReferenceEncoder, ReferenceFeatures
from models.networks.renderer import Renderer
from models.networks.sizes import FULL, LITE, NANO, SIZES, TINY, Size
from tests.models.tensors import driving


@pytest.fixture
def renderer() -> Renderer:
    return Renderer(TINY).eval()


@pytest.fixture
def trained() -> Renderer:
    """Random in every layer, as nothing trained would be, so that every input has an effect."""
    network = Renderer(TINY).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return network


def features(renderer: Renderer, count: int = 1) -> ReferenceFeatures:
    return renderer.encode_reference(torch.rand(count, 3, 256, 256), torch.ones(count, 1, 32, 32))


@torch.no_grad()
@pytest.mark.parametrize("size", [replace(size, name="few") for size in (TINY, NANO)], ids=["tiny", "nano"])
def test_a_renderer_of_any_size_gives_a_picture(size: Size, mesh: np.ndarray) -> None:
    network = Renderer(size).eval()
    reference = features(network)
    assert reference.features_64.shape == (1, size.reference_64, 64, 64)
    assert reference.features_32.shape == (1, size.reference_32, 32, 32)
    assert reference.motion.shape == (1, 12 + 1, 64, 64)
    assert reference.identity.shape == (1, 64)
    picture = network.render(reference, driving(mesh))
    assert picture.shape == (1, 3, 256, 256)
    assert picture.min() >= 0 and picture.max() <= 1


@pytest.mark.parametrize("size", [LITE, NANO, FULL, TINY], ids=lambda size: size.name)
def test_every_size_is_listed_by_its_name(size: Size) -> None:
    assert SIZES[size.name] is size


@torch.no_grad()
def test_the_untrained_renderer_is_the_mesh_warp(renderer: Renderer, mesh: np.ndarray) -> None:
    smooth = torch.nn.functional.interpolate(torch.rand(1, 3, 16, 16), size=(256, 256), mode="bilinear")
    reference = renderer.encode_reference(smooth, torch.ones(1, 1, 32, 32))
    drive = driving(mesh, shift=0.1)
    flow, _ = base_flow(drive.reference_points, drive.driving_points)
    error = (renderer.render(reference, drive) - warp(smooth, flow)).abs()
    held = (smooth - warp(smooth, flow)).abs()
    assert torch.equal(reference.picture, smooth)
    assert error.mean() < 0.03
    assert error.mean() < held.mean()


@torch.no_grad()
def test_the_untrained_motion_is_nearly_the_base_flow_and_sees_everything(
    renderer: Renderer, mesh: np.ndarray
) -> None:
    drive = driving(mesh, shift=0.1)
    still = drive._replace(driving_keypoints=drive.reference_keypoints)
    motion = renderer.motion(features(renderer), still)
    base, _ = base_flow(drive.reference_points, drive.driving_points)
    share = np.exp(3.0) / (np.exp(3.0) + 9)
    assert torch.allclose(motion.flow, share * base, atol=1e-5)
    for occlusion, side in (
        (motion.occlusion_128, 128),
        (motion.occlusion_64, 64),
        (motion.occlusion_32, 32),
    ):
        assert occlusion.shape == (1, 1, side, side)
        assert occlusion.min() > 0.9


@torch.no_grad()
def test_a_batch_is_rendered_as_each_alone(trained: Renderer, mesh: np.ndarray) -> None:
    reference, drive = features(trained, 2), driving(mesh, 2, 0.05)
    together = trained.render(reference, drive)
    for row in range(2):
        one = slice(row, row + 1)
        alone = trained.render(
            ReferenceFeatures(*(x[one] for x in reference)), Driving(*(x[one] for x in drive))
        )
        assert torch.allclose(together[one], alone, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("name", ["voice", "thumbnail"])
def test_what_is_absent_has_no_effect(trained: Renderer, mesh: np.ndarray, name: str) -> None:
    reference, drive = features(trained), driving(mesh)
    absent = drive._replace(**{f"{name}_present": torch.zeros(1, 1)})
    other = absent._replace(**{name: torch.rand_like(getattr(drive, name))})
    assert torch.equal(trained.render(reference, absent), trained.render(reference, other))


@torch.no_grad()
@pytest.mark.parametrize("name", [name for name in Driving._fields if not name.endswith("_present")])
def test_what_is_present_has_an_effect(trained: Renderer, mesh: np.ndarray, name: str) -> None:
    reference, drive = features(trained), driving(mesh)
    value = getattr(drive, name)
    other = drive._replace(**{name: value + 0.3 * torch.rand_like(value)})
    assert not torch.equal(trained.render(reference, drive), trained.render(reference, other))


def test_every_trained_number_gets_a_gradient(trained: Renderer, mesh: np.ndarray) -> None:
    (trained.render(features(trained), driving(mesh)) - 0.5).square().mean().backward()
    assert [name for name, value in trained.named_parameters() if value.grad is None] == []


def test_the_cleaning_starts_as_nothing_and_stays_in_range() -> None:
    encoder = ReferenceEncoder(TINY)
    image = torch.rand(1, 3, 256, 256)
    assert torch.equal(encoder(image, torch.zeros(1, 1, 32, 32)).picture, image)
    torch.nn.init.constant_(encoder.clean[-1].bias, 5.0)
    assert encoder(image, torch.zeros(1, 1, 32, 32)).picture.max() == 1


def test_the_conditions_are_as_many_as_the_networks_expect(mesh: np.ndarray) -> None:
    assert driving(mesh, 3).conditions().shape == (3, CONDITIONS)
    assert DenseMotion(TINY).condition.in_features == CONDITIONS


def test_rounding_noise_stays_within_half_a_step_and_follows_its_seed() -> None:
    values = torch.randn(100)
    noisy = rounding_noise(values, 0.25, torch.Generator().manual_seed(3))
    assert (noisy - values).abs().max() <= 0.125
    assert torch.equal(noisy, rounding_noise(values, 0.25, torch.Generator().manual_seed(3)))


def test_all_sizes_share_analyser_and_voice_branch() -> None:
    tiny, nano = Codec("tiny"), Codec("nano")
    for part in ("analyser", "voice"):
        shapes = [
            {name: x.shape for name, x in getattr(codec, part).state_dict().items()} for codec in (tiny, nano)
        ]
        assert shapes[0] == shapes[1]
