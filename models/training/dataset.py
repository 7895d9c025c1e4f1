"""Reads the training cache: memory-mapped clips and balanced samples of (reference, driving) pairs.

numpy only. Invariant: the same seed gives the same samples; people are drawn before clips, so that one person with forty
clips weighs no more than one with a single clip.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import UserError

STILLS = "stills"
"""Folder of a cache that holds the portraits, apart from the clips: they have no motion of their own to learn from."""


@dataclass(frozen=True, slots=True)
class CachedClip:
    """One clip of the cache (see `models.training.cache`); arrays are memory-mapped.

    frames uint8 (T, 256, 256, 3); points float32 (T, 468, 2); masks uint8 (T, 64, 64); keyframes uint8
    (M, 256, 256, 3) as decoded from the wire, of the frames keyframe_indices (M,); thumbnails uint8
    (S, ceil(T / 2), 64, 64, 3), S streams of every second frame as decoded from the wire, or None; voice float32
    (4 T, 40) log-mel or None.
    """

    name: str
    person: str
    split: str
    source_px: int
    frames: NDArray[np.uint8]
    points: NDArray[np.float32]
    masks: NDArray[np.uint8]
    keyframes: NDArray[np.uint8]
    keyframe_indices: NDArray[np.int64]
    thumbnails: NDArray[np.uint8] | None
    voice: NDArray[np.float32] | None


def open_cache(folder: Path) -> list[CachedClip]:
    """Return all whole clips of a cache, sorted by name. Raises UserError when there are none."""
    clips = [_open_clip(path.parent) for path in sorted(folder.glob("*/clip.json"))]
    if not clips:
        raise UserError(
            f"No cache in {folder}. Make one with `python -m models.training.cache --clips DIR --out {folder}`."
        )
    return clips


def open_stills(folder: Path) -> list[CachedClip]:
    """Return the portraits of a cache, clips of one frame, sorted by name; an empty list when there are none."""
    return [_open_clip(path.parent) for path in sorted(folder.glob(f"{STILLS}/*/clip.json"))]


def _open_clip(folder: Path) -> CachedClip:
    about = json.loads((folder / "clip.json").read_text())
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("frames", "points", "masks")}
    keyframes = np.load(folder / "keyframes.npz")
    voice = np.load(folder / "voice.npy", mmap_mode="r") if about["speech"] else None
    small = folder / "thumbnails.npy"
    thumbnails = np.load(small, mmap_mode="r") if small.exists() else None  # portraits have none
    return CachedClip(folder.name, about["person"], about["split"], about["source_px"], **arrays,
                      keyframes=keyframes["pictures"], keyframe_indices=keyframes["indices"],
                      thumbnails=thumbnails, voice=voice)  # fmt: skip
