import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.networks.dense_motion import Driving
from models.networks.layers import warp
from models.networks.mesh_maps import base_flow
from models.networks.reference import ReferenceFeatures
from models.networks.renderer import Renderer
from models.networks.sizes import TINY
from tests.models.tensors import driving, moved

pytestmark = pytest.mark.model

MASK = torch.ones(1, 1, 32, 32)


@pytest.fixture
def renderer() -> Renderer:
    return Renderer(TINY).eval()


@pytest.fixture
def picture() -> Tensor:
    return F.interpolate(torch.rand(1, 3, 32, 32), size=(256, 256), mode="bicubic").clamp(0, 1)


def encode(renderer: Renderer, picture: Tensor) -> ReferenceFeatures:
    return renderer.encode_reference(picture, MASK)


def relative_to(reference: Tensor, frame: Driving) -> Driving:
    """The same frame, driven from another reference mesh."""
    return frame._replace(reference_points=reference)


@torch.no_grad()
def test_one_reference_is_rendered_as_without_a_gallery(
    renderer: Renderer, picture: Tensor, mesh: np.ndarray
) -> None:
    for parameter in renderer.parameters():
        parameter.normal_(std=0.1)  # as trained ones, no weight is zero
    reference, frame = encode(renderer, picture), driving(mesh, shift=0.1)
    assert torch.equal(renderer.render_gallery([reference], [frame]), renderer.render(reference, frame))


@torch.no_grad()
def test_the_driving_frame_as_second_reference_lowers_the_error(
    renderer: Renderer, picture: Tensor, mesh: np.ndarray
) -> None:
    renderer.generator.head.bias[12:] = 8.0  # an untrained network has nothing of its own to blend in
    here, there = moved(mesh), moved(mesh, shift=0.15)
    target = warp(picture, base_flow(here, there)[0] * 0.7)  # not quite as the mesh says
    frame = driving(mesh)._replace(reference_points=here, driving_points=there, codes=torch.zeros(1, 8))
    frame = frame._replace(driving_keypoints=frame.reference_keypoints, thumbnail_present=torch.zeros(1, 1))
    first, second = encode(renderer, picture), encode(renderer, target)
    one = renderer.render(first, frame)
    both = renderer.render_gallery([first, second], [frame, relative_to(there, frame)])
    assert (both - target).abs().mean() < 0.8 * (one - target).abs().mean()


@torch.no_grad()
def test_the_order_of_references_does_not_matter(
    renderer: Renderer, picture: Tensor, mesh: np.ndarray
) -> None:
    references = [encode(renderer, picture), encode(renderer, picture.flip(3))]
    frame = driving(mesh, shift=0.1)
    frames = [frame, relative_to(moved(mesh, shift=0.05), frame)]
    one = renderer.render_gallery(references, frames)
    assert torch.allclose(one, renderer.render_gallery(references[::-1], frames[::-1]), atol=1e-5)


@torch.no_grad()
def test_a_gallery_holds_one_to_four_references(
    renderer: Renderer, picture: Tensor, mesh: np.ndarray
) -> None:
    reference, frame = encode(renderer, picture), driving(mesh)
    assert renderer.render_gallery([reference] * 4, [frame] * 4).shape == (1, 3, 256, 256)
    for count in (0, 5):
        with pytest.raises(ValueError, match="1 to 4"):
            renderer.render_gallery([reference] * count, [frame] * count)
    with pytest.raises(ValueError):
        renderer.render_gallery([reference] * 2, [frame])
