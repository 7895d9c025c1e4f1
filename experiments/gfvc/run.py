"""JVET's way of looking at it: every clip at four qualities of its key picture, payload alone, rate against measure.

    clip --OfflineSender, no voice--> Coded --rebuild--> measures         rate = (key pictures + motion) / time
         --rivals at the same payload rates (--arms)---> measures
         --sei_cost--> bits of the same motion as SEI messages

Must not import torch. Invariant: a clip that cannot be coded is named with its reason and the run goes on; rates count payloads
only and are never to be set beside wire rates.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from experiments.gfvc.conditions import CHANGED, KEPT, KEY_BYTES
from experiments.gfvc.interchange import SeiCost, sei_cost
from experiments.gfvc.tables import write_tables
from experiments.measures.clip import Tools, compare_many, load_tools
from experiments.measures.vgg import load_vgg
from experiments.rates.clips import ClipFile, find_clips, read_clip
from experiments.rates.codecs import CODECS, Shape, why_absent
from experiments.rates.encodings import Encodings, Picture
from experiments.rates.rival import Rival, payload_only
from models.evaluation.offline_call import FRAME_MS, Coded, OfflineSender, Plan
from models.evaluation.offline_receiver import rebuild
from models.runtime.base import Backend
from models.runtime.choose import choose_backend
from sender.face.tracker import FaceModels
from sender.keyframe_image import encode_keyframe_image
from shared.errors import UserError
from shared.keyframe_blob import pack_keyframe
from shared.provenance import commit, machine

FILE_NAME: Final = "gfvc.json"
ALL_S: Final = 3600.0
"""Of a clip whose length is not cut."""
FULL: Final = Shape(256, 1)
OURS: Final = "facewire"
VGG_SAMPLES: Final = 16
"""Pictures of a clip on which vgg is taken: it costs 0.3 s a picture on one core."""
MEASURES: Final = ("psnr_y_db", "ssim_y", "ms_ssim", "vgg", "landmark_px")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class GfvcOptions:
    """seconds: of each clip at most, None: all. every: each every-th picture is measured. arms: rivals beside ours.
    vgg: whether it is measured, where its weights are."""

    seconds: float | None = None
    every: int = 5
    limit: int | None = None
    arms: tuple[str, ...] = ()
    vgg: bool = True
    size: str = "lite"
    backend: str = "auto"
    threads: int = 1

    def __post_init__(self) -> None:
        """Raises UserError for what cannot be."""
        for arm in self.arms:
            if arm not in CODECS:
                raise UserError(f"There is no arm {arm!r}. Choose from: {', '.join(CODECS)}.")
        if self.every < 1 or (self.limit is not None and self.limit < 1):
            raise UserError("--every and --limit count from 1.")


def gfvc(
    clips: Path, out: Path, options: GfvcOptions | None = None, say: Callable[[str], None] = lambda what: None
) -> int:
    """Run; returns how many clips failed. Leaves gfvc.json, gfvc.csv and gfvc.md. UserError for a folder that cannot be used."""
    options = options or GfvcOptions()
    chosen = find_clips(clips, options.limit)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {out} cannot be made: {error.strerror}. Give another --out.") from error
    bench = _Bench(options)
    results: Json = {
        "machine": machine(), "commit": commit(), "model": asdict(bench.backend.model), "settings": asdict(options),
        "counting": "payload", "kept": list(KEPT), "changed": list(CHANGED), "key_bytes": list(KEY_BYTES),
        "absent_arms": {arm: why for arm in options.arms if (why := why_absent(CODECS[arm]))},
        "rows": [], "sei": [], "failed": [],
    }  # fmt: skip
    for clip in chosen:
        say(clip.name)
        try:
            rows, sei = bench.clip(clip, [arm for arm in options.arms if arm not in results["absent_arms"]])
        except UserError as error:
            results["failed"].append({"clip": clip.name, "error": str(error)})
            continue
        results["rows"] += rows
        results["sei"].append({"clip": clip.name, **asdict(sei)})
        _write(out, results)
    _write(out, results)
    return len(results["failed"])


class _Bench:
    """What all clips share."""

    def __init__(self, options: GfvcOptions) -> None:
        self._options, self._sender, self._faces = options, OfflineSender(), FaceModels.load()
        self.backend: Backend = choose_backend(options.backend, options.size, options.threads)
        self._tools: Tools = load_tools(load_vgg(None, threads=options.threads) if options.vgg else None)

    def clip(self, clip: ClipFile, arms: Sequence[str]) -> tuple[list[Json], SeiCost]:
        """All rows of a clip. UserError when it cannot be read or shows no face."""
        frames = read_clip(clip, self._options.seconds or ALL_S, self._faces).frames
        first = self._sender.code(frames, np.zeros(0, np.int16), Plan())
        coded = [with_key_bytes(first, frames, key_bytes) for key_bytes in KEY_BYTES]
        shown = [
            _Shown(OURS, point + 1, kbps_of(one), rebuild(one, self.backend, len(frames), muted=True))
            for point, one in enumerate(coded)
        ]
        targets = [kbps_of(one) for one in coded]
        shown += [one for arm in arms for one in _rival(arm, targets, frames)]
        return self._rows(clip, frames, shown), sei_cost(first, self.backend.model.name)

    def _rows(self, clip: ClipFile, frames: Sequence[Picture], shown: Sequence["_Shown"]) -> list[Json]:
        """All measured together, so that the original is looked at once."""
        every = self._options.every
        vgg_every = max(1, len(frames) // every // VGG_SAMPLES)
        variants = {f"{one.arm} {one.point}": one.pictures for one in shown}
        quality = compare_many(frames, variants, self._tools, every, vgg_every)
        rows = []
        for one in shown:
            means = asdict(quality[f"{one.arm} {one.point}"].means)
            measures = {name: None if means[name] is None else round(means[name], 4) for name in MEASURES}
            rows.append({
                "clip": clip.name, "person": clip.person, "arm": one.arm, "point": one.point, "frames": len(frames),
                "kbps": round(one.kbps, 3), "reached": one.reached, "measures": measures,
            })  # fmt: skip
        return rows


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """One arm at one rate point, counted from 1."""

    arm: str
    point: int
    kbps: float
    pictures: Sequence[Picture]
    reached: bool = True


def _rival(arm: str, targets: Sequence[float], frames: Sequence[Picture]) -> list[_Shown]:
    """At full size and rate, which is what the conditions ask of an anchor."""
    encodings = Encodings(replace(CODECS[arm], shapes=(FULL,)), frames)
    rival = Rival(encodings, frames, payload_only(len(frames) / 25))
    found = []
    for point, target in enumerate(targets):
        met = rival.meet(target)
        found.append(_Shown(arm, point + 1, met.kbps, encodings.shown(met.stream), met.reached))
    return found


def with_key_bytes(coded: Coded, frames: Sequence[Picture], key_bytes: int) -> Coded:
    """The same clip with key pictures of another size; motion does not depend on it."""
    keyframes = tuple(
        replace(keyframe, image=encode_keyframe_image(frames[keyframe.media_ms // FRAME_MS], key_bytes))
        for keyframe in coded.keyframes
    )
    return replace(
        coded, keyframes=keyframes, keyframe_bytes=sum(len(pack_keyframe(one)) for one in keyframes)
    )


def kbps_of(coded: Coded) -> float:
    """Key pictures and motion, as bytes that would be stored, over the clip's time."""
    return (coded.keyframe_bytes + coded.motion_bytes) * 8 / 1000 / coded.seconds


def _write(out: Path, results: Json) -> None:
    try:
        (out / FILE_NAME).write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        write_tables(out, results)
    except OSError as error:
        raise UserError(
            f"The results cannot be written into {out}: {error.strerror}. Free some space."
        ) from error
