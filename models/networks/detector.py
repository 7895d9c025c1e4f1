"""What the sender computes from a picture: learnable keypoints and the eyes' and mouth's codes.

    picture 64x64 (3) + mesh drawing (7) + person mask (1) -> U-Net -> 8 heat maps -> soft-argmax -> keypoints
    right eye, left eye 32x32 -> shared encoder -> 2 + 2 codes;  mouth 32x32 -> encoder -> 4 codes

Keypoints as in FOMM (Siarohin et al. 2019, arXiv 2003.00196, section 3.1), without the Jacobians; the codes are our
own addition (eyelids, gaze and teeth are what the mesh does not tell). One detector serves all receivers.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.layers import Conv, conv, identity_grid, resize
from models.networks.mesh_maps import feature_maps
from models.networks.sizes import CODES, KEYPOINTS

DETECTOR_SIDE = 64
PATCH_SIDE = 32
TEMPERATURE = 0.1


class KeypointDetector(nn.Module):
    """(B, 3, 64, 64) in 0..1, points (B, 468, 2), mask (B, 1, 64, 64) -> keypoints (B, 8, 2) in -1..1."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.stem = Conv(11, width)
        self.down1 = Conv(width, 2 * width, stride=2)
        self.down2 = Conv(2 * width, 3 * width, stride=2)
        self.middle = Conv(3 * width, 3 * width)
        self.up1 = Conv(5 * width, 2 * width)
        self.up2 = Conv(3 * width, width)
        self.heat = conv(width, KEYPOINTS)

    def forward(self, picture: Tensor, points: Tensor, mask: Tensor) -> Tensor:
        """Return the keypoints."""
        full = self.stem(torch.cat((picture * 2 - 1, feature_maps(points, DETECTOR_SIDE), mask), dim=1))
        half = self.down1(full)
        low = self.middle(self.down2(half))
        half = self.up1(torch.cat((resize(low, DETECTOR_SIDE // 2), half), dim=1))
        full = self.up2(torch.cat((resize(half, DETECTOR_SIDE), full), dim=1))
        return soft_argmax(self.heat(full))


def soft_argmax(heat: Tensor) -> Tensor:
    """Return (B, K, 2): the expected position under the softmax of each heat map (B, K, side, side)."""
    side = heat.shape[-1]
    weights = torch.softmax(heat.float().flatten(2) / TEMPERATURE, dim=-1)
    return weights @ identity_grid(side, heat).reshape(side * side, 2)


class CodeEncoder(nn.Module):
    """Eye and mouth patches -> codes in -1..1: (B, 3, 32, 32) three times -> (B, 8), eyes first."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.eye = _patch_encoder(width, 2)
        self.mouth = _patch_encoder(width, CODES - 4)

    def forward(self, right_eye: Tensor, left_eye: Tensor, mouth: Tensor) -> Tensor:
        """Return the codes (B, 8)."""
        eyes = (self.eye(right_eye * 2 - 1), self.eye(left_eye.flip(3) * 2 - 1))
        return torch.tanh(torch.cat((*eyes, self.mouth(mouth * 2 - 1)), dim=1).float())


def _patch_encoder(width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        Conv(3, width, stride=2), Conv(width, 2 * width, stride=2), Conv(2 * width, 3 * width, stride=2),
        nn.Flatten(), nn.Linear(3 * width * 16, outputs),
    )  # fmt: skip


PATCHES = ((33, 133, 1.8), (362, 263, 1.8), (61, 291, 1.5))
"""Corner, corner, side of the patch in units of the corners' distance (mouth: of the eyes' distance)."""


def patch_transforms(points: Tensor) -> Tensor:
    """Return (B, 3, 2, 3): for each patch the affine map from patch coordinates (-1..1) to picture coordinates.

    Patches turn with the eye line; the mouth's side follows the eyes' distance, so that opening does not rescale it.
    """
    eyes = points[:, 263] - points[:, 33]
    transforms = []
    for first, second, factor in PATCHES:
        centre = (points[:, first] + points[:, second]) / 2
        span = eyes if first == 61 else points[:, second] - points[:, first]
        half = span.norm(dim=1) * factor / 2 * (0.6 if first == 61 else 1.0)
        unit = F.normalize(eyes, dim=1)
        right = unit * half[:, None]
        down = torch.stack((-right[:, 1], right[:, 0]), dim=1)
        transforms.append(torch.stack((right, down, centre), dim=2))
    return torch.stack(transforms, dim=1)


def cut_patches(picture: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return right eye, left eye and mouth, each (B, 3, 32, 32), cut from picture (B, 3, H, W) by its mesh."""
    base = identity_grid(PATCH_SIDE, picture).reshape(1, -1, 2)
    patches = []
    for transform in patch_transforms(points).unbind(1):
        grid = base @ transform[:, :, :2].transpose(1, 2) + transform[:, None, :, 2]
        grid = grid.reshape(-1, PATCH_SIDE, PATCH_SIDE, 2)
        patches.append(F.grid_sample(picture.float(), grid, padding_mode="border", align_corners=False))
    return patches[0], patches[1], patches[2]
