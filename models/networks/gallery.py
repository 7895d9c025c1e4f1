"""Several references of one person: each is moved on its own, then the better one is taken at every place.

    reference i, driving i -> DenseMotion -> warped pixels, features, occlusion --+
                                              logit(occlusion) - pose distance i --+--> softmax over i -> weighted sums

Ours; needs no weights of its own, so any trained renderer takes a gallery. A reference speaks where its own occlusion map says
it shows the skin that is asked for, and the more the nearer its pose is to the driving pose. Invariant: every fusion is a convex
combination, so that one reference comes through unchanged, bit for bit.
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from models.networks.dense_motion import Driving, Motion
from models.networks.generator import Warped
from models.networks.layers import resize
from models.networks.reference import ReferenceFeatures

MAX_REFERENCES: Final = 4
POSE_GAIN: Final = 64.0
"""How much a reference loses for each unit (half a picture) its mesh is away: half a logit a pixel at 256."""
LOGIT_MARGIN: Final = 1e-3
"""Occlusion is kept this far from 0 and 1 before its logit is taken: confidence within about 7 either way."""


def pose_scores(drivings: Sequence[Driving]) -> Tensor:
    """Return scores (N, B): 0 for a reference in the driving pose, less for one whose mesh is farther away.

    Raises ValueError unless there are one to four.
    """
    if not 1 <= len(drivings) <= MAX_REFERENCES:
        raise ValueError(f"a gallery holds 1 to {MAX_REFERENCES} references, not {len(drivings)}")
    distances = [(d.reference_points - d.driving_points).norm(dim=2).mean(dim=1) for d in drivings]
    return -POSE_GAIN * torch.stack(distances)


def place_weights(motions: Sequence[Motion], poses: Tensor) -> Tensor:
    """Return weights (N, B, 1, 128, 128) that sum to 1 over N; poses (N, B) from `pose_scores`."""
    visible = torch.stack([motion.occlusion_128 for motion in motions])
    return torch.softmax(torch.logit(visible, eps=LOGIT_MARGIN) + poses[:, :, None, None, None], dim=0)


def fuse_warped(warped: Sequence[Warped], weights: Tensor) -> Warped:
    """Return the weighted sum of each field; weights (N, B, 1, 128, 128) are resized to the field."""
    fused = []
    for fields in zip(*warped, strict=True):
        side = fields[0].shape[-1]
        fused.append(sum(resize(weight, side) * field for weight, field in zip(weights, fields, strict=True)))
    return Warped(*fused)


def fuse_identities(references: Sequence[ReferenceFeatures], poses: Tensor) -> Tensor:
    """Return the identity code (B, 64) of all references together."""
    weights = torch.softmax(poses, dim=0)[:, :, None]
    return (weights * torch.stack([reference.identity for reference in references])).sum(dim=0)


def fuse_drivings(drivings: Sequence[Driving], poses: Tensor) -> Driving:
    """Return one driving for the generator. Codes are differences to each reference's own, so both are weighted alike."""
    weights = torch.softmax(poses, dim=0)
    return Driving(*(
        sum(weight.reshape(-1, *[1] * (field.ndim - 1)) * field for weight, field in zip(weights, fields, strict=True))
        for fields in zip(*drivings, strict=True)
    ))  # fmt: skip
