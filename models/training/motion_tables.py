"""Fits the motion code's probability tables to the training people and writes them into the bitstream.

    python -m models.training.motion_tables --cache DIR --checkpoint FILE.pt

The analyser of the checkpoint gives keypoints and codes; mesh, shape and masks come from the cache. Steps are those of
`Quantisers`; the pose is rounded with the tables that are there, so run it twice after a change of the pose's steps. After it,
run `python -m tests.golden.make_coding`: other tables are another bitstream.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from models.networks.codec import Analyser
from models.training.checkpoint import load_codec
from models.training.dataset import CachedClip, open_cache
from models.training.samples import Augmentation, wire_mask
from shared.coding import mesh_motion
from shared.coding.make_tables import Quantisers, build_tables, tables_text
from shared.coding.motion_code import motion_vector
from shared.coding.motion_layout import KEYPOINTS, MotionValues
from shared.coding.quantiser import quantise
from shared.coding.shape_code import dequantise_anchors, quantise_anchors
from shared.coding.tables import SymbolPlan, parse_tables

FRAMES_PER_PERSON = 60
TABLES = Path("shared/coding/motion_tables.json")
Symbols = NDArray[np.int16]


@torch.no_grad()
def clip_symbols(
    clip: CachedClip, analyser: Analyser, frames: int, plan: SymbolPlan
) -> tuple[Symbols, Symbols, Symbols]:
    """Return motion (T, 46) of the first `frames` frames relative to the first, its shape (70,) and anchors (24,)."""
    count = min(frames, len(clip.frames))
    plain = Augmentation()
    pictures = torch.from_numpy(np.stack([plain.picture(frame) for frame in clip.frames[:count]]))
    points = torch.from_numpy(np.array(clip.points[:count]))
    masks = torch.from_numpy(np.stack([plain.mask(mask) for mask in clip.masks[:count]]))
    found = analyser(pictures, points, masks)
    values = torch.cat((found.keypoints.flatten(1), found.codes), dim=1).numpy()
    shape, anchors = mesh_motion.shape_from_points(points[0].numpy()), quantise_anchors(values[0])
    reference, own = mesh_motion.points_from_shape(shape), dequantise_anchors(anchors)
    motion: list[Symbols] = []
    for index in range(count):
        pose, expression = mesh_motion.fit_pose_and_expression(reference, points[index].numpy())
        difference = values[index] - own
        moved = MotionValues(
            pose, expression, difference[: 2 * KEYPOINTS].reshape(-1, 2), difference[2 * KEYPOINTS :]
        )
        motion.append(quantise(motion_vector(moved), plan, motion[-1] if motion else None))
    return np.stack(motion), shape, anchors


def balanced(clips: list[CachedClip]) -> list[CachedClip]:
    """Return one clip, the longest, of every training person."""
    chosen: dict[str, CachedClip] = {}
    for clip in clips:
        if clip.split == "train" and len(clip.frames) > len(getattr(chosen.get(clip.person), "frames", ())):
            chosen[clip.person] = clip
    return [chosen[person] for person in sorted(chosen)]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m models.training.motion_tables", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=TABLES)
    options = parser.parse_args()
    quantisers = Quantisers()
    analyser = load_codec(options.checkpoint).analyser
    clips = balanced(open_cache(options.cache))
    plan = quantisers.motion_plan()
    samples = [clip_symbols(clip, analyser, FRAMES_PER_PERSON, plan) for clip in track(clips, "analysing")]
    masks = np.stack([wire_mask(Augmentation().mask(clip.masks[0]))[0].astype(np.int64) for clip in clips])
    tables = build_tables(
        [motion for motion, _, _ in samples], np.stack([shape for _, shape, _ in samples]),
        np.stack([anchors for _, _, anchors in samples]), masks, quantisers,
        f"{len(clips)} training people, up to {FRAMES_PER_PERSON} frames each",
    )  # fmt: skip
    parse_tables(tables)
    options.out.write_text(tables_text(tables))
    print(f"{options.out}: identity {tables['identity']}")


if __name__ == "__main__":
    main()
