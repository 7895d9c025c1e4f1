"""Identity-aware generator: warped reference features and pixels -> the picture.

    r32 warped, occluded -> modulated blocks (identity) -> up -> + r64 warped, thumbnail, regions x (codes, voice)
      -> modulated block -> up -> + pixels warped at 256, halved -> modulated block -> + the same -> PixelShuffle
      -> generated (3) + blend logit (1);   picture = m * warped keyframe pixels + (1 - m) * generated

The paper's generator takes 'the source image and the warped motion features'; blending the warped pixels themselves
through a learned mask is ours and is where sharpness comes from. It starts as the mesh warp (m near 1).

At 256 px there is one warp, one strided convolution and one blend, because everything at that size costs by its pixels and
not by its arithmetic: a refinement of 7 channels there took 6 of the 15 ms of `nano` (docs/LOG.md).
"""

from collections.abc import Iterable
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.dense_motion import CONDITIONS, Driving, Motion
from models.networks.layers import Conv, ModulatedBlock, conv, resize, warp
from models.networks.mesh_maps import region_maps
from models.networks.reference import ReferenceFeatures
from models.networks.sizes import IDENTITY, Size

BLEND_BIAS = 2.5


class Warped(NamedTuple):
    """What a reference looks like in the driving pose, batch first.

    picture (B, 3, 256, 256), visible (B, 1, 128, 128): how much of it the reference shows there, features with occlusion applied.
    """

    picture: Tensor
    visible: Tensor
    features_64: Tensor
    features_32: Tensor


def warp_reference(reference: ReferenceFeatures, motion: Motion) -> Warped:
    """Return the reference's pixels and features moved by the motion."""
    return Warped(
        warp(reference.picture, motion.flow),
        motion.occlusion_128,
        warp(reference.features_64, motion.flow) * motion.occlusion_64,
        warp(reference.features_32, motion.flow) * motion.occlusion_32,
    )


class Regions(nn.Module):
    """Adds what codes and voice say to the features of the mouth's and the eyes' surroundings."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.project = nn.Linear(CONDITIONS, 2 * channels)

    def forward(self, features: Tensor, conditions: Tensor, maps: Tensor) -> Tensor:
        """features (B, C, H, W), conditions (B, 49), maps (B, 2, H, W) -> (B, C, H, W)."""
        weights = self.project(conditions)[:, :, None, None]
        mouth, eyes = weights[:, : self.channels], weights[:, self.channels :]
        return features + maps[:, :1] * mouth + maps[:, 1:] * eyes


class Join(Conv):
    """Mixes what comes from below with what the reference says, both (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__(2 * channels, channels)

    def forward(self, below: Tensor, beside: Tensor) -> Tensor:
        """Return the mixture."""
        return super().forward(torch.cat((below, beside), dim=1))


class Sum(nn.Module):
    """In place of a `Join`, where both sides come from a convolution that can mix them as well."""

    def forward(self, below: Tensor, beside: Tensor) -> Tensor:
        """below, beside (B, C, H, W) -> (B, C, H, W)."""
        return F.relu(below + beside)


class Generator(nn.Module):
    """ReferenceFeatures, Motion, Driving -> picture (B, 3, 256, 256) in 0..1."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        c128, c64, c32 = size.reference_128, size.reference_64, size.reference_32
        self.sparing = size.sparing
        self.blocks32 = nn.ModuleList(ModulatedBlock(c32, IDENTITY, size.leak) for _ in range(size.blocks_32))
        self.to64 = nn.Conv2d(c32, c64, 1)
        self.thumbnail64 = conv(4, c64)
        self.merge64 = Sum() if size.sparing else Join(c64)
        self.regions64 = Regions(c64)
        self.block64 = ModulatedBlock(c64, IDENTITY, size.leak)
        self.to128 = nn.Conv2d(c64, c128, 1)
        self.pixels128 = Conv(3, c128, stride=2, leak=size.leak)
        self.merge128 = Sum() if size.sparing else Join(c128)
        if size.sparing:
            self.plain128 = Conv(c128, c128, leak=size.leak)
        else:
            self.regions128 = Regions(c128)
            self.block128 = ModulatedBlock(c128, IDENTITY)
        self.head = conv(c128, 16, 1 if size.sparing else 3)
        nn.init.normal_(self.head.weight, std=0.01)
        with torch.no_grad():
            self.head.bias.zero_()
            self.head.bias[12:] = BLEND_BIAS

    def forward(self, reference: ReferenceFeatures, motion: Motion, driving: Driving) -> Tensor:
        """Return the rebuilt picture."""
        modulation = self.modulate(reference.identity)
        return self.synthesise(warp_reference(reference, motion), modulation, driving)

    def modulate(self, identity: Tensor) -> Tensor:
        """Return what the identity code (B, 64) says to every modulated block, in their order."""
        return torch.cat([block.modulate(identity) for block in self._blocks()], dim=1)

    def synthesise(self, warped: Warped, modulation: Tensor, driving: Driving) -> Tensor:
        """Return the picture of a warped reference (or of several, fused); modulation: what `modulate` gave."""
        head = self.head(self._features(warped, modulation, driving)).float()
        # Finished at 128 px, where 16 channels fill a vector: on three planes at 256 px it took four times as long.
        generated = F.pixel_shuffle(0.5 + 0.25 * head[:, :12], 2)
        blend = F.pixel_shuffle(torch.sigmoid(head[:, 12:]), 2)
        return torch.clamp(generated + blend * (warped.picture - generated), 0.0, 1.0)

    def _blocks(self) -> list[ModulatedBlock]:
        blocks = [*cast(Iterable[ModulatedBlock], self.blocks32), self.block64]
        return blocks if self.sparing else [*blocks, self.block128]

    def _features(self, warped: Warped, modulation: Tensor, driving: Driving) -> Tensor:
        said = list(modulation.split([2 * block.channels for block in self._blocks()], dim=1))
        conditions = driving.conditions()
        regions = region_maps(driving.driving_points, 64 if self.sparing else 128)
        x = warped.features_32
        for block in self.blocks32:
            x = block(x, said.pop(0))
        # Added, not joined: a number of channels that 16 divides is laid out anew several times faster.
        x = resize(self.to64(x), 64) + self.thumbnail64(driving.thumbnail_planes())
        x = self.merge64(x, warped.features_64)
        x = self.block64(self.regions64(x, conditions, resize(regions, 64)), said.pop(0))
        pixels = self.pixels128(warped.picture * 2 - 1) * warped.visible
        x = self.merge128(resize(self.to128(x), 128), pixels)
        if self.sparing:
            return self.plain128(x) + pixels
        return self.block128(self.regions128(x, conditions, regions), said.pop(0)) + pixels
