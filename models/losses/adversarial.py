"""A light patch discriminator at two scales, its hinge losses and feature matching; used late in training.

    picture 256 (3) -> 4x4/2 w -> 4x4/2 2w -> 4x4/2 4w -> 3x3 -> a logit for each patch of 38 px
    picture 128 (3) -> the same shape of network, its own weights     (patches of 76 px of the picture)

Patches as in pix2pix (Isola et al. 2017, arXiv 1611.07004), several scales and feature matching as in pix2pixHD (Wang et al.
2018, arXiv 1711.11585, equations 3 to 5), spectral normalisation (Miyato et al. 2018, arXiv 1802.05957), hinge (Lim and Ye
2017, arXiv 1705.02894). Conditioned on nothing: what is judged is whether a patch looks photographed; what it must show, the
other losses say.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from models.networks.layers import conv

WIDTH = 16
SCALES = 2


class Judgement(NamedTuple):
    """What one scale says of pictures. logits (B, 1, h, w), above 0 for real; features: of every layer before."""

    logits: Tensor
    features: tuple[Tensor, ...]


class PatchDiscriminator(nn.Module):
    """(B, 3, H, W) in 0..1 -> Judgement with h = H / 8, w = W / 8."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 4 * width)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(widths[i], widths[i + 1], 4, stride=2, padding=1)) for i in range(3)
        )
        self.head = spectral_norm(conv(widths[-1], 1))

    def forward(self, picture: Tensor) -> Judgement:
        """Return the judgement."""
        x, features = picture * 2 - 1, []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return Judgement(self.head(x).float(), tuple(features))


class MultiScaleDiscriminator(nn.Module):
    """(B, 3, H, W) in 0..1 -> a Judgement for the picture, for the picture at half its side, and so on."""

    def __init__(self, width: int = WIDTH, scales: int = SCALES) -> None:
        super().__init__()
        self.scales = nn.ModuleList(PatchDiscriminator(width) for _ in range(scales))

    def forward(self, picture: Tensor) -> list[Judgement]:
        """Return the judgements, the finest first."""
        judgements = []
        for scale in self.scales:
            judgements.append(scale(picture))
            picture = F.avg_pool2d(picture, 2)
        return judgements


def discriminator_hinge(real: list[Judgement], rebuilt: list[Judgement], weight: Tensor) -> Tensor:
    """Return the discriminator's hinge loss; weight (B,) says how much each picture counts."""
    terms = [
        F.relu(1 - r.logits).mean(dim=(1, 2, 3)) + F.relu(1 + f.logits).mean(dim=(1, 2, 3))
        for r, f in zip(real, rebuilt, strict=True)
    ]
    return (torch.stack(terms).mean(dim=0) * weight).mean()


def generator_hinge(rebuilt: list[Judgement], weight: Tensor) -> Tensor:
    """Return the generator's side: minus the mean logit, weight (B,) as above."""
    terms = [-judgement.logits.mean(dim=(1, 2, 3)) for judgement in rebuilt]
    return (torch.stack(terms).mean(dim=0) * weight).mean()


def feature_matching(real: list[Judgement], rebuilt: list[Judgement]) -> Tensor:
    """Return the mean absolute difference of the features, summed over layers, mean over scales; `real` is held fixed."""
    terms = [
        (a.float().detach() - b.float()).abs().mean()
        for r, f in zip(real, rebuilt, strict=True)
        for a, b in zip(r.features, f.features, strict=True)
    ]
    return torch.stack(terms).sum() / len(real)
