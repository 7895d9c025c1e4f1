"""Which clips there are to learn from: people, split, licence tier, from a `clips.csv` or from any folder of clips.

Invariant: a person is in one split only.
"""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

from shared.errors import UserError

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi")
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
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
    Raises UserError when nothing is found, when two clips share a name, or when the table is not usable.
    """
    table = folder / "clips.csv"
    clips = _from_table(folder, table) if table.is_file() else _from_files(folder)
    chosen = [clip for clip in clips if tiers is None or clip.tier in tiers]
    if not chosen:
        wanted = f" of tiers {','.join(sorted(tiers))}" if tiers else ""
        raise UserError(
            f"No clips{wanted} in {folder}. Give a folder that holds video files, or one with a clips.csv."
        )
    _check(clips)
    return sorted(chosen, key=lambda clip: clip.name)


def _check(clips: list[Clip]) -> None:
    """Raise UserError for a name that two clips share, and for a person on both sides."""
    names = [clip.name for clip in clips]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(
            f"Two clips are called {twice[0]}: rename one, the cache and the results go by the name."
        )
    sides = {split: {clip.person for clip in clips if clip.split == split} for split in ("train", "val")}
    if both := sorted(sides["train"] & sides["val"]):
        raise UserError(f"{both[0]} is in train and in val: move all clips of a person to one side.")


def _from_table(folder: Path, table: Path) -> list[Clip]:
    try:
        with table.open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        return [
            Clip(folder / row["split"] / row["file"], row["person"], row["split"], row["own_speech"] == "yes",
                 row["tier"], int(float(row["source_px"])))
            for row in rows
        ]  # fmt: skip
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{table} cannot be used ({error}). Its columns are file, person, split, own_speech, tier and source_px."
        ) from error


def _from_files(folder: Path) -> list[Clip]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    held_out = {path for path in files if _bucket(path) == 0}
    if not held_out or len(held_out) == len(files):
        held_out = set(files[-1:]) if len(files) > 1 else set()
    return [Clip(path, path.stem, "val" if path in held_out else "train", True, "own", 256) for path in files]


def _bucket(path: Path) -> int:
    return hashlib.sha256(path.name.encode()).digest()[0] % VALIDATION_SHARE


def find_stills(folder: Path) -> list[Clip]:
    """Return the portraits of a folder as clips of one frame, all for training, sorted by name.

    A `stills.csv` (file, person), in the folder or beside it, names the people; without one every picture is a person.
    Raises UserError when nothing is found.
    """
    table = next(
        (path for path in (folder / "stills.csv", folder.parent / "stills.csv") if path.is_file()), None
    )
    people: dict[str, str] = {}
    if table is not None:
        with table.open(newline="") as stream:
            people = {row["file"]: row["person"] for row in csv.DictReader(stream)}
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    stills = [
        Clip(path, people.get(path.name, path.stem), "train", False, "still", 256)
        for path in files
        if not people or path.name in people
    ]
    if not stills:
        raise UserError(f"No portraits in {folder}. Give a folder of pictures, one face in each.")
    return stills
