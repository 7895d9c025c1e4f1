"""The adversary of the late stage of training: discriminator, its own optimiser, and both sides of the game.

Invariant: its whole state goes into the checkpoint, and asking it for the codec's sake changes nothing in it, so that training
resumes bit for bit.
"""

from typing import Any

import torch
from torch import Tensor

from models.losses.adversarial import (
    MultiScaleDiscriminator,
    discriminator_hinge,
    feature_matching,
    generator_hinge,
)
from models.training.settings import Settings

BETAS = (0.5, 0.99)
"""Less momentum than the codec's optimiser: the discriminator follows a moving target."""


def wants_adversary(settings: Settings) -> bool:
    """Return whether any adversarial loss has weight."""
    return settings.losses.adversarial > 0 or settings.losses.feature_matching > 0


class Adversary:
    """Discriminator and its optimiser.

    sharpness (B,) in 0..1 says how much a picture counts: enlarged clips are no model of sharpness.
    """

    def __init__(self, settings: Settings, device: torch.device) -> None:
        # A generator state of its own: with or without an adversary the codec starts from the same weights.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.discriminator = MultiScaleDiscriminator()
        self.discriminator.to(device, memory_format=torch.channels_last)
        self.optimiser = torch.optim.Adam(
            self.discriminator.parameters(), lr=settings.learning_rate, betas=BETAS
        )
        self._from_step = settings.adversarial_from_step

    def plays(self, number: int) -> bool:
        """Return whether batch `number` belongs to the adversarial stage."""
        return number >= self._from_step

    def losses(self, rebuilt: Tensor, target: Tensor, sharpness: Tensor) -> dict[str, Tensor]:
        """Return the codec's losses against the discriminator as it stands."""
        discriminator = self.discriminator.eval().requires_grad_(False)
        judged = discriminator(rebuilt)
        with torch.no_grad():
            real = discriminator(target)
        return {
            "adversarial": generator_hinge(judged, sharpness),
            "feature_matching": feature_matching(real, judged),
        }

    def learn(self, rebuilt: Tensor, target: Tensor, sharpness: Tensor, learning_rate: float) -> float:
        """Take one step of the discriminator on these pictures; returns its loss."""
        discriminator = self.discriminator.train().requires_grad_(True)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(target.device.type, dtype=torch.bfloat16):
            loss = discriminator_hinge(discriminator(target), discriminator(rebuilt.detach()), sharpness)
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"discriminator": self.discriminator.state_dict(), "optimiser": self.optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept."""
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimiser.load_state_dict(state["optimiser"])
