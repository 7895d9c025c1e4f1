"""The grid of a rate experiment and its results on disk: one JSON file per cell, so that a killed run goes on where it was.

    clips x arms x kbit/s --grid--> Cell --CellStore--> OUT/cells/<SHA-256 of the cell>.json = {cell, result}

Must import the standard library and `shared.errors` only. Invariant: a file is whole or not there, and is used only when
the cell in it is the one asked for; one that cannot be read counts as not there and is measured anew.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shared.errors import UserError


@dataclass(frozen=True, slots=True)
class Cell:
    """All that a result depends on. clip_sha256: of the file's bytes. kbps: wire rate asked for. settings_sha256: of the
    run's other settings (seconds, link, seed, model, version of the measures)."""

    clip_sha256: str
    arm: str
    kbps: float
    settings_sha256: str

    def file_name(self) -> str:
        """Hex SHA-256 of the cell, as a file name."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest() + ".json"


def grid(
    clips_sha256: Sequence[str], arms: Sequence[str], rates_kbps: Sequence[float], settings_sha256: str
) -> list[Cell]:
    """Every cell once, all of one clip together, so that work on a clip is shared and then let go."""
    cells = (
        Cell(clip, arm, float(rate), settings_sha256)
        for clip in clips_sha256
        for arm in arms
        for rate in rates_kbps
    )
    return list(dict.fromkeys(cells))


class CellStore:
    """Results of cells under OUT/cells. Several processes may write; each file appears whole."""

    def __init__(self, out: Path) -> None:
        """Raises UserError when the folder cannot be made."""
        self._folder = out / "cells"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"The folder {self._folder} cannot be made: {error.strerror}. Give another --out."
            ) from error

    def get(self, cell: Cell) -> dict[str, Any] | None:
        """The result, or None when there is none that is whole and of this very cell."""
        try:
            content = json.loads((self._folder / cell.file_name()).read_text())
        except (OSError, ValueError):
            return None
        if not isinstance(content, dict) or content.get("cell") != asdict(cell):
            return None
        result = content.get("result")
        return result if isinstance(result, dict) else None

    def put(self, cell: Cell, result: dict[str, Any]) -> None:
        """Raises UserError when it cannot be written, ValueError for numbers that JSON has not (NaN, infinity)."""
        text = json.dumps({"cell": asdict(cell), "result": result}, allow_nan=False, sort_keys=True, indent=1)
        path = self._folder / cell.file_name()
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            temporary.write_text(text)
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise UserError(
                f"The result of a cell cannot be written: {error.strerror}. Free some space."
            ) from error

    def holds(self, cell: Cell) -> bool:
        """Whether there is a file for the cell; quick, and only `get` says whether it is whole."""
        return (self._folder / cell.file_name()).is_file()

    def forget(self) -> None:
        """Take away every result, and nothing else that may be in the folder."""
        for path in self._folder.glob("*.json"):
            if len(path.stem) == hashlib.sha256().digest_size * 2:
                path.unlink(missing_ok=True)

    def missing(self, cells: Iterable[Cell]) -> list[Cell]:
        """Those still to be measured, in their order."""
        return [cell for cell in cells if self.get(cell) is None]
