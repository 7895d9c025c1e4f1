"""VGG19 features, the perceptual loss on them, and the measure `vgg` in its differentiable form.

VGG19: Simonyan and Zisserman 2014 (arXiv 1409.1556), first eight convolutions. The weights are not part of this repository;
without them training goes on with the other losses and says so.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv3_4")
TAPS = ("conv1_2", "conv2_2", "conv3_2", "conv3_4")
MEASURED = ("conv1_2", "conv2_2", "conv3_4")
POOL_BEFORE = ("conv2_1", "conv3_1")
SMALLEST_SQUARE = 1e-24
"""Of a feature vector's length; below it the vector counts as nothing."""
MEAN_BGR = (103.939, 116.779, 123.68)


def default_vgg_path() -> Path:
    """Return where the weights lie beside a checkout of this repository, if they are there."""
    return Path(__file__).resolve().parents[3] / "shared" / "perceptual" / "vgg19_conv1_1-conv3_4.safetensors"


class Vgg19(nn.Module):
    """RGB (B, 3, H, W) in 0..1 -> the ReLU outputs at TAPS, by name."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        weights = {name: tensor.float() for name, tensor in load_file(path).items()}
        self.layers = nn.ModuleDict({name: _frozen_layer(weights, name) for name in LAYERS})
        self.register_buffer("mean", torch.tensor(MEAN_BGR)[None, :, None, None])

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        """Return the features."""
        x = picture.flip(1) * 255 - self.mean
        features = {}
        for name, layer in self.layers.items():
            x = F.relu(layer(F.max_pool2d(x, 2) if name in POOL_BEFORE else x))
            if name in TAPS:
                features[name] = x.float()
        return features


def _frozen_layer(weights: dict[str, Tensor], name: str) -> nn.Conv2d:
    weight = weights[f"{name}.weight"]
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
    layer.weight.data, layer.bias.data = weight, weights[f"{name}.bias"]
    return layer.requires_grad_(False)


def measure(rebuilt: dict[str, Tensor], original: dict[str, Tensor]) -> Tensor:
    """Return the measure `vgg` of each picture, (B,): squared difference of unit feature vectors, summed over layers."""
    total = torch.zeros((), device=next(iter(rebuilt.values())).device)
    for name in MEASURED:
        total = total + _unit_difference(rebuilt[name].float(), original[name].float()).mean(dim=(1, 2))
    return total


def _unit_difference(a: Tensor, b: Tensor) -> Tensor:
    """Return (B, H, W): the squared difference of a's and b's unit vectors along dim 1; that of nothing is nothing.

    |a/|a| - b/|b||^2 = 1 + 1 - 2 a.b / |a||b|. Without the unit vectors themselves it takes a third of the memory traffic,
    which is what perceptual losses wait for on a CPU.
    """
    own, other = a.square().sum(dim=1), b.square().sum(dim=1)
    own_scale, other_scale = (torch.rsqrt(x.clamp_min(SMALLEST_SQUARE)) for x in (own, other))
    lengths = (own * own_scale**2 + other * other_scale**2).detach()  # 2, less where a vector is nothing
    return lengths - 2 * (a * b).sum(dim=1) * own_scale * other_scale


def feature_l1(rebuilt: dict[str, Tensor], original: dict[str, Tensor]) -> Tensor:
    """Return (B,): mean absolute difference of the features, each layer relative to its own mean size."""
    terms = []
    for name in TAPS:
        a, b = rebuilt[name].float(), original[name].float()
        terms.append((a - b).abs().mean(dim=(1, 2, 3)) / (b.abs().mean() + 1e-6))
    return torch.stack(terms).sum(dim=0)
