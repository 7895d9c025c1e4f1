"""results.json: what was asked, what each clip and arm was, and every cell; then the report that is made of it.

    RunSettings, MachineFacts, ClipFacts, cells --write_results--> OUT/results.json --report--> tables, page, CSV, plots

Must import the standard library, `shared` and this package only. Invariant: every cell names a clip and an arm that are listed,
once; the file is whole or what was there before; it names no place but the clips' own, as they were given: players need them.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from experiments.rates.clips import ClipFile
from experiments.rates.codecs import CODECS
from experiments.rates.job import ClipFacts
from experiments.rates.kept_pictures import ORIGINAL, film_name, strip_name
from experiments.rates.settings import OURS, RunSettings
from shared.errors import UserError
from shared.provenance import commit, machine

FILE_NAME: Final = "results.json"
NOT_UNDER_LINK: Final = "measured WITHOUT the link: nothing of it is lost or delayed, which favours it"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """model: name and sha256 of our network. absent: why an arm cannot run here, by arm. measures: names of those that can be
    taken. missing: why others cannot."""

    model: Mapping[str, str]
    absent: Mapping[str, str]
    measures: tuple[str, ...]
    missing: Mapping[str, str]


def about(arm: str, settings: RunSettings, model: Mapping[str, str]) -> str:
    """One line on an arm, as the page shows it."""
    if arm != OURS:
        text = (
            f"{CODECS[arm].about}; pictures and our voice in an ordinary RTP call (a model that favours it)"
        )
        return text if settings.link is None else f"{text}; {NOT_UNDER_LINK}"
    way = "real calls" if settings.real_time else "virtual time, shipped state machines"
    over = "" if settings.link is None else f", over the link {settings.link.name}"
    return f"{model['name']}; voice, motion or thumbnails, whichever the rate carries; {way}{over}"


def results_json(
    settings: RunSettings,
    here: MachineFacts,
    clips: Sequence[tuple[ClipFile, ClipFacts]],
    cells: Mapping[tuple[str, str, float], Json],
    seconds_taken: float,
) -> Json:
    """The whole file, without tables. cells: by clip's name, arm and rate."""
    return {
        "machine": machine(),
        "commit": commit(),
        "model": dict(here.model),
        "seconds_taken": round(seconds_taken, 1),
        "settings": settings.as_json(),
        "arms": [
            {"arm": arm, "about": about(arm, settings, here.model), "absent": here.absent.get(arm, "")}
            for arm in settings.arms
        ],
        "clips": [_clip(clip, facts, settings) for clip, facts in clips],
        "cells": [
            {"clip": clip, "arm": arm, "target_kbps": kbps, **cell}
            for (clip, arm, kbps), cell in cells.items()
        ],
        "missing_measures": {name: why for name, why in here.missing.items() if name not in _taken(cells)},
    }


def _clip(clip: ClipFile, facts: ClipFacts, settings: RunSettings) -> Json:
    film, strip = film_name(clip, ORIGINAL), strip_name(clip, ORIGINAL)
    kept = clip.may_show and (settings.out / film).is_file()
    return {
        "clip": clip.name,
        "person": clip.person,
        "sha256": clip.sha256,
        "seconds": facts.seconds,
        "speech": facts.speech,
        "error": facts.error,
        "warnings": list(facts.warnings),
        "path": film if kept else str(clip.path),
        "may_show": clip.may_show,
        "strip": strip if kept else None,
    }


def write_results(settings: RunSettings, content: Json) -> None:
    """UserError when it cannot be written."""
    path = settings.out / FILE_NAME
    draft = path.with_name(f"{FILE_NAME}.{os.getpid()}.part")
    try:
        draft.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}. Free some space.") from error
    finally:
        draft.unlink(missing_ok=True)


def _taken(cells: Mapping[tuple[str, str, float], Json]) -> set[str]:
    """Measures that at least one cell has."""
    return {
        name
        for cell in cells.values()
        for name, value in cell.get("measures", {}).items()
        if value is not None
    }
