"""Which clips there are to learn from: people, split, licence tier, from a `clips.csv` or from any folder of clips.

Invariant: a person is in one split only.
"""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

from shared.errors import UserError

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi")
VALIDATION_SHARE = 8
"""Without a clips.csv one person (file) in eight is held out."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip. split: 'train' or 'val'. speech: the sound is this person's own speech. source_px: size of the crop."""

    path: Path
    person: str
    split: str
    speech: bool
    tier: str
    source_px: int

    @property
    def name(self) -> str:
        """The clip's name in the cache and in reports."""
        return self.path.stem


def find_clips(folder: Path, tiers: frozenset[str] | None = None) -> list[Clip]:
    """Return the clips of a folder, sorted by name; `tiers` filters by licence tier (None: all).

    A folder with `clips.csv` has `train/` and `val/`; any other folder of videos counts every file as a person.
    Raises UserError when nothing is found.
    """
    table = folder / "clips.csv"
    clips = _from_table(folder, table) if table.is_file() else _from_files(folder)
    chosen = [clip for clip in clips if tiers is None or clip.tier in tiers]
    if not chosen:
        wanted = f" of tiers {','.join(sorted(tiers))}" if tiers else ""
        raise UserError(
            f"No clips{wanted} in {folder}. Give a folder that holds video files, or one with a clips.csv."
        )
    return sorted(chosen, key=lambda clip: clip.name)


def _from_table(folder: Path, table: Path) -> list[Clip]:
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [
        Clip(folder / row["split"] / row["file"], row["person"], row["split"], row["own_speech"] == "yes",
             row["tier"], int(float(row["source_px"])))
        for row in rows
    ]  # fmt: skip


def _from_files(folder: Path) -> list[Clip]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    held_out = {path for path in files if _bucket(path) == 0}
    if not held_out or len(held_out) == len(files):
        held_out = set(files[-1:]) if len(files) > 1 else set()
    return [Clip(path, path.stem, "val" if path in held_out else "train", True, "own", 256) for path in files]


def _bucket(path: Path) -> int:
    return hashlib.sha256(path.name.encode()).digest()[0] % VALIDATION_SHARE
