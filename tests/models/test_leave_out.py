"""Every part left out has no effect on the picture any more, to the bit, and had one before."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.networks.codec import Codec
from models.networks.dense_motion import Driving
from models.training.leave_out import PARTS, leave_out, mean_mesh
from shared.errors import UserError
from tests.models.tensors import driving, moved

pytestmark = pytest.mark.model


def lively() -> Codec:
    """Random where an untrained network is zero, the same each time."""
    torch.manual_seed(3)
    codec = Codec("tiny").eval()
    for parameter in codec.parameters():
        nn.init.normal_(parameter, std=0.2)
    return codec


@pytest.fixture
def frame(mesh: np.ndarray) -> Driving:
    torch.manual_seed(1)
    return driving(mesh, shift=0.05)


def render(codec: Codec, frame: Driving, mask: float = 1.0) -> Tensor:
    torch.manual_seed(2)
    image = torch.rand(1, 3, 256, 256)
    return codec.renderer.render(
        codec.renderer.encode_reference(image, torch.full((1, 1, 32, 32), mask)), frame
    )


DRIVING_FIELDS = {
    "mesh": ("reference_points", "driving_points"),
    "voice": ("voice", "voice_present"),
    "keypoints": ("driving_keypoints",),
    "codes": ("codes", "reference_codes"),
}


@torch.no_grad()
@pytest.mark.parametrize("part", DRIVING_FIELDS)
def test_what_a_frame_says_of_a_part_left_out_is_not_heard(part: str, frame: Driving) -> None:
    other = frame._replace(
        **{name: torch.rand_like(getattr(frame, name)) - 0.5 for name in DRIVING_FIELDS[part]}
    )
    assert not torch.equal(render(lively(), frame), render(lively(), other))
    codec = leave_out(lively(), [part])
    assert torch.equal(render(codec, frame), render(codec, other))


WEIGHTS = {
    "identity": "renderer.reference.identity.3.bias",
    "residual_flow": "renderer.dense_motion.head.bias",
    "base_flow": "renderer.dense_motion.head.bias",
    "blend": "renderer.generator.head.bias",
}
ROWS = {
    "identity": slice(None),
    "residual_flow": slice(10, 12),
    "base_flow": slice(0, 1),
    "blend": slice(12, 16),
}


@torch.no_grad()
@pytest.mark.parametrize("part", WEIGHTS)
def test_what_a_part_left_out_learned_has_no_effect(part: str, frame: Driving) -> None:
    for left, expected in (([], False), ([part], True)):
        codec = leave_out(lively(), left)
        before = render(codec, frame)
        codec.state_dict()[WEIGHTS[part]][ROWS[part]] += 0.5
        assert torch.equal(before, render(codec, frame)) is expected


@torch.no_grad()
def test_the_mask_is_not_seen_without_segmentation(frame: Driving, mesh: np.ndarray) -> None:
    picture, points = torch.rand(1, 3, 256, 256), moved(mesh)
    masks = torch.zeros(1, 1, 64, 64), torch.rand(1, 1, 64, 64)
    for left, expected in (([], False), (["segmentation"], True)):
        codec = leave_out(lively(), left)
        assert torch.equal(render(codec, frame, 0.0), render(codec, frame, 1.0)) is expected
        one, other = (codec.analyser(picture, points, mask).keypoints for mask in masks)
        assert torch.equal(one, other) is expected


@torch.no_grad()
def test_the_analyser_sees_no_mesh_without_it(mesh: np.ndarray) -> None:
    picture, mask = torch.rand(1, 3, 256, 256), torch.ones(1, 1, 64, 64)
    codec = leave_out(lively(), ["mesh"])
    one, other = (codec.analyser(picture, moved(mesh, shift=shift), mask) for shift in (0.0, 0.2))
    assert torch.equal(one.keypoints, other.keypoints) and torch.equal(one.codes, other.codes)


@torch.no_grad()
def test_without_base_flow_and_mesh_only_keypoints_and_residual_move(frame: Driving) -> None:
    codec = leave_out(lively(), ["base_flow", "mesh", "residual_flow", "keypoints"])
    frame = frame._replace(reference_keypoints=frame.driving_keypoints)
    reference = codec.renderer.encode_reference(torch.rand(1, 3, 256, 256), torch.ones(1, 1, 32, 32))
    assert codec.renderer.motion(reference, frame).flow.abs().max() == 0


@pytest.mark.parametrize("part", PARTS)
def test_a_codec_without_a_part_still_learns(part: str, frame: Driving) -> None:
    codec = leave_out(lively(), [part])
    (render(codec, frame) - 0.5).square().mean().backward()
    gradient = codec.renderer.generator.head.weight.grad
    assert gradient is not None and gradient.abs().sum() > 0


def test_weights_stay_exchangeable() -> None:
    assert leave_out(Codec("tiny"), list(PARTS)).state_dict().keys() == Codec("tiny").state_dict().keys()


def test_an_unknown_part_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="no part hair"):
        leave_out(Codec("tiny"), ["hair"])


def test_the_mean_mesh_is_a_face_in_the_middle() -> None:
    mesh = mean_mesh(torch.zeros(2, 468, 2))
    assert mesh.shape == (2, 468, 2) and torch.equal(mesh[0], mesh[1])
    assert mesh.abs().max() < 1 and mesh[0, 152, 1] > mesh[0, 10, 1], "the chin lies below the forehead"
