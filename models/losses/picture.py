"""Losses on the picture itself: everywhere, around mouth and eyes, and from one frame to the next."""

import torch
from torch import Tensor


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


def crop(picture: Tensor, corners: Tensor, side: int) -> Tensor:
    """Return (B, C, side, side): one window per picture, its top left corner in corners (B, 2) as y, x."""
    windows = [picture[index, :, y : y + side, x : x + side] for index, (y, x) in enumerate(corners.tolist())]
    return torch.stack(windows)
