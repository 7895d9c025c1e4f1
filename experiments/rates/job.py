"""One job: one clip with one arm at all rates that are missing. What processes and Ray run is this very function.

    Job --read_clip--> Material --OurArm | Rival | real calls--> pictures --Measurer--> CellStore, one cell at a time --> JobDone

Must not import torch. Invariant: a cell is written as soon as it is measured, so a run that is killed loses the one at work; the
same job gives the same cells; whatever goes wrong with a cell or clip is in JobDone with its reason, and never ends the run.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

import cv2

from experiments.rates.cells import Cell, CellStore
from experiments.rates.clips import ClipFile, Material, read_clip
from experiments.rates.codecs import CODECS
from experiments.rates.encodings import Encodings
from experiments.rates.kept_pictures import Keeper
from experiments.rates.measured import (
    OF_CALLS,
    OPUS_DELAY_SAMPLES,
    Measurer,
    MeasureTools,
    decoded_voice,
    open_tools,
    settled,
)
from experiments.rates.ours import OurArm
from experiments.rates.real_call import real_cell
from experiments.rates.rival import Rival, on_the_wire, picture_bytes
from experiments.rates.settings import FORMAT, OURS, RunSettings
from experiments.rates.wire import Wire
from models.evaluation.offline_call import OfflineSender, code_voice
from models.runtime.base import Backend
from models.runtime.choose import choose_backend
from sender.face.tracker import FaceModels
from shared.errors import UserError

CLIP_ITSELF: Final = "the clip itself"
"""In place of an arm: what was found out about a clip is kept as a cell, too."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """kbps: the rates that are missing. settings_sha256: of the arm's cells."""

    clip: ClipFile
    arm: str
    kbps: tuple[float, ...]
    settings: RunSettings
    settings_sha256: str

    def cell(self, kbps: float) -> Cell:
        """Where a rate's result lies."""
        return Cell(self.clip.sha256, self.arm, kbps, self.settings_sha256)


@dataclass(frozen=True, slots=True)
class JobDone:
    """results: of each rate of the job, with `error` where there is none; those without an error are in the store, too."""

    clip: str
    arm: str
    results: tuple[tuple[float, Json], ...]


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What results.json says of a clip. error: why it is left out, None: it is not."""

    seconds: float
    speech: bool
    warnings: tuple[str, ...]
    error: str | None


def kept_facts(clip: ClipFile, settings: RunSettings) -> ClipFacts | None:
    """What an earlier run found out about a clip that can be used."""
    kept = CellStore(settings.out).get(_facts_cell(clip, settings))
    return None if kept is None else ClipFacts(kept["seconds"], kept["speech"], tuple(kept["warnings"]), None)


def look_at(task: tuple[ClipFile, RunSettings]) -> ClipFacts:
    """Whether a clip can be used. UserError when that cannot be written; nothing that is wrong with the clip is raised."""
    clip, settings = task
    try:
        material = read_clip(clip, settings.seconds, _faces())
    except Exception as error:
        # A stranger's file goes through decoders and networks; whatever they make of it must not end the run.
        return ClipFacts(0.0, False, (), said(error))
    facts = ClipFacts(material.seconds, material.speech, material.warnings, None)
    CellStore(settings.out).put(_facts_cell(clip, settings), asdict(facts))
    return facts


def run_job(job: Job) -> JobDone:
    """Measure a job's cells. UserError when a result cannot be written; nothing else is raised."""
    cv2.setNumThreads(1)
    store, results = CellStore(job.settings.out), list[tuple[float, Json]]()
    for kbps, result in _cells(job):
        if result["error"] is None:
            store.put(job.cell(kbps), result)
        results.append((kbps, result))
    return JobDone(job.clip.name, job.arm, tuple(results))


def failed_job(job: Job, reason: str) -> JobDone:
    """What stands for a job whose process ended."""
    return JobDone(job.clip.name, job.arm, tuple((kbps, _failure(reason)) for kbps in job.kbps))


def said(error: Exception) -> str:
    """An error in a line."""
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


def _failure(reason: str) -> Json:
    return {"error": reason}


def _cells(job: Job) -> Iterator[tuple[float, Json]]:
    """Every rate with its result, as they come."""
    try:
        material = read_clip(job.clip, job.settings.seconds, _faces())
        arm = _arm(job, material)
    except Exception as error:  # see look_at
        yield from ((kbps, _failure(said(error))) for kbps in job.kbps)
        return
    for kbps in job.kbps:
        try:
            began = time.process_time()
            result = arm.cell(kbps) | {"error": None, "compute_s": round(time.process_time() - began, 2)}
        except Exception as error:  # see look_at
            result = _failure(said(error))
        yield kbps, result


class _Arm(Protocol):
    """An arm on one clip."""

    def cell(self, kbps: float) -> Json:
        """A cell of results.json without clip, arm and rate."""
        ...


def _arm(job: Job, material: Material) -> _Arm:
    settings = job.settings
    begin = 0 if settings.link is None else settled(len(material.frames))
    measurer = Measurer(material.frames, _tools(settings.measures), settings.every, begin)
    keeper = Keeper(settings.out, job.clip, job.arm)
    keeper.original(material)
    if job.arm != OURS:
        return _RivalArm(job.arm, material, measurer, keeper)
    seed = settings.seed + int(job.clip.sha256[:8], 16)
    arm = OurArm(_sender(), material.frames, material.pcm, settings.link, seed)
    ours = _OurCells(arm, material, measurer, _backend(settings.size), keeper)
    return _RealCells(arm, job, _tools(settings.measures)) if settings.real_time else ours


class _OurCells:
    """Ours, in virtual time."""

    def __init__(
        self, arm: OurArm, material: Material, measurer: Measurer, backend: Backend, keeper: Keeper
    ) -> None:
        self._arm, self._material, self._measurer, self._backend = arm, material, measurer, backend
        self._keeper = keeper

    def cell(self, kbps: float) -> Json:
        """See `_Arm`."""
        met = self._arm.meet(kbps)
        shown = self._arm.show(met, self._backend)
        heard = decoded_voice(met.coded.voice) if shown.voice is None else shown.voice
        measures = dict.fromkeys(OF_CALLS) | {"freezes": shown.freezes}
        measures |= self._measurer.pictures(shown.pictures, shown.first)
        measures |= _voice(self._measurer, self._material, heard, shown.pictures)
        return {
            "reached": met.reached, "wire": wire_json(met.wire), "payload_kbps": met.payload_kbps,
            "how": met.how(), "measures": measures, **self._keeper.keep(kbps, shown.pictures, heard),
        }  # fmt: skip


class _RealCells:
    """Ours, in calls: what to send is found in virtual time."""

    def __init__(self, arm: OurArm, job: Job, tools: MeasureTools) -> None:
        self._arm, self._job, self._tools = arm, job, tools

    def cell(self, kbps: float) -> Json:
        """See `_Arm`."""
        settings, step = self._job.settings, self._arm.meet(kbps).step
        return real_cell(self._job.clip.path, step, kbps, settings, self._tools)


class _RivalArm:
    """A rival in an ordinary call, with our voice beside it."""

    def __init__(self, name: str, material: Material, measurer: Measurer, keeper: Keeper) -> None:
        self._material, self._measurer, self._keeper = material, measurer, keeper
        self._voice = code_voice(material.pcm)
        self._encodings = Encodings(CODECS[name], material.frames)
        sizes = [len(packet.data) for packet in self._voice]
        self._rival = Rival(self._encodings, material.frames, on_the_wire(sizes, material.seconds))
        self._heard: Json | None = None

    def cell(self, kbps: float) -> Json:
        """See `_Arm`."""
        met = self._rival.meet(kbps)
        pictures = self._encodings.shown(met.stream)
        heard = decoded_voice(self._voice)
        if self._heard is None or self._measurer.wants_lips:
            self._heard = _voice(self._measurer, self._material, heard, pictures)
        measures = dict.fromkeys(OF_CALLS) | self._measurer.pictures(pictures) | self._heard
        audio = sum(len(packet.data) for packet in self._voice) * 8 / 1000 / self._material.seconds
        return {
            "reached": met.reached,
            "wire": wire_json(self._rival.wire(met.stream)),
            "payload_kbps": {"pictures": round(met.stream.kbps, 3), "audio": round(audio, 3)},
            "how": {
                "size_px": met.stream.shape.size_px, "fps": met.stream.shape.fps, "quality": met.stream.quality,
                "encoder": self._encodings.codec.encoder,
                "packets": len(picture_bytes(met.stream, len(self._material.frames))),
            },
            "measures": measures,
            **self._keeper.keep(kbps, pictures, heard),
        }  # fmt: skip


def _voice(measurer: Measurer, material: Material, heard: Any, pictures: Sequence[Any]) -> Json:
    spoken = material.pcm if material.speech else material.pcm[:0]
    return measurer.voice(spoken, heard, OPUS_DELAY_SAMPLES) | measurer.lips(pictures, heard)


def wire_json(wire: Wire) -> Json:
    """As results.json has it."""
    numbers = {"forward_kbps": wire.forward_kbps, "back_kbps": wire.back_kbps, "kbps": wire.kbps}
    return {name: round(value, 3) for name, value in numbers.items()}


def _facts_cell(clip: ClipFile, settings: RunSettings) -> Cell:
    said_of_it = json.dumps([FORMAT, settings.seconds, clip.own_speech])
    return Cell(clip.sha256, CLIP_ITSELF, 0.0, hashlib.sha256(said_of_it.encode()).hexdigest())


# Opened once in a process, for all its jobs.


@lru_cache(1)
def _faces() -> FaceModels:
    return FaceModels.load()


@lru_cache(1)
def _sender() -> OfflineSender:
    return OfflineSender()


@lru_cache(1)
def _backend(size: str) -> Backend:
    return choose_backend("auto", size, 1)


@lru_cache(1)
def _tools(optional: tuple[str, ...]) -> MeasureTools:
    return open_tools(optional)
