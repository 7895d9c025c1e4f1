"""Read the two recordings of a call and lay them side by side on the media clock.

Must import PyAV, numpy and OpenCV only. Invariant: a rebuilt picture stands beside the original that was
captured when the receiver says it was; where the receiver showed nothing new, the last picture stands there
again, as it did on screen.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from shared.errors import UserError
from shared.limits import PICTURE_SIZE_PX

HALF_FRAME_MS: Final = 20
"""A picture belongs to the 25 fps tick that is nearest."""
WAITING: Final = "WAITING"
"""State of a picture in the sidecar before there was a keyframe."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Recording:
    """Pictures in the order of time: media_ms, place in the file, and uint8 RGB (256, 256, 3), as many of
    each."""

    media_ms: tuple[int, ...]
    file_ms: tuple[int, ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """The call as the receiver saw it: for each media_ms the original and the picture that was on the screen.

    start_file_ms: place of the first of them in the receiver's recording, where its voice starts, too.
    """

    media_ms: tuple[int, ...]
    start_file_ms: int
    original: tuple[Picture, ...]
    rebuilt: tuple[Picture, ...]


def read_recording(path: Path, what: str) -> Recording:
    """Pictures of a recording; media times from PATH.json where there is one, else its own time stamps in ms.

    The card that a receiver shows while it waits is no picture of anybody and is left out. UserError when
    there is no picture; `what` names the recording in the message.
    """
    sidecar = path.with_name(path.name + ".json")
    try:
        places, pictures = zip(*_frames(path), strict=True)
        times, shows = places, (True,) * len(places)
        if sidecar.is_file():
            entries = json.loads(sidecar.read_text())["pictures"]
            times = tuple(int(entry["media_ms"]) for entry in entries)
            shows = tuple(entry["state"] != WAITING for entry in entries)
        kept = [
            row for row, show in zip(zip(times, places, pictures, strict=False), shows, strict=False) if show
        ]
        return Recording(*zip(*kept, strict=True))
    except (OSError, ValueError, KeyError, TypeError, av.FFmpegError) as error:
        raise UserError(
            f"The recording of {what} holds no picture: the call ended before there was one."
        ) from error


def _frames(path: Path) -> Iterator[tuple[int, Picture]]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.pts is not None and frame.time_base is not None:
                yield (
                    round(frame.pts * frame.time_base * 1000),
                    _at_size(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)),
                )


def _at_size(picture: Picture) -> Picture:
    if picture.shape[:2] != (PICTURE_SIZE_PX, PICTURE_SIZE_PX):
        side = PICTURE_SIZE_PX, PICTURE_SIZE_PX
        return np.asarray(cv2.resize(picture, side, interpolation=cv2.INTER_AREA), np.uint8)
    return picture


def join(original: Recording, rebuilt: Recording) -> Joined:
    """Originals from the first rebuilt picture to the last, each with what the receiver showed for its
    moment.

    UserError when the two have no moment in common.
    """
    times = np.array(rebuilt.media_ms)
    first, last = times[0] - HALF_FRAME_MS, times[-1] + HALF_FRAME_MS
    kept = [i for i, ms in enumerate(original.media_ms) if first <= ms <= last]
    if not kept:
        raise UserError(
            "The two recordings of the call have no moment in common: there is nothing to measure."
        )
    shown = [
        int(np.searchsorted(times, original.media_ms[i] + HALF_FRAME_MS, side="right")) - 1 for i in kept
    ]
    return Joined(
        tuple(original.media_ms[i] for i in kept),
        rebuilt.file_ms[0] + max(0, original.media_ms[kept[0]] - rebuilt.media_ms[0]),
        tuple(original.pictures[i] for i in kept),
        tuple(rebuilt.pictures[max(0, i)] for i in shown),
    )


def hold_first(pictures: Sequence[Picture]) -> list[Picture]:
    """The rival that costs nothing: the first picture, all the time."""
    return [pictures[0]] * len(pictures)


def read_voice(path: Path) -> tuple[NDArray[np.int16], int]:
    """The voice of a recording as int16 mono and its rate in Hz; empty when it has none."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return np.zeros(0, np.int16), 48_000
        rate = container.streams.audio[0].codec_context.sample_rate
        resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
        parts = [
            part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)
        ]
    return (np.concatenate(parts).astype(np.int16) if parts else np.zeros(0, np.int16)), rate
