import pytest
import torch

from models.losses.adversarial import (
    Judgement,
    MultiScaleDiscriminator,
    discriminator_hinge,
    feature_matching,
    generator_hinge,
)

pytestmark = pytest.mark.model


@pytest.fixture
def pictures() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64)


def says(value: float) -> list[Judgement]:
    return [Judgement(torch.full((2, 1, 4, 4), value), ())]


def test_every_scale_judges_patches(pictures: torch.Tensor) -> None:
    judged = MultiScaleDiscriminator(width=4)(pictures)
    assert [tuple(j.logits.shape) for j in judged] == [(2, 1, 8, 8), (2, 1, 4, 4)]
    assert [f.shape[1] for f in judged[0].features] == [4, 8, 16]


def test_a_picture_is_judged_alike_in_any_batch(pictures: torch.Tensor) -> None:
    discriminator = MultiScaleDiscriminator(width=4).eval()
    alone, together = discriminator(pictures[:1]), discriminator(pictures)
    assert torch.allclose(alone[0].logits, together[0].logits[:1], atol=1e-6)


def test_the_hinge_is_zero_beyond_the_margin_and_counts_by_weight() -> None:
    ones = torch.ones(2)
    assert discriminator_hinge(says(1.5), says(-1.5), ones) == 0
    assert discriminator_hinge(says(0.0), says(0.0), ones) == 2
    assert discriminator_hinge(says(0.0), says(0.0), torch.tensor([1.0, 0.0])) == 1
    assert generator_hinge(says(0.5), ones) == -0.5


def test_features_of_equal_pictures_match_and_the_original_gets_no_gradient(pictures: torch.Tensor) -> None:
    discriminator = MultiScaleDiscriminator(width=4).eval()
    original, rebuilt = (
        pictures.clone().requires_grad_(),
        (pictures * 0.5).requires_grad_(),
    )
    assert feature_matching(discriminator(original), discriminator(original)) == 0
    feature_matching(discriminator(original), discriminator(rebuilt)).backward()
    assert original.grad is None and rebuilt.grad is not None and rebuilt.grad.abs().sum() > 0


def test_it_learns_to_tell_sharp_from_blurred(pictures: torch.Tensor) -> None:
    discriminator = MultiScaleDiscriminator(width=4)
    blurred = torch.nn.functional.avg_pool2d(pictures, 5, 1, 2)
    optimiser = torch.optim.Adam(discriminator.parameters(), lr=1e-2)
    for _ in range(30):
        loss = discriminator_hinge(discriminator(pictures), discriminator(blurred), torch.ones(2))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 1.0
