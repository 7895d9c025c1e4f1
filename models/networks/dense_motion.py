"""Dense motion: from mesh, keypoints, codes and thumbnail to a backward flow and occlusion maps at 64 px.

    base flow (mesh, analytic) --+-- warped reference features (12)
    mesh drawing (7), nearness --+
    keypoints: heat differences (8), 8 shifted references (24) --+--> U-Net 64-32-16 --> masks (10) over
    thumbnail (3 + 1), codes ----+                                      {base, still, 8 shifts}, residual flow (2),
    mask, warped mask ---------------- where neither shows the person ->  prior on still; occlusion at 32, 64 and 128 px

Softmax-combined sparse motions as in FOMM (arXiv 2003.00196, equation 6, zeroth order); the mesh-anchored base flow, the
'still' background and the residual flow are ours. The last layer starts at zero with a bias for the base flow, so that
the untrained network *is* the mesh warp.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.layers import Conv, conv, look_up_matrix, resize, warp
from models.networks.mesh_maps import base_flow, feature_maps, gaussians
from models.networks.sizes import CODES, FLOW_SIDE, KEYPOINTS, REFERENCE_MOTION, VOICE, Size

KEYPOINT_SIGMA = 0.1
BASE_BIAS = 3.0
STILL_GAIN = 4.0
"""What the mask adds to the logit of 'still' where there is background, before training: as much as BASE_BIAS, and a bit."""
RESIDUAL_SCALE = 0.1
FLOWS = KEYPOINTS + 2


class Driving(NamedTuple):
    """One frame's motion and voice, batch first: what a receiver decoded, with the reference's own values.

    *_points (B, 468, 2), *_keypoints (B, 8, 2), codes (B, 8) difference, reference_codes (B, 8), voice (B, 32),
    voice_present (B, 1), thumbnail (B, 3, 64, 64) in 0..1, thumbnail_present (B, 1).
    """

    reference_points: Tensor
    driving_points: Tensor
    reference_keypoints: Tensor
    driving_keypoints: Tensor
    codes: Tensor
    reference_codes: Tensor
    voice: Tensor
    voice_present: Tensor
    thumbnail: Tensor
    thumbnail_present: Tensor

    def conditions(self) -> Tensor:
        """Return (B, 8 + 8 + 32 + 1): codes and voice as one vector."""
        present = self.voice_present
        return torch.cat((self.codes, self.reference_codes, self.voice * present, present), dim=1)

    def thumbnail_planes(self) -> Tensor:
        """Return (B, 4, 64, 64): the thumbnail, -1..1 and 0 where absent, and a plane that says whether it is there."""
        present = self.thumbnail_present[:, :, None, None]
        return torch.cat(
            ((self.thumbnail * 2 - 1) * present, present.expand(-1, 1, FLOW_SIDE, FLOW_SIDE)), dim=1
        )


CONDITIONS = 2 * CODES + VOICE + 1


class Motion(NamedTuple):
    """flow (B, 2, 64, 64) backward, in -1..1 units; occlusion_* (B, 1, side, side), 1 = visible in the reference."""

    flow: Tensor
    occlusion_128: Tensor
    occlusion_64: Tensor
    occlusion_32: Tensor


class StillPrior(nn.Module):
    """How much more likely the background makes it that a place stands still: a logit, its gain learned."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(STILL_GAIN))

    def forward(self, mask: Tensor, warped: Tensor) -> Tensor:
        """mask (B, 1, H, W) of the reference and the same moved by the base flow, 0..1 -> (B, 1, H, W)."""
        known = mask.amax(dim=(2, 3), keepdim=True)  # A mask that shows nobody says nothing.
        return self.gain * known * (1 - torch.maximum(mask, warped))


class DenseMotion(nn.Module):
    """Reference features and Driving -> Motion."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        width = size.motion
        inputs = REFERENCE_MOTION + 7 + 3 + KEYPOINTS + 3 * KEYPOINTS + 4 + 3
        self.stem = Conv(inputs, width, leak=size.leak)
        self.down32 = Conv(width, 2 * width, stride=2, leak=size.leak)
        self.down16 = Conv(2 * width, 2 * width, stride=2, leak=size.leak)
        self.condition = nn.Linear(CONDITIONS, 2 * width)
        self.middle = Conv(2 * width, 2 * width, leak=size.leak)
        self.up32 = Conv(4 * width, width, leak=size.leak)
        self.up64 = Conv(2 * width, width, leak=size.leak)
        self.head = conv(width, FLOWS + 2 + 4)
        self.still_prior = StillPrior()
        nn.init.zeros_(self.head.weight)
        with torch.no_grad():
            self.head.bias.zero_()
            self.head.bias[0] = BASE_BIAS
            self.head.bias[FLOWS + 2 :] = 3.0

    def forward(self, picture: Tensor, features: Tensor, driving: Driving) -> Motion:
        """Return the motion; picture (B, 3, 256, 256) and features (B, 12 + 1, 64, 64) are the reference's."""
        small = resize(picture, FLOW_SIDE)
        base, nearness = base_flow(driving.reference_points, driving.driving_points)
        shifts = driving.reference_keypoints - driving.driving_keypoints
        warped = warp(features, base)
        inputs = torch.cat((
            warped[:, :REFERENCE_MOTION], warp(small, base) * 2 - 1,
            feature_maps(driving.driving_points), base * 4, nearness,
            _heat_difference(driving), _shifted(small, shifts), driving.thumbnail_planes(),
        ), dim=1)  # fmt: skip
        head = self._network(inputs, driving.conditions()).float()
        prior = self.still_prior(features[:, REFERENCE_MOTION:].float(), warped[:, REFERENCE_MOTION:])
        return _assemble(head, base, shifts, prior)

    def _network(self, inputs: Tensor, conditions: Tensor) -> Tensor:
        f64 = self.stem(inputs)
        f32 = self.down32(f64)
        f16 = self.down16(f32) + self.condition(conditions)[:, :, None, None]
        f16 = self.middle(f16)
        f32 = self.up32(torch.cat((resize(f16, 32), f32), dim=1))
        f64 = self.up64(torch.cat((resize(f32, 64), f64), dim=1))
        return self.head(f64)


def _heat_difference(driving: Driving) -> Tensor:
    """Return (B, 8, 64, 64): Gaussians at the driving keypoints minus Gaussians at the reference's (FOMM, section 3.2)."""
    maps = []
    for points in (driving.driving_keypoints, driving.reference_keypoints):
        y, x = gaussians(points, KEYPOINT_SIGMA, FLOW_SIDE)
        maps.append(y.transpose(1, 2)[:, :, :, None] * x.transpose(1, 2)[:, :, None, :])
    return maps[0] - maps[1]


def _shifted(small: Tensor, shifts: Tensor) -> Tensor:
    """Return (B, 24, 64, 64): the reference shifted as each keypoint moved; small (B, 3, 64, 64), shifts (B, 8, 2)."""
    axis = torch.arange(FLOW_SIDE, device=small.device, dtype=torch.float32)
    # A shift is the same everywhere, so two small matrices do what a look-up does; ONNX Runtime's takes ten times as long.
    with torch.autocast(small.device.type, enabled=False):
        along_x, along_y = (
            look_up_matrix(axis + shifts[:, :, side, None].float() * (FLOW_SIDE / 2), FLOW_SIDE)
            for side in (0, 1)
        )
        shifted = along_y[:, :, None] @ small[:, None].float() @ along_x[:, :, None].transpose(-1, -2)
    return shifted.flatten(1, 2) * 2 - 1


def _assemble(head: Tensor, base: Tensor, shifts: Tensor, still: Tensor) -> Motion:
    masks = torch.softmax(torch.cat((head[:, :1], head[:, 1:2] + still, head[:, 2:FLOWS]), dim=1), dim=1)
    sparse = torch.einsum("bkhw,bkc->bchw", masks[:, 2:], shifts)
    flow = masks[:, :1] * base + sparse + RESIDUAL_SCALE * head[:, FLOWS : FLOWS + 2]
    fine = torch.sigmoid(F.pixel_shuffle(head[:, FLOWS + 2 :], 2))
    return Motion(flow, fine, resize(fine, 64), resize(fine, 32))
