"""Identity-aware generator: warped reference features and pixels -> the picture.

    r32 warped, occluded -> modulated blocks (identity) -> up -> + r64 warped, thumbnail, regions x (codes, voice)
      -> modulated block -> up -> + r128 warped -> modulated block -> PixelShuffle -> generated (3) + blend logit (1)
    picture = m * warped keyframe pixels + (1 - m) * generated + correction at 256 px

The paper's generator takes 'the source image and the warped motion features'; blending the warped pixels themselves
through a learned mask is ours and is where sharpness comes from. It starts as the mesh warp (m near 1, no correction).
"""

from typing import NamedTuple

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
    """What a reference looks like in the driving pose, batch first: picture (B, 3, 256, 256), features with occlusion applied."""

    picture: Tensor
    features_128: Tensor
    features_64: Tensor
    features_32: Tensor


def warp_reference(reference: ReferenceFeatures, motion: Motion) -> Warped:
    """Return the reference's pixels and features moved by the motion."""
    return Warped(
        warp(reference.picture, motion.flow),
        warp(reference.features_128, motion.flow) * motion.occlusion_128,
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


class Generator(nn.Module):
    """ReferenceFeatures, Motion, Driving -> picture (B, 3, 256, 256) in 0..1."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        c128, c64, c32 = size.reference_128, size.reference_64, size.reference_32
        self.blocks32 = nn.ModuleList(ModulatedBlock(c32, IDENTITY) for _ in range(size.blocks_32))
        self.to64 = nn.Conv2d(c32, c64, 1)
        self.merge64 = Conv(2 * c64 + 4, c64)
        self.regions64 = Regions(c64)
        self.block64 = ModulatedBlock(c64, IDENTITY)
        self.to128 = nn.Conv2d(c64, c128, 1)
        self.merge128 = Conv(2 * c128, c128)
        self.regions128 = Regions(c128)
        self.block128 = ModulatedBlock(c128, IDENTITY)
        self.head = conv(c128, 16)
        self.refine = nn.Sequential(Conv(7, size.refine), conv(size.refine, 3))
        nn.init.normal_(self.head.weight, std=0.01)
        with torch.no_grad():
            self.head.bias.zero_()
            self.head.bias[12:] = BLEND_BIAS
        nn.init.zeros_(self.refine[1].weight)
        nn.init.zeros_(self.refine[1].bias)

    def forward(self, reference: ReferenceFeatures, motion: Motion, driving: Driving) -> Tensor:
        """Return the rebuilt picture."""
        return self.synthesise(warp_reference(reference, motion), reference.identity, driving)

    def synthesise(self, warped: Warped, identity: Tensor, driving: Driving) -> Tensor:
        """Return the picture of a warped reference (or of several, fused); identity (B, 64)."""
        features = self._features(warped, identity, driving)
        head = F.pixel_shuffle(self.head(features), 2).float()
        generated, blend = torch.sigmoid(head[:, :3]), torch.sigmoid(head[:, 3:])
        blended = blend * warped.picture + (1 - blend) * generated
        correction = self.refine(torch.cat((blended * 2 - 1, warped.picture * 2 - 1, blend), dim=1))
        return torch.clamp(blended + correction.float(), 0.0, 1.0)

    def _features(self, warped: Warped, identity: Tensor, driving: Driving) -> Tensor:
        conditions, regions = driving.conditions(), region_maps(driving.driving_points, 128)
        x = warped.features_32
        for block in self.blocks32:
            x = block(x, identity)
        x = resize(self.to64(x), 64)
        x = self.merge64(torch.cat((x, warped.features_64, driving.thumbnail_planes()), dim=1))
        x = self.block64(self.regions64(x, conditions, resize(regions, 64)), identity)
        x = resize(self.to128(x), 128)
        x = self.merge128(torch.cat((x, warped.features_128), dim=1))
        return self.block128(self.regions128(x, conditions, regions), identity)
