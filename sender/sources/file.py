"""A video file as a source: anything PyAV opens, played in real time, once or over and over.

Must import PyAV, numpy and `sender.sources`, `shared.errors` only. Invariant: what a person can mend is a UserError
before the call starts; what is wrong further inside the file shortens it and is said in the report.
"""

import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from sender.sources.base import (
    PICTURE_INTERVAL_MS,
    VOICE_BLOCK_MS,
    Clock,
    MonotonicClock,
    Pace,
    SourcePicture,
    SourceReport,
    SourceVoice,
    in_thread,
)
from sender.sources.file_decode import FileProbe, GridPicture, grid_pictures, prepare, voice_samples
from shared.errors import UserError


class FileSource:
    """A file's pictures and voice. Media time 0 is its first picture; with `loop` the file starts again at its end.

    pace False gives everything as fast as it can be decoded. Raises UserError if there is no picture to be had.
    """

    def __init__(self, path: Path, loop: bool = False, pace: bool = True, clock: Clock | None = None) -> None:
        self.report = SourceReport()
        self._probe = probe_file(path)
        self._lap_ms = _lap_ms(self._probe) if loop else None
        self._pace = Pace(clock or MonotonicClock(), pace)
        self._closed = threading.Event()
        if not self._probe.has_voice:
            self.report.warn(f"{path} has no sound: the call goes without voice.")

    @property
    def has_voice(self) -> bool:
        """Whether the file has sound."""
        return self._probe.has_voice

    async def pictures(self) -> AsyncGenerator[SourcePicture, None]:
        """Pictures as they become due; ends with the file, or with `close` when looping."""
        async with aclosing(in_thread(self._picture_laps())) as items:
            async for item in items:
                await self._pace.wait(item.media_ms)
                yield SourcePicture(item.media_ms, self._pace.due_us(item.media_ms), item.rgb)

    async def voice(self) -> AsyncGenerator[SourceVoice, None]:
        """Blocks as their last sample becomes due; ends with the sound."""
        if not self.has_voice:
            return
        media_ms = 0
        async with aclosing(in_thread(self._voice_laps())) as blocks:
            async for pcm in blocks:
                await self._pace.wait(media_ms + VOICE_BLOCK_MS)
                yield SourceVoice(media_ms, pcm)
                media_ms += VOICE_BLOCK_MS

    async def close(self) -> None:
        """Ends both iterators at their next item."""
        self._closed.set()

    def _picture_laps(self) -> Iterator[GridPicture]:
        base_ms = 0
        while True:
            given = False
            for item in grid_pictures(self._probe, self._lap_ms, self._lateness(base_ms), self.report):
                if self._closed.is_set():
                    return
                given = True
                yield GridPicture(base_ms + item.media_ms, item.rgb)
            # A file that was damaged or removed meanwhile gives nothing: looping on would spin.
            if self._lap_ms is None or not given:
                return
            base_ms += self._lap_ms

    def _lateness(self, base_ms: int) -> Callable[[int], float]:
        return lambda media_ms: self._pace.late_ms(base_ms + media_ms)

    def _voice_laps(self) -> Iterator[NDArray[np.int16]]:
        while True:
            for block in voice_samples(self._probe, self._lap_ms, self.report):
                if self._closed.is_set():
                    return
                yield block
            if self._lap_ms is None:
                return


def probe_file(path: Path) -> FileProbe:
    """Opens the file and decodes its first picture. Raises UserError that says what is wrong with it."""
    _check_path(path)
    try:
        with av.open(str(path)) as container:
            return _probe(path, container)
    except (av.FFmpegError, ValueError) as error:
        raise UserError(
            f"{path} cannot be opened as a video ({error}): give a video file such as .mp4, .mkv or .webm."
        ) from error


def _check_path(path: Path) -> None:
    if path.is_dir():
        raise UserError(f"{path} is a folder: give one video file in it.")
    if not path.exists():
        raise UserError(f"{path} does not exist: check the path (it is looked up from {Path.cwd()}).")
    if path.is_file() and path.stat().st_size == 0:
        raise UserError(f"{path} is empty (0 bytes): copy or record it again.")


def _probe(path: Path, container: InputContainer) -> FileProbe:
    streams = [stream for stream in container.streams.video if not stream.disposition & _ATTACHED_PICTURE]
    if not streams:
        raise UserError(
            f"{path} has no video in it (only {_kinds(container)}): give a file that shows a face."
        )
    video, has_voice = streams[0], bool(container.streams.audio)
    prepare(video)
    base_s = _first_picture_s(container, video)
    if base_s is None:
        raise UserError(
            f"{path}: not one picture can be decoded, the file is damaged: copy or record it again."
        )
    rate = float(video.average_rate or video.base_rate or 25)
    duration_ms = 0.0
    if video.duration is not None and video.time_base is not None:
        duration_ms = float(video.duration * video.time_base) * 1000
    elif container.duration is not None:
        duration_ms = container.duration / 1000
    interval_ms = 1000 / min(max(rate, 0.1), 1000.0)
    return FileProbe(str(path), video.index, base_s, max(0.0, duration_ms), interval_ms, has_voice)


_ATTACHED_PICTURE = av.stream.Disposition.attached_pic
"""Cover art of a song counts as no video."""


def _kinds(container: InputContainer) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing that can be decoded"


def _first_picture_s(container: InputContainer, video: VideoStream) -> float | None:
    try:
        for frame in container.decode(video):
            return frame.time or 0.0
    except (av.FFmpegError, ValueError):
        return None
    return None


def _lap_ms(probe: FileProbe) -> int:
    """Length of one pass, on the grid; a file that does not say how long it is gets its packets counted."""
    duration_ms = probe.duration_ms or _counted_duration_ms(probe)
    return max(1, round(duration_ms / PICTURE_INTERVAL_MS)) * PICTURE_INTERVAL_MS


def _counted_duration_ms(probe: FileProbe) -> float:
    last_s = probe.base_s
    with av.open(probe.path) as container:
        for packet in container.demux(container.streams[probe.video_index]):
            if packet.pts is not None and packet.time_base is not None:
                last_s = max(last_s, float(packet.pts * packet.time_base))
    return (last_s - probe.base_s) * 1000 + probe.interval_ms
