"""Portraits as extra people: a still is moved by the pose and expression that a real clip shows.

    still + (frame i -> frames j of a clip): mesh moved -> base flow -> still warped = the targets

Uses torch only for the base flow. Invariant: pure; the same still, clip and frame numbers give the same clip. What such a sample
teaches is to clean keyframes, to keep faces apart and to leave the motion alone; it cannot teach what the mesh does not tell
(teeth, disocclusion), for its targets *are* the base flow. Hence `stills_share` stays small.
"""

from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from models.networks.mesh_maps import base_flow
from models.training.dataset import CachedClip
from shared.coding.mesh_basis import default_basis, driving_points, fit_affine, fit_expression

Array = NDArray[np.float32]
FLOW_SIDE: Final = 128
"""The base flow is drawn at this side and enlarged; its narrowest kernel is 4 of these places wide."""
LARGEST_MOVE: Final = 0.2
"""Mean movement of the mesh, in -1..1 units (26 px), beyond which a still is moved less: a portrait has nothing behind it."""


def move_mesh(still: Array, before: Array, after: Array) -> Array:
    """Return the still's mesh (468, 2) moved as a clip's mesh moved from `before` to `after`, in the still's own frame."""
    basis = default_basis()
    affine = fit_affine(before, after, basis.rigid)
    expression = fit_expression(before, after, affine, basis)
    moved = driving_points(still, affine, expression)
    distance = float(np.linalg.norm(moved - still, axis=1).mean())
    share = np.float32(min(1.0, LARGEST_MOVE / max(distance, 1e-6)))
    return moved if share == 1 else driving_points(still, affine * share, expression * share)


def warp_picture(picture: NDArray[np.uint8], reference: Array, driving: Array) -> NDArray[np.uint8]:
    """Return the picture (H, W) or (H, W, 3) moved by the base flow from mesh `reference` to mesh `driving`, bicubic."""
    side = picture.shape[0]
    with torch.inference_mode():
        flow = base_flow(torch.from_numpy(reference)[None], torch.from_numpy(driving)[None], FLOW_SIDE)[0][0]
    fine = cv2.resize(flow.permute(1, 2, 0).numpy(), (side, side), interpolation=cv2.INTER_LINEAR)
    axis = np.arange(side, dtype=np.float32)
    x, y = axis[None] + fine[..., 0] * (side / 2), axis[:, None] + fine[..., 1] * (side / 2)
    return cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def repose(still: CachedClip, clip: CachedClip, start: int, drivings: list[int]) -> CachedClip:
    """Return the still as a clip: itself, then re-posed as `clip` moved from frame `start` to each of `drivings`.

    It has no voice: whose lips move to which words is not known of a portrait.
    """
    picture, mask, mesh = np.asarray(still.frames[0]), np.asarray(still.masks[0]), np.array(still.points[0])
    meshes = [move_mesh(mesh, np.array(clip.points[start]), np.array(clip.points[j])) for j in drivings]
    return CachedClip(
        still.name, still.person, still.split, still.source_px,
        frames=np.stack([picture, *(warp_picture(picture, mesh, moved) for moved in meshes)]),
        points=np.stack([mesh, *meshes]),
        masks=np.stack([mask, *(warp_picture(mask, mesh, moved) for moved in meshes)]),
        keyframes=still.keyframes, keyframe_indices=still.keyframe_indices, thumbnails=None, voice=None,
    )  # fmt: skip
