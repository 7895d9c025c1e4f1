"""The clips of a run, whatever people have: found, read as a call would send them, or left out with the reason.

    folder --find_clips--> ClipFile --grid of 25 a second--> pictures --face, SteadyCrop--> 256x256 squares   --+--> Material
                                    --resampled------------> voice -------------------------------------------+

Must import PyAV, numpy, `sender` and `shared` only. Invariant: decoding, grid and crop are those of the sender that is shipped;
one decoded picture is held at a time, so that a long or large file costs no memory beyond its squares; a clip that cannot be used
is a UserError that says why.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from sender.crop import Crop, SteadyCrop, cut, face_extent
from sender.face.tracker import FaceModels, FaceTracker
from sender.sources.base import PICTURE_INTERVAL_MS, VOICE_BLOCK_MS, SourceReport
from sender.sources.file import probe_file
from sender.sources.file_decode import FileProbe, grid_pictures, voice_samples
from shared.errors import UserError
from shared.opus import SAMPLES_PER_MS

SUFFIXES: Final = (
    *(
        ".mp4",
        ".mkv",
        ".mov",
        ".webm",
        ".avi",
        ".m4v",
        ".mpg",
        ".mpeg",
        ".ts",
        ".wmv",
        ".flv",
        ".3gp",
        ".y4m",
    ),
)
TABLE: Final = "clips.csv"
"""file, person, split, own_speech: in the folder or beside it; where it is in the folder, only the split `val` is used."""
PICTURES_MIN: Final = 25
"""A second: less is one intra picture and little else."""
FACE_WITHIN_MS: Final = 30_000
"""A face that has not come by then is not waited for."""
SILENT_RMS: Final = 50.0
"""Of 32767; a sound track below it carries no voice."""
_HASH_BYTES: Final = 1 << 20

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ClipFile:
    """One file. name: unique in its folder. own_speech: whether the sound is this person's; None: nobody said. may_show: its
    pictures may be kept and shown (`experiments.rates.licence`)."""

    name: str
    path: Path
    sha256: str
    person: str | None = None
    own_speech: bool | None = None
    may_show: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """A clip as a sender takes it. frames: RGB uint8 (256, 256, 3) at 25 a second, the first one with a face.

    pcm: int16 mono 48 kHz from the first frame on, empty for a silent call. speech: there is a voice to be judged. warnings: what
    somebody should know.
    """

    frames: tuple[Picture, ...]
    pcm: NDArray[np.int16]
    speech: bool
    warnings: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Of pictures."""
        return len(self.frames) * PICTURE_INTERVAL_MS / 1000


def find_clips(folder: Path, limit: int | None = None) -> list[ClipFile]:
    """The video files below a folder, by name. UserError when there is none, or when a table beside them cannot be used."""
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}. Give --clips a folder of video files.")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    table = _table(folder)
    if (folder / TABLE).is_file():
        paths = [path for path in paths if table.get(path.name, {}).get("split") == "val"]
    if not paths:
        raise UserError(
            f"There is no video file in {folder}. Give --clips a folder of clips such as .mp4 or .mkv."
        )
    names = _names(paths, folder)
    return [
        _file(path, name, table.get(path.name, {}))
        for path, name in list(zip(paths, names, strict=True))[:limit]
    ]


def _file(path: Path, name: str, row: dict[str, str]) -> ClipFile:
    own = row.get("own_speech")
    return ClipFile(
        name, path, _sha256(path), row.get("person") or None, None if own is None else own == "yes"
    )


def _sha256(path: Path) -> str:
    """Of the file's bytes; of its name, where it cannot be read: whoever decodes it says what is wrong."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_HASH_BYTES):
                digest.update(block)
    except OSError:
        return hashlib.sha256(path.name.encode("utf-8", "surrogateescape")).hexdigest()
    return digest.hexdigest()


def _names(paths: Sequence[Path], folder: Path) -> list[str]:
    """Stems; where two files share one, their whole place in the folder."""
    count = Counter(path.stem for path in paths)
    return [path.stem if count[path.stem] == 1 else path.relative_to(folder).as_posix() for path in paths]


def _table(folder: Path) -> dict[str, dict[str, str]]:
    """Rows of a table by file name; none without one."""
    path = next((place / TABLE for place in (folder, folder.parent) if (place / TABLE).is_file()), None)
    if path is None:
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return {row["file"]: row for row in csv.DictReader(stream)}
    except (OSError, UnicodeDecodeError, KeyError, TypeError, csv.Error) as error:
        raise UserError(
            f"{path} cannot be used ({error}). Its columns are file, person, split and own_speech; or take it away."
        ) from error


def read_clip(clip: ClipFile, seconds: float, models: FaceModels) -> Material:
    """At most `seconds` of a clip from its first face on. UserError when it cannot be decoded or shows no face."""
    report = SourceReport()
    try:
        probe = probe_file(clip.path)
        follower = _Follower(models, round(seconds * 1000) // PICTURE_INTERVAL_MS)
        for picture in grid_pictures(probe, None, lambda media_ms: 0.0, report):
            if not follower.take(picture.media_ms, picture.rgb):
                break
        follower.check()
        pcm = _voice(probe, follower.begin_ms, len(follower.frames), report)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UserError(f"It cannot be decoded ({error}). Copy or record it again.") from error
    speech, notes = _judge_voice(clip, probe, pcm)
    return Material(tuple(follower.frames), pcm, speech, (*report.warnings, *follower.warnings, *notes))


class _Follower:
    """Follows one face through a clip and cuts it out; see `take`."""

    def __init__(self, models: FaceModels, limit: int) -> None:
        self._tracker, self._steady, self._limit = FaceTracker(models), SteadyCrop(), limit
        self._crop: Crop | None = None
        self._seen = 0
        self.frames: list[Picture] = []
        self.begin_ms = 0
        self.warnings: list[str] = []

    def take(self, media_ms: int, rgb: Picture) -> bool:
        """Whether more pictures are wanted."""
        self._seen += 1
        face = self._tracker.update(rgb)
        if face is not None and np.isfinite(face.landmarks).all():
            self._note(face.count)
            update = self._steady.update(rgb.shape[1], rgb.shape[0], face_extent(face.landmarks))
            if update.moved and not self._begin(media_ms, update.crop):
                return False
        if self._crop is None:
            return media_ms < FACE_WITHIN_MS
        self.frames.append(cut(rgb, self._crop))
        return len(self.frames) < self._limit

    def _begin(self, media_ms: int, crop: Crop) -> bool:
        """A crop that moves early is the clip's new beginning; later it is the end, since a call begins anew there, too."""
        if len(self.frames) >= PICTURES_MIN:
            self.warnings.append(
                f"used up to {len(self.frames) * PICTURE_INTERVAL_MS / 1000:.1f} s: there the face leaves its crop, and a call "
                "cuts it out anew"
            )
            return False
        self._crop, self.begin_ms = crop, media_ms
        self.frames.clear()
        return True

    def _note(self, faces: int) -> None:
        warning = "two faces or more: the larger one is followed"
        if faces > 1 and warning not in self.warnings:
            self.warnings.append(warning)

    def check(self) -> None:
        """UserError for too little."""
        if self._seen == 1:
            raise UserError("It has one picture only. Give a clip that moves.")
        if self._crop is None:
            raise UserError(
                f"No face was found in its first {min(self._seen / 25, FACE_WITHIN_MS / 1000):.1f} s."
            )
        if len(self.frames) < PICTURES_MIN:
            raise UserError(
                f"A face can be followed through {len(self.frames)} pictures only; {PICTURES_MIN} (a second) are needed."
            )
        if self.begin_ms:
            self.warnings.append(f"begins at {self.begin_ms / 1000:.2f} s, where its face can be followed")


def _voice(probe: FileProbe, begin_ms: int, pictures: int, report: SourceReport) -> NDArray[np.int16]:
    """The sound under the pictures; empty without a sound track."""
    if not probe.has_voice:
        return np.zeros(0, np.int16)
    first, count = begin_ms * SAMPLES_PER_MS, pictures * PICTURE_INTERVAL_MS * SAMPLES_PER_MS
    blocks = list(
        _until(voice_samples(probe, None, report), begin_ms + pictures * PICTURE_INTERVAL_MS, begin_ms)
    )
    skipped = begin_ms // VOICE_BLOCK_MS * VOICE_BLOCK_MS * SAMPLES_PER_MS
    return np.concatenate([np.zeros(0, np.int16), *blocks])[first - skipped :][:count]


def _until(blocks: Iterator[NDArray[np.int16]], end_ms: int, begin_ms: int) -> Iterator[NDArray[np.int16]]:
    """The blocks that touch begin_ms..end_ms."""
    for place, block in enumerate(blocks):
        if place * VOICE_BLOCK_MS >= end_ms:
            return
        if (place + 1) * VOICE_BLOCK_MS > begin_ms:
            yield block


def _judge_voice(clip: ClipFile, probe: FileProbe, pcm: NDArray[np.int16]) -> tuple[bool, list[str]]:
    """Whether there is a voice to be judged, and what to say if not."""
    if not probe.has_voice or not len(pcm):
        return False, ["no sound: a silent call"]
    if float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2))) < SILENT_RMS:
        return False, ["its sound is silence: the voice is not judged"]
    if clip.own_speech is False:
        return False, ["its sound is not this person's own speech: it is sent, and not judged"]
    return True, []
