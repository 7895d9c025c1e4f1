"""What a search for the best AV1 of a clip found, kept as one small JSON file per clip, rate and way of measuring.

    clip's bytes, rate, every, frames, measure, VERSION --SHA-256--> DIR/<digest>.json = {settings, av1, measures}

Must import numpy, `experiments.measures` and `experiments.rivals` only. Invariant: a file is whole or not there, and is used
only when the settings in it are those asked for; one that cannot be read counts as not there and is written anew.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from experiments.measures.clip import Tools, compare_many
from experiments.measures.picture import Picture
from experiments.rivals.av1 import RivalClip, encode_at_rate
from shared.errors import UserError

VERSION: Final = 1
"""Raise it with every change of the search or of a measure that changes what is found."""
MEASURE_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class RivalSettings:
    """All that a result depends on. clip_sha256: of the file's bytes. every: every n-th frame is measured. frames: of the
    clip. vgg: whether that measure was there, for the choice and as a number."""

    clip_sha256: str
    rate_kbps: float
    every: int
    frames: int
    vgg: bool
    version: int = VERSION

    @property
    def arm(self) -> str:
        """The result's name in a report."""
        return f"av1_{self.rate_kbps:g}"

    def file_name(self) -> str:
        """Hex SHA-256 of the settings, as a file name."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest() + ".json"


@dataclass(frozen=True, slots=True)
class RivalResult:
    """A rival of one rate. av1: how it was coded (size_px, fps, crf, payload_kbps, reached, measure, score, tried).

    measures: means as `ClipMeans` names them, None where one could not be taken.
    """

    av1: dict[str, Any]
    measures: dict[str, float | None]


class RivalCache:
    """A folder of results."""

    def __init__(self, folder: Path) -> None:
        """Make the folder when it is not there. Raises UserError when it cannot be."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"The cache of rivals {folder} cannot be used: {error.strerror}. Name another --rivals-cache."
            ) from error
        self._folder = folder

    def get(self, settings: RivalSettings) -> RivalResult | None:
        """What was found before for these settings, None when nothing was."""
        try:
            found = json.loads((self._folder / settings.file_name()).read_text())
            if found["settings"] != asdict(settings):
                return None
            return RivalResult(dict(found["av1"]), dict(found["measures"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, settings: RivalSettings, result: RivalResult) -> None:
        """Keep a result. Raises UserError on a full disk; what was there before stays."""
        path = self._folder / settings.file_name()
        temporary = path.with_suffix(".part")
        try:
            temporary.write_text(json.dumps({"settings": asdict(settings)} | asdict(result), indent=1) + "\n")
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise UserError(
                f"The cache of rivals cannot be written: {error.strerror}. Free some space."
            ) from error


class Rivals:
    """Finds and measures SVT-AV1 at several rates, each clip and rate once per cache."""

    def __init__(
        self, rates_kbps: Sequence[float], every: int, tools: Tools, cache: RivalCache | None
    ) -> None:
        """cache: None finds everything anew."""
        self._rates_kbps, self._every, self._tools, self._cache = tuple(rates_kbps), every, tools, cache

    def of(self, clip: Path, frames: Sequence[Picture]) -> dict[str, RivalResult]:
        """Results by arm, such as "av1_4", of a clip's file and its frames, RGB uint8 squares at 25 fps."""
        digest = sha256_of(clip)
        wanted = [
            RivalSettings(digest, rate, self._every, len(frames), self._tools.vgg is not None)
            for rate in self._rates_kbps
        ]
        found = {settings: self._cache.get(settings) if self._cache else None for settings in wanted}
        missing = [settings for settings, result in found.items() if result is None]
        fresh = self._find(frames, missing)
        if self._cache:
            for settings, result in fresh.items():
                self._cache.put(settings, result)
        return {settings.arm: found[settings] or fresh[settings] for settings in wanted}

    def _find(
        self, frames: Sequence[Picture], missing: Sequence[RivalSettings]
    ) -> dict[RivalSettings, RivalResult]:
        if not missing:
            return {}
        clips = {s.arm: encode_at_rate(frames, s.rate_kbps, self._tools.vgg) for s in missing}
        shown = {arm: clip.coded.frames for arm, clip in clips.items()}
        quality = compare_many(frames, shown, self._tools, self._every)
        return {s: RivalResult(_how(clips[s.arm]), _rounded(asdict(quality[s.arm].means))) for s in missing}


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file. Raises UserError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"The clip {path} cannot be read: {error.strerror}.") from error


def _how(rival: RivalClip) -> dict[str, Any]:
    coded = rival.coded
    return {
        "size_px": coded.size_px,
        "fps": coded.fps,
        "crf": coded.crf,
        "payload_kbps": round(coded.payload_kbps, 3),
        "reached": rival.reached,
        "measure": rival.measure,
        "score": rival.score,
        "tried": [list(candidate) for candidate in rival.tried],
    }


def _rounded(measures: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, MEASURE_DIGITS) for name, value in measures.items()}
