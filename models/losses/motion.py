"""Losses on the motion: equivariance of the keypoints, smoothness of the flow, spread of the keypoints."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from models.networks.detector import DETECTOR_SIDE, KeypointDetector
from models.networks.layers import identity_grid

ROTATION = math.radians(12)
SCALE = 0.12
SHIFT = 0.12
SPREAD_DISTANCE = 0.15


def random_similarity(count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Return (count, 2, 3): random rotation, scale and shift of the picture plane, in -1..1 coordinates."""
    draw = torch.rand(count, 4, generator=generator) * 2 - 1
    angle, scale = draw[:, 0] * ROTATION, 1 + draw[:, 1] * SCALE
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = (cosine, -sine, draw[:, 2] * SHIFT, sine, cosine, draw[:, 3] * SHIFT)
    return torch.stack(rows, dim=1).reshape(count, 2, 3).to(device)


def equivariance(detector: KeypointDetector, picture: Tensor, points: Tensor, mask: Tensor, keypoints: Tensor,
                 generator: torch.Generator) -> Tensor:  # fmt: skip
    """Return the mean distance between keypoints of a moved picture and moved keypoints (FOMM, section 3.3).

    picture (B, 3, 64, 64), points (B, 468, 2), mask (B, 1, 64, 64), keypoints (B, 8, 2) found on the picture.
    """
    matrix = random_similarity(len(picture), generator, picture.device)
    linear, shift = matrix[:, :, :2], matrix[:, None, :, 2]
    grid = identity_grid(DETECTOR_SIDE, picture).reshape(1, -1, 2) @ linear.transpose(1, 2) + shift
    grid = grid.reshape(-1, DETECTOR_SIDE, DETECTOR_SIDE, 2)
    moved, moved_mask = (
        F.grid_sample(x, grid, padding_mode="border", align_corners=False) for x in (picture, mask)
    )
    back = torch.linalg.inv(linear).transpose(1, 2)
    found = detector(moved, (points - shift) @ back, moved_mask)
    return (found @ linear.transpose(1, 2) + shift - keypoints).abs().mean()


def spread(keypoints: Tensor) -> Tensor:
    """Return how much keypoints (B, K, 2) crowd together: hinge on the distance of each pair."""
    distance = torch.cdist(keypoints.float(), keypoints.float())
    distance = distance + torch.eye(keypoints.shape[1], device=keypoints.device) * 10
    return F.relu(SPREAD_DISTANCE - distance).mean() * 10


def flow_smoothness(flow: Tensor, base: Tensor) -> Tensor:
    """Return the mean absolute second difference of what the network adds to the base flow, (B, 2, h, w) each."""
    added = flow - base
    across = (added[..., 2:] - 2 * added[..., 1:-1] + added[..., :-2]).abs().mean()
    down = (added[..., 2:, :] - 2 * added[..., 1:-1, :] + added[..., :-2, :]).abs().mean()
    return (across + down) * flow.shape[-1] / 4
