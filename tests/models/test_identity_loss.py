import pytest
import torch

from models.losses.identity import identity_consistency
from models.networks.reference import ReferenceEncoder
from models.networks.sizes import TINY

pytestmark = pytest.mark.model


@pytest.fixture
def encoder() -> ReferenceEncoder:
    return ReferenceEncoder(TINY)


def test_a_picture_keeps_its_own_identity(encoder: ReferenceEncoder) -> None:
    picture, mask = torch.rand(2, 3, 256, 256), torch.ones(2, 1, 32, 32)
    code = encoder(picture, mask).identity
    assert identity_consistency(encoder, picture, mask, code).item() == pytest.approx(0, abs=1e-6)
    assert identity_consistency(encoder, picture, mask, -code).item() == pytest.approx(2, abs=1e-5)


def test_only_the_picture_can_lower_it(encoder: ReferenceEncoder) -> None:
    picture = torch.rand(1, 3, 256, 256, requires_grad=True)
    identity = torch.randn(1, 64, requires_grad=True)
    identity_consistency(encoder, picture, torch.ones(1, 1, 32, 32), identity).backward()
    assert picture.grad is not None and picture.grad.abs().sum() > 0
    assert identity.grad is None
    assert all(parameter.grad is None for parameter in encoder.parameters())
