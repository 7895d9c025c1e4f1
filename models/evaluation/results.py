"""The results' file: rows of clips, their means, and continuing a file that an earlier run began.

Invariant: a file is written whole or stays as it was; rows of other weights or settings are never mixed.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from experiments.measures.clip import ClipMeans
from shared.errors import UserError
from shared.provenance import commit, machine

DIGITS = 4
NOT_SETTINGS = ("clips", "out", "checkpoint", "rivals_cache", "rivals_only")
"""Options that results do not depend on by themselves; a checkpoint is named by its hash."""
ARMS_SHOWN = ("rebuilt", "held_mouth", "mesh_warp", "frozen")


def write_result(
    path: Path, model: dict[str, str], settings: dict[str, str], clips: list[dict[str, Any]]
) -> None:
    """Write everything known so far, with machine, commit and means."""
    good = [row for row in clips if "error" not in row]
    result = {
        "model": model, "settings": settings, "machine": machine(), "commit": commit(),
        "mean": mean_of(good), "clips": clips,
    }  # fmt: skip
    write_json(path, result)


def write_json(path: Path, result: dict[str, Any]) -> None:
    """Write a JSON file whole. Raises UserError when it cannot be; what was there before stays."""
    temporary = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(result, indent=1) + "\n")
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"The results {path} cannot be written: {error.strerror}. Name another --out, or free some space."
        ) from error


def resumed(path: Path, model: dict[str, str], settings: dict[str, str]) -> list[dict[str, Any]]:
    """Return the rows of an earlier run. Raises UserError when they cannot be read or are of other weights or settings."""
    if not path.exists():
        return []
    try:
        before = json.loads(path.read_text())
        same = before["model"] == model and _comparable(before["settings"]) == _comparable(settings)
        rows = list(before["clips"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} cannot be continued ({type(error).__name__}: {error}). Name another --out."
        ) from error
    if not same:
        raise UserError(
            f"{path} holds results of other weights or other settings. Name another --out, or remove it."
        )
    return rows


def _comparable(settings: dict[str, str]) -> dict[str, str]:
    """Return the settings that results depend on."""
    return {name: value for name, value in settings.items() if name not in ("threads", "backend")}


def rounded(means: ClipMeans) -> dict[str, float | None]:
    """Return means as a row holds them."""
    return {name: None if value is None else round(value, DIGITS) for name, value in asdict(means).items()}


def mean_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean over clips of every number of every arm."""
    means: dict[str, Any] = {}
    arms = [name for name, value in (rows[0] if rows else {}).items() if isinstance(value, dict)]
    for arm in arms:
        names = rows[0][arm]
        columns = {
            name: [row[arm][name] for row in rows if row.get(arm, {}).get(name) is not None] for name in names
        }
        means[arm] = {
            name: round(float(np.mean(values)), DIGITS) for name, values in columns.items() if values
        }
    return means


def line(row: dict[str, Any]) -> str:
    """Return a row for a terminal."""
    if "error" in row:
        return f"{row['clip']}: {row['error']}"
    return f"{row['clip']} | " + " | ".join(_arm(arm, row[arm]) for arm in ARMS_SHOWN if arm in row)


def _arm(name: str, scores: dict[str, Any]) -> str:
    vgg, landmarks = (_or_dash(scores[key], digits) for key, digits in (("vgg", 3), ("landmark_px", 2)))
    return f"{name} {scores['psnr_y_db']:.1f} dB vgg {vgg} lm {landmarks}"


def _or_dash(value: float | None, digits: int) -> str:
    """A measure may be missing: the vgg layers, or a face."""
    return "-" if value is None else f"{value:.{digits}f}"
