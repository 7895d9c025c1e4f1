"""Losses on the picture itself: everywhere, around mouth and eyes, and from one frame to the next."""

import torch
from torch import Tensor
from torch.nn import functional as F

from models.networks.layers import resize, warp
from models.networks.mesh_maps import base_flow

FACE_RIM = 10.0
"""The warped comparison fades from the mesh to a tenth of the base flow's reach around it (6 px at 256)."""


LUMA = (0.299, 0.587, 0.114)
DETAIL_WINDOW = 8


def pixel(rebuilt: Tensor, original: Tensor) -> Tensor:
    """Return the mean absolute difference, (B,), of pictures (B, 3, H, W)."""
    return (rebuilt - original).abs().mean(dim=(1, 2, 3))


def regional(rebuilt: Tensor, original: Tensor, region: Tensor) -> Tensor:
    """Return the mean absolute difference, (B,), inside a soft region (B, 1, H, W)."""
    difference = (rebuilt - original).abs().mean(dim=1, keepdim=True)
    return (difference * region).sum(dim=(1, 2, 3)) / (region.sum(dim=(1, 2, 3)) + 1.0)


def temporal(rebuilt: Tensor, original: Tensor, consecutive: Tensor) -> Tensor:
    """Return how much the change from frame to frame differs from the original's change.

    rebuilt, original: (R, F, 3, H, W), consecutive (R, 1): 1 where the frames follow one another.
    """
    change = (rebuilt[:, 1:] - rebuilt[:, :-1]) - (original[:, 1:] - original[:, :-1])
    return (change.abs().mean(dim=(1, 2, 3, 4)) * consecutive[:, 0]).sum() / (consecutive.sum() + 1e-6)


def temporal_warped(rebuilt: Tensor, original: Tensor, points: Tensor, consecutive: Tensor) -> Tensor:
    """Return how much a face changes beyond its motion, against how much the original's does (flicker on the skin).

    The frame before is moved onto each frame by the mesh's base flow; what then still differs is compared inside the face.
    rebuilt, original (R, F, 3, H, W), points (R, F, 468, 2) the frames' meshes, consecutive (R, 1) as above.
    """
    flow, nearness = base_flow(points[:, :-1].flatten(0, 1), points[:, 1:].flatten(0, 1))
    face = resize(torch.clamp(1 - FACE_RIM * (1 - nearness), 0.0, 1.0), rebuilt.shape[-1])
    changes = [
        x[:, 1:].flatten(0, 1) - warp(x[:, :-1].flatten(0, 1), flow)
        for x in (rebuilt.float(), original.float())
    ]
    weight = consecutive[:, 0].repeat_interleave(points.shape[1] - 1)
    return (regional(changes[0], changes[1], face) * weight).sum() / (weight.sum() + 1e-6)


def detail(rebuilt: Tensor, original: Tensor) -> Tensor:
    """Return the mean absolute difference, (B,), of the local energy of detail of pictures (B, 3, H, W).

    Energy: root mean square of the brightness' Laplacian in windows of DETAIL_WINDOW. It says how much fine structure there
    is, not where exactly: a plain difference punishes detail that is half a pixel off twice, and so teaches blur.
    """
    return (_local_energy(rebuilt) - _local_energy(original)).abs().mean(dim=(1, 2, 3))


def _local_energy(picture: Tensor) -> Tensor:
    grey = (picture.float() * picture.new_tensor(LUMA, dtype=torch.float32)[:, None, None]).sum(
        1, keepdim=True
    )
    rows = grey[:, :, 1:-1, :-2] + grey[:, :, 1:-1, 2:] - 2 * grey[:, :, 1:-1, 1:-1]
    columns = grey[:, :, :-2, 1:-1] + grey[:, :, 2:, 1:-1] - 2 * grey[:, :, 1:-1, 1:-1]
    squared = F.avg_pool2d((rows + columns) ** 2, DETAIL_WINDOW, DETAIL_WINDOW // 2)
    return torch.sqrt(squared + 1e-6)


def crop(picture: Tensor, corners: Tensor, side: int) -> Tensor:
    """Return (B, C, side, side): one window per picture, its top left corner in corners (B, 2) as y, x."""
    windows = [picture[index, :, y : y + side, x : x + side] for index, (y, x) in enumerate(corners.tolist())]
    return torch.stack(windows)
