"""Random but possible inputs of the networks."""

import numpy as np
import torch
from torch import Tensor

from models.networks.dense_motion import Driving


def moved(mesh: np.ndarray, count: int = 1, shift: float = 0.0, noise: float = 0.0) -> Tensor:
    """A mesh (468, 2) `count` times, shifted to the right and shaken: (count, 468, 2)."""
    points = torch.from_numpy(mesh)[None].repeat(count, 1, 1)
    return points + torch.tensor([shift, 0.0]) + noise * torch.randn(points.shape)


def driving(mesh: np.ndarray, count: int = 1, shift: float = 0.0) -> Driving:
    """A face that turned by `shift`, with voice and thumbnail present."""
    keypoints = torch.rand(count, 8, 2) - 0.5
    return Driving(
        moved(mesh, count), moved(mesh, count, shift, 0.002), keypoints, keypoints + 0.05 * torch.randn(count, 8, 2),
        torch.randn(count, 8) * 0.3, torch.randn(count, 8) * 0.3, torch.randn(count, 32), torch.ones(count, 1),
        torch.rand(count, 3, 64, 64), torch.ones(count, 1),
    )  # fmt: skip
