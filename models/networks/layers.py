"""Small building blocks that the networks share."""

from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """Return a convolution that keeps the size (stride 1) or halves it (stride 2)."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)


LEAK: Final = 0.2


def activation(leak: float = LEAK) -> nn.Module:
    """Return a leaky ReLU, or with no leak a ReLU, which an int8 convolution brings along for nothing."""
    return nn.LeakyReLU(leak) if leak else nn.ReLU()


class Conv(nn.Sequential):
    """Convolution and activation: (B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, leak: float = LEAK
    ) -> None:
        super().__init__(conv(inputs, outputs, kernel, stride), activation(leak))


class ModulatedBlock(nn.Module):
    """Residual block whose features an identity code scales and shifts (FiLM, Perez et al. 2018, arXiv 1709.07871).

    identity (B, D) -> modulate -> gains and shifts (B, 2 C); (B, C, H, W) and these -> (B, C, H, W). The code is the
    reference's, so what it says is computed once a keyframe. The modulation starts as the identity.
    """

    def __init__(self, channels: int, identity: int, leak: float = LEAK) -> None:
        super().__init__()
        self.first, self.second = conv(channels, channels), conv(channels, channels)
        self.activation = activation(leak)
        self.channels = channels
        self.modulation = nn.Linear(identity, 2 * channels)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        nn.init.normal_(self.second.weight, std=0.02)

    def modulate(self, identity: Tensor) -> Tensor:
        """Return the gains and shifts (B, 2 C) of an identity code."""
        scale, shift = self.modulation(identity).chunk(2, dim=1)
        return torch.cat((1 + scale, shift), dim=1)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        """Return x plus its modulated correction."""
        gain, shift = modulation[:, :, None, None].chunk(2, dim=1)
        return x + self.second(self.activation(self.first(x)) * gain + shift)


def resize(x: Tensor, side: int) -> Tensor:
    """Return x (B, C, H, W) at side x side: area average downwards, bilinear upwards."""
    if x.shape[-1] == side:
        return x
    if x.shape[-1] > side:
        return F.avg_pool2d(x, x.shape[-1] // side)
    return F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)


def identity_grid(side: int, like: Tensor) -> Tensor:
    """Return (side, side, 2) pixel-centre coordinates, x first, in -1..1."""
    axis = (torch.arange(side, device=like.device, dtype=torch.float32) * 2 + 1) / side - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack((x, y), dim=-1)


def warp(features: Tensor, flow: Tensor) -> Tensor:
    """Return features (B, C, H, W) looked up at `identity + flow`; flow (B, 2, h, w) is resized to H x W.

    Beyond the edges the edge's value is repeated. Always in float32: bf16 coordinates lose whole pixels.
    """
    side = features.shape[-1]
    # Places are kept inside here and not by padding with the border: only without one has ONNX Runtime a fast look-up.
    edge = 1 - 1 / side
    with torch.autocast(features.device.type, enabled=False):
        grid = identity_grid(side, flow) + resize_flow(flow.float(), side).permute(0, 2, 3, 1)
        return F.grid_sample(features.float(), grid.clamp(-edge, edge), mode="bilinear", align_corners=False)


def resize_flow(flow: Tensor, side: int) -> Tensor:
    """Return the same as `resize`, in float32; upwards as two products with small matrices.

    On two channels at 256 px OpenVINO takes 1.2 ms to interpolate and 0.2 ms to multiply.
    """
    source = flow.shape[-1]
    if source >= side:
        return resize(flow, side)
    places = (torch.arange(side, device=flow.device, dtype=torch.float32) + 0.5) * (source / side) - 0.5
    up = look_up_matrix(places, source)
    return up @ flow @ up.transpose(0, 1)


def look_up_matrix(places: Tensor, side: int) -> Tensor:
    """Return (..., N, side): times a column of `side` values, what linear interpolation finds at places (..., N).

    Places are in pixels, 0 the middle of the first; beyond the edges the edge's value is repeated, as in `warp`.
    """
    nodes = torch.arange(side, device=places.device, dtype=torch.float32)
    return torch.clamp(1 - (places.clamp(0, side - 1)[..., None] - nodes).abs(), min=0.0)


class _Levels(torch.autograd.Function):
    """The rounding of `levels`; as ONNX one operation instead of four on the largest tensor that there is."""

    @staticmethod
    def forward(_context: Any, picture: Tensor) -> Tensor:
        return (picture.float() * 255.0).round().clamp(0, 255).to(torch.uint8)

    @staticmethod
    def symbolic(graph: Any, picture: Any) -> Any:
        step = graph.op("Constant", value_t=torch.tensor(1 / 255))
        zero = graph.op("Constant", value_t=torch.tensor(0, dtype=torch.uint8))
        return graph.op("QuantizeLinear", picture, step, zero)


def levels(picture: Tensor) -> Tensor:
    """Return a picture (B, 3, H, W) in 0..1 as uint8 (B, H, W, 3), rounded to the nearest level."""
    rounded: Tensor = _Levels.apply(picture)
    return rounded.permute(0, 2, 3, 1).contiguous()
