"""Maps that a face mesh draws: the analytic base flow and the heat maps of its features.

All are exact Gaussian sums, computed as products of small matrices because a Gaussian is separable:
`sum_i d_i exp(-|z - p_i|^2 / 2 s^2) = Gy diag(d) Gx^T` with Gy, Gx of shape (side, points).
"""

import math
from functools import cache
from typing import Final, NamedTuple

import torch
from torch import Tensor

from models.networks.layers import identity_grid
from models.networks.sizes import FLOW_SIDE

NARROW_SIGMA: Final = 0.06
"""3 % of the picture's width, in -1..1 units (measured: 3 % beats FACTS' 6 % by a little)."""
WIDE_SIGMA: Final = 0.30
"""15 % of the width: how far off the mesh the hair and the neck follow."""
DISTANCE_POINTS: Final = 5.0
"""About as many points as share the nearest place; without it the distance is underestimated at the rim."""
FADE_DISTANCE: Final = 0.50
"""25 % of the width: there the base flow has faded to nothing."""
NARROW_TRUST: Final = 0.05
SCALE: Final = 2.0**24
"""Displacements are summed this much larger, for the same reason: a small one times two small Gaussians would be subnormal."""
LOWEST_EXPONENT: Final = -40.0
"""Gaussians end at 4e-18, so that the product of two stays a normal float32: subnormals made OpenVINO 12 times slower."""

LIPS: Final = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409)
INNER_LIPS: Final = (
    78,
    95,
    88,
    178,
    87,
    14,
    317,
    402,
    318,
    324,
    308,
    191,
    80,
    81,
    82,
    13,
    312,
    311,
    310,
    415,
)
RIGHT_EYE: Final = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE: Final = (362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398)
BROWS: Final = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
NOSE: Final = (168, 6, 197, 195, 5, 4, 1, 2, 98, 327)
OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
FEATURES: Final = (LIPS, INNER_LIPS, RIGHT_EYE, LEFT_EYE, BROWS, NOSE, OVAL)


def gaussians(points: Tensor, sigma: float, side: int) -> tuple[Tensor, Tensor]:
    """Return (Gy, Gx), each (B, side, N): exp(-(z - p)^2 / 2 sigma^2) along one axis, for points (B, N, 2)."""
    axis = identity_grid(side, points)[0, :, 0]
    falloff = -0.5 / sigma**2
    x = torch.exp(torch.clamp(falloff * (axis[:, None] - points[:, None, :, 0]) ** 2, min=LOWEST_EXPONENT))
    y = torch.exp(torch.clamp(falloff * (axis[:, None] - points[:, None, :, 1]) ** 2, min=LOWEST_EXPONENT))
    return y, x


def gaussian_sum(points: Tensor, values: Tensor, sigma: float, side: int) -> Tensor:
    """Return (B, C, side, side): the Gaussian-weighted sum of values (B, N, C) standing at points (B, N, 2)."""
    y, x = gaussians(points, sigma, side)
    weighted = y[:, None] * values.transpose(1, 2)[:, :, None, :]
    return weighted @ x[:, None].transpose(2, 3)


def base_flow(reference: Tensor, driving: Tensor, side: int = FLOW_SIDE) -> tuple[Tensor, Tensor]:
    """Return the untrained backward flow of the mesh and how near the face each place is.

    reference, driving: (B, 468, 2). Returns flow (B, 2, side, side), in -1..1 units, and nearness
    (B, 1, side, side) in 0..1. At a driving position the flow points to where the reference has the same skin.
    """
    ones = torch.full_like(driving[:, :, :1], SCALE)
    values = torch.cat(((reference - driving) * SCALE, ones), dim=2)
    narrow = gaussian_sum(driving, values, NARROW_SIGMA, side)
    wide = gaussian_sum(driving, values, WIDE_SIGMA, side)
    near = narrow[:, 2:] / (narrow[:, 2:] + NARROW_TRUST * SCALE)
    small = 1e-6 * SCALE
    flow = near * narrow[:, :2] / (narrow[:, 2:] + small) + (1 - near) * wide[:, :2] / (wide[:, 2:] + small)
    fade = torch.clamp(1 - mesh_distance(narrow[:, 2:]) / FADE_DISTANCE, 0.0, 1.0)
    return flow * fade, fade


def mesh_distance(density: Tensor) -> Tensor:
    """Return (B, 1, side, side): about how far each place is from the mesh, in -1..1 units; needs float32.

    density: SCALE times the sum of the narrow Gaussians at each place. -2 s^2 ln(sum) is a soft minimum of the distances,
    in float32 good to 0.79.
    """
    squared = -2 * NARROW_SIGMA**2 * (torch.log(density + 1e-30) - math.log(DISTANCE_POINTS * SCALE))
    return torch.sqrt(torch.clamp(squared, min=1e-12))


class _Groups(NamedTuple):
    """Groups of mesh points, G of them, the shorter ones filled up to N with points that weigh nothing.

    indices (G * N), weights (G, 1, N), falloff (G, 1, 1): -1 / 2 sigma^2.
    """

    indices: Tensor
    weights: Tensor
    falloff: Tensor


@cache
def _groups(groups: tuple[tuple[int, ...], ...], sigmas: tuple[float, ...], device: torch.device) -> _Groups:
    """Made once a device and kept: a CUDA graph must not copy from the host's memory while it is captured."""
    most = max(map(len, groups))
    indices = [[*group, *[0] * (most - len(group))] for group in groups]
    weights = [[1.0] * len(group) + [0.0] * (most - len(group)) for group in groups]
    with torch.inference_mode(False):  # training may be the next to use them
        return _Groups(
            torch.tensor(indices, device=device).flatten(),
            torch.tensor(weights, device=device)[:, None],
            torch.tensor([-0.5 / sigma**2 for sigma in sigmas], device=device)[:, None, None],
        )


def drawings(
    points: Tensor, groups: tuple[tuple[int, ...], ...], sigmas: tuple[float, ...], side: int
) -> Tensor:
    """Return (B, G, side, side), 0..1: for each group of mesh points (B, 468, 2) the sum of their Gaussians, cut off at 1.

    All groups at once: an engine's time goes by operations here, not by arithmetic.
    """
    indices, weights, falloff = _groups(groups, sigmas, points.device)
    chosen = points[:, indices].unflatten(1, (len(groups), -1))
    axis = identity_grid(side, points)[0, :, 0][:, None]
    x, y = (
        torch.exp(torch.clamp(falloff * (axis - chosen[:, :, None, :, place]) ** 2, min=LOWEST_EXPONENT))
        for place in (0, 1)
    )
    return torch.clamp((y * weights) @ x.transpose(2, 3), max=1.0)


def feature_maps(points: Tensor, side: int = FLOW_SIDE, sigma: float = 0.035) -> Tensor:
    """Return (B, 7, side, side) soft drawings, 0..1, of lips, inner lips, eyes, brows, nose and face oval."""
    return drawings(points, FEATURES, (sigma,) * len(FEATURES), side)


def region_maps(points: Tensor, side: int) -> Tensor:
    """Return (B, 2, side, side), 0..1: the mouth's and the eyes' surroundings, where codes and voice act."""
    return drawings(points, (LIPS + INNER_LIPS, RIGHT_EYE + LEFT_EYE), (0.07, 0.05), side)
