"""The side-by-side film: original, rebuilt and AV1 at the same wire rate, labelled, with the received voice.

Must import PyAV, numpy, OpenCV and `receiver.disclosure` only. Invariant: the rebuilt pictures carry the
disclosure mark.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from receiver.disclosure import mark

FPS: Final = 25
LABEL_PX: Final = 24
GAP_PX: Final = 4
BACKGROUND: Final = 24
INK: Final = (235, 235, 235)
CRF: Final = 18
AUDIO_BPS: Final = 64_000
AUDIO_FRAME: Final = 1024
COMMENT: Final = "The middle picture is reconstructed by a neural network (facewire)."

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Column:
    """One film among the others. label: ASCII, about 28 characters fit."""

    label: str
    pictures: Sequence[Picture]


def marked(pictures: Sequence[Picture]) -> list[Picture]:
    """The pictures as people may see them."""
    return [mark(picture) for picture in pictures]


def write_side_by_side(
    path: Path, columns: Sequence[Column], pcm: NDArray[np.int16], rate_hz: int, comment: str = COMMENT
) -> None:
    """H.264 and AAC in MP4 at 25 fps; pcm: int16 mono that starts with the first picture (may be empty). comment: in the file."""
    count = min(len(column.pictures) for column in columns)
    header = _header(columns)
    rows = (np.vstack([header, _row([column.pictures[i] for column in columns])]) for i in range(count))
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        container.metadata["comment"] = comment
        height, width = header.shape[0] + columns[0].pictures[0].shape[0], header.shape[1]
        video = container.add_stream("libx264", rate=FPS, options={"crf": str(CRF), "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        # Both streams before the first packet: the header lists them.
        audio = container.add_stream("aac", rate=rate_hz, layout="mono") if len(pcm) else None
        _encode_pictures(container, video, rows)
        if audio is not None:
            audio.bit_rate = AUDIO_BPS
            _encode_voice(container, audio, pcm[: count * rate_hz // FPS], rate_hz)


def _encode_pictures(
    container: av.container.OutputContainer, stream: av.video.stream.VideoStream, rows: Iterable[Picture]
) -> None:
    for i, row in enumerate(rows):
        frame = av.VideoFrame.from_ndarray(row, format="rgb24")
        frame.pts, frame.time_base = i, Fraction(1, FPS)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _encode_voice(
    container: av.container.OutputContainer,
    stream: av.audio.stream.AudioStream,
    pcm: NDArray[np.int16],
    rate_hz: int,
) -> None:
    for start in range(0, len(pcm), AUDIO_FRAME):
        samples = np.ascontiguousarray(pcm[np.newaxis, start : start + AUDIO_FRAME])
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _row(pictures: Sequence[Picture]) -> Picture:
    gap = np.full((pictures[0].shape[0], GAP_PX, 3), BACKGROUND, np.uint8)
    parts = [part for picture in pictures for part in (picture, gap)]
    return np.hstack(parts[:-1])


def _header(columns: Sequence[Column]) -> Picture:
    """The labels over their columns."""
    labels = []
    for column in columns:
        label = np.full((LABEL_PX, column.pictures[0].shape[1], 3), BACKGROUND, np.uint8)
        cv2.putText(label, column.label, (6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
        labels.append(label)
    return _row(labels)
