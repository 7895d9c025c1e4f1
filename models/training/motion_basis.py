"""Learns the expression and shape bases of the mesh code from the training people.

    python -m models.training.motion_basis --cache DIR [--out shared/coding/mesh_basis.safetensors]

Prints the error, in pixels at 256x256, that the truncated bases leave on training and validation people.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from models.networks.mesh_maps import INNER_LIPS, LEFT_EYE, LIPS, RIGHT_EYE
from models.training.dataset import CachedClip, open_cache
from shared.coding.mesh_basis import (
    MeshBasis,
    apply_affine,
    driving_points,
    fit_affine,
    fit_expression,
    fit_shape,
    mesh_width,
    shape_points,
    undo_affine,
)  # fmt: skip
from shared.coding.motion_layout import EXPRESSION, MESH_POINTS, SHAPE_COEFFICIENTS

Array = NDArray[np.float32]
PAIRS_PER_PERSON = 120
SHAPES_PER_PERSON = 12
FEATURE_WEIGHT = 2.5
"""Lips and eyes count this much more than other points: a pixel there is seen, one on the cheek is not."""
LOOSE_WEIGHT = 0.25
"""Lips and eyes count this little for the pose."""


def point_weights() -> tuple[Array, Array]:
    """Return (weights, rigid), each (468,): importance for the coefficients and for the pose; weights have mean 1."""
    weights, rigid = np.ones(MESH_POINTS, np.float32), np.ones(MESH_POINTS, np.float32)
    features = list(LIPS + INNER_LIPS + LEFT_EYE + RIGHT_EYE)
    weights[features], rigid[features] = FEATURE_WEIGHT, LOOSE_WEIGHT
    return weights / weights.mean(), rigid


def principal_rows(samples: Array, weights: Array, count: int) -> Array:
    """Return (count, 936) principal directions of samples (N, 936), orthonormal under the weights."""
    root = np.sqrt(np.repeat(weights, 2))
    _, vectors = np.linalg.eigh((samples * root).T @ (samples * root) / len(samples))
    return np.ascontiguousarray((vectors[:, ::-1][:, :count].T / root).astype(np.float32))


def learn(clips: list[CachedClip], seed: int = 0) -> MeshBasis:
    """Return the bases learned from the clips; every person weighs the same."""
    random = np.random.default_rng(seed)
    weights, rigid = point_weights()
    people = sorted({clip.person for clip in clips})
    by_person = {person: [clip for clip in clips if clip.person == person] for person in people}
    rests, shapes = [], []
    for person in people:
        for _ in range(PAIRS_PER_PERSON):
            rests.append(_expression_rest(by_person[person], rigid, random))
        for _ in range(SHAPES_PER_PERSON):
            clip = by_person[person][random.integers(len(by_person[person]))]
            shapes.append(np.array(clip.points[random.integers(len(clip.points))]))
    mean, offsets = _aligned_shapes(np.stack(shapes), rigid)
    return MeshBasis(principal_rows(np.stack(rests), weights, EXPRESSION),
                     principal_rows(offsets, weights, SHAPE_COEFFICIENTS), mean, weights, rigid)  # fmt: skip


def _expression_rest(clips: list[CachedClip], rigid: Array, random: np.random.Generator) -> Array:
    clip = clips[random.integers(len(clips))]
    reference, driving = (np.array(clip.points[random.integers(len(clip.points))]) for _ in range(2))
    affine = fit_affine(reference, driving, rigid)
    return (
        (undo_affine(driving, affine, reference.mean(axis=0)) - reference) / mesh_width(reference)
    ).reshape(-1)


def _aligned_shapes(shapes: Array, rigid: Array) -> tuple[Array, Array]:
    """Return mean (468, 2) and offsets (N, 936) of shapes aligned to it by affine maps (two rounds)."""
    mean = shapes[0]
    for _ in range(3):
        aligned = []
        for shape in shapes:
            affine = fit_affine(mean, shape, rigid)
            aligned.append(undo_affine(shape, affine, mean.mean(axis=0)))
        mean = np.mean(aligned, axis=0, dtype=np.float32)
    return mean, (np.stack(aligned) - mean).reshape(len(shapes), -1)


def errors_px(clips: list[CachedClip], basis: MeshBasis, seed: int = 1) -> dict[str, float]:
    """Return mean point errors in pixels at 256x256: of the pose alone, of the mesh code, of the shape code."""
    random = np.random.default_rng(seed)
    pose, motion, shape = [], [], []
    for clip in clips:
        reference = np.array(clip.points[0])
        shape.append(_distance(shape_points(*fit_shape(reference, basis), basis), reference))
        for _ in range(30):
            driving = np.array(clip.points[random.integers(len(clip.points))])
            affine = fit_affine(reference, driving, basis.rigid)
            expression = fit_expression(reference, driving, affine, basis)
            pose.append(_distance(apply_affine(reference, affine, reference.mean(axis=0)), driving))
            motion.append(_distance(driving_points(reference, affine, expression, basis), driving))
    return {
        "pose": float(np.mean(pose)),
        "mesh_code": float(np.mean(motion)),
        "shape_code": float(np.mean(shape)),
    }


def _distance(a: Array, b: Array) -> float:
    return float(np.linalg.norm(a - b, axis=1).mean() * 128)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m models.training.motion_basis", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("shared/coding/mesh_basis.safetensors"))
    options = parser.parse_args()
    clips = open_cache(options.cache)
    basis = learn([clip for clip in clips if clip.split == "train"])
    arrays = {
        name: getattr(basis, name).astype(np.float16)
        for name in ("expression", "shape", "mean", "weights", "rigid")
    }
    save_file(arrays, str(options.out))
    for split in ("train", "val"):
        print(split, errors_px([clip for clip in clips if clip.split == split], basis))


if __name__ == "__main__":
    main()
