"""Results of a rate experiment that never was, so that every answer is known: quality grows with ln(rate x an arm's gain)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

TARGETS = (6.0, 10.0, 15.0, 20.0, 30.0, 50.0)
HOSTILE = "</script><img src=x onerror=alert(1)> \"'&\u202egnp.\udcff=1"
"""A name as an enemy of the reader gives it: markup, quotes, a turned direction, half a character."""


def measures_at(kbps: float, offset: float = 0.0) -> dict[str, float | None]:
    """Measures of a cell; offset: how much harder a clip is, the same for every arm."""
    rate = math.log(kbps)
    return {
        "psnr_y_db": 20 + 3 * rate - offset,
        "vgg": 3 - 0.5 * rate + offset / 10,
        "landmark_px": 4 - 0.6 * rate + offset / 10,
        "sharp_ratio": 0.2 * rate,
        "pesq": 2.5,
        "latency_p95_ms": None,
    }


def cell(
    clip: str, arm: str, target_kbps: float, gain: float = 1.0, offset: float = 0.0, **changed: Any
) -> dict[str, Any]:
    """A cell that took 98 % of what was asked."""
    kbps = 0.98 * target_kbps
    return {
        "clip": clip,
        "arm": arm,
        "target_kbps": target_kbps,
        "reached": True,
        "wire": {"forward_kbps": 0.8 * kbps, "back_kbps": 0.2 * kbps, "kbps": kbps},
        "payload_kbps": {"voice": 4.0, "pictures": max(0.1, kbps - 5)},
        "how": {"size_px": 128, "fps": 12.5, "quality": 40, "encoder": "made up"},
        "measures": measures_at(kbps * gain, offset),
        "error": None,
    } | changed


def failed(
    clip: str, arm: str, target_kbps: float, error: str = "the encoder ended with 1"
) -> dict[str, Any]:
    """A cell that could not be measured, as short as it may be."""
    return {"clip": clip, "arm": arm, "target_kbps": target_kbps, "error": error}


def clip(name: str, person: str | None = None, **changed: Any) -> dict[str, Any]:
    """A clip that can be measured and not shown."""
    return {
        "clip": name,
        "person": person,
        "sha256": "0" * 64,
        "seconds": 5.0,
        "speech": True,
        "error": None,
        "warnings": [],
        "path": None,
        "may_show": False,
    } | changed


def results(
    gains: Mapping[str, float],
    clips: Sequence[str] = ("one", "two", "three", "four", "five"),
    targets: Sequence[float] = TARGETS,
    **changed: Any,
) -> dict[str, Any]:
    """A whole results.json: every arm of `gains` on every clip; clip i is harder by i. Clips are of two persons in turn."""
    return {
        "machine": "a machine",
        "commit": "abc1234",
        "model": {"name": "facewire-lite", "sha256": "f" * 64},
        "seconds_taken": 600.0,
        "settings": {
            "clips": "made_up",
            "arms": list(gains),
            "kbps": list(targets),
            "seconds": 5,
            "counting": "wire",
        },
        "arms": [{"arm": arm, "about": f"what {arm} is", "absent": ""} for arm in gains],
        "clips": [clip(name, f"person {'AB'[i % 2]}") for i, name in enumerate(clips)],
        "cells": [
            cell(name, arm, target, gain, offset=i)
            for i, name in enumerate(clips)
            for arm, gain in gains.items()
            for target in targets
        ],
        "missing_measures": {"lpips": "no weights were given"},
    } | changed
