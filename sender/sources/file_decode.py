"""Blocking decoders of a video file: pictures on the 25 fps grid and gapless voice, both from media time 0.

Must import PyAV, numpy and `sender.sources.base` only; runs in worker threads. Invariant: whatever is wrong inside the
file, the iterators end and give what could be decoded before; what was wrong stands in the report.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from sender.sources.base import LONG_SIDE_MAX_PX, PICTURE_INTERVAL_MS, VOICE_BLOCK_SAMPLES, SourceReport

SAMPLES_PER_MS: Final = 48
BAD_PACKETS_MAX: Final = 50
"""Undecodable packets in a row after which the rest of the file is given up (2 s at 25 fps)."""
JUMP_MAX_MS: Final = 10_000
"""A longer gap between pictures is a broken time stamp, not a still picture, and is closed up."""
SHORTFALL_MS: Final = 500
"""A file that ends this much (and a tenth) before the length it claims was cut short; less is sound that outlasts."""
VOICE_GAP_MS: Final = 60
"""Voice further from its time stamp than this is moved there by silence or by cutting; less is jitter."""
LATE_SKIP_MAX: Final = 4
"""Late pictures left out in a row; the next one is shown however late, or a slow machine would show none."""
_SLOW_MS: Final = (100.0, 500.0, 2000.0)
"""Lateness from which decoding is complete again, leaves out unreferenced pictures, all but key pictures."""
_SMALL_PICTURE_PX: Final = 720 * 576
"""Up to here one core decodes many times faster than real time and threads only cost."""


@dataclass(frozen=True, slots=True)
class FileProbe:
    """What was found on opening.

    video_index: the stream shown. base_s: time stamp of its first picture. duration_ms: claimed length, 0 if unknown.
    interval_ms: usual time between pictures.
    """

    path: str
    video_index: int
    base_s: float
    duration_ms: float
    interval_ms: float
    has_voice: bool


@dataclass(frozen=True, slots=True)
class GridPicture:
    """media_ms: place on the grid, counted from the file's first picture. rgb: uint8 (H, W, 3)."""

    media_ms: int
    rgb: NDArray[np.uint8]


def grid_pictures(
    probe: FileProbe, lap_ms: int | None, late_ms: Callable[[int], float], report: SourceReport
) -> Iterator[GridPicture]:
    """Every picture of one pass through the file; lap_ms cuts or holds it to an exact length.

    late_ms: how late the picture of a media time is; late pictures are not converted and then not given.
    """
    skipped = 0
    with av.open(probe.path) as container:
        for slot, frame in _on_grid(
            _timed_frames(container, probe, late_ms, report), probe.interval_ms, lap_ms
        ):
            media_ms = slot * PICTURE_INTERVAL_MS
            if late_ms(media_ms) >= PICTURE_INTERVAL_MS and skipped < LATE_SKIP_MAX:
                skipped += 1
                report.pictures_skipped += 1
                continue
            skipped = 0
            yield GridPicture(media_ms, to_rgb(frame))


def _on_grid(
    frames: Iterator[tuple[float, av.VideoFrame]], interval_ms: float, lap_ms: int | None
) -> Iterator[tuple[int, av.VideoFrame]]:
    """For each slot the newest frame whose time lies before the slot's middle, so that jitter moves nothing."""
    slot, held, time_ms = 0, None, 0.0
    for time_ms, frame in frames:
        while held is not None and time_ms >= (slot + 0.5) * PICTURE_INTERVAL_MS:
            if lap_ms is not None and slot * PICTURE_INTERVAL_MS >= lap_ms:
                return
            yield slot, held
            slot += 1
        held = frame
    end_ms = lap_ms if lap_ms is not None else max(time_ms + interval_ms, PICTURE_INTERVAL_MS)
    while held is not None and (slot + 0.5) * PICTURE_INTERVAL_MS <= end_ms:
        yield slot, held
        slot += 1


def _timed_frames(
    container: InputContainer, probe: FileProbe, late_ms: Callable[[int], float], report: SourceReport
) -> Iterator[tuple[float, av.VideoFrame]]:
    """Frames with times in ms from the first one, growing; broken time stamps are closed up."""
    stream = container.streams[probe.video_index]
    if not isinstance(stream, VideoStream):
        return
    prepare(stream)
    offset_ms, last_ms = -probe.base_s * 1000, -probe.interval_ms
    for frame in _frames(container, stream, report):
        next_ms = last_ms + probe.interval_ms
        time_ms = next_ms if frame.time is None else frame.time * 1000 + offset_ms
        if not last_ms < time_ms <= last_ms + JUMP_MAX_MS:
            offset_ms += next_ms - time_ms
            time_ms = next_ms
        last_ms = time_ms
        _keep_up(stream, late_ms(int(time_ms)))
        yield time_ms, frame
    if last_ms + probe.interval_ms + SHORTFALL_MS < probe.duration_ms * 0.9:
        report.warn(
            f"The file says it lasts {probe.duration_ms / 1000:.1f} s but ends at {last_ms / 1000:.1f} s."
        )


def prepare(stream: VideoStream) -> None:
    """Threads for large pictures only, so that two cores stay free for the call."""
    context = stream.codec_context
    small = context.width * context.height <= _SMALL_PICTURE_PX
    context.thread_type = "AUTO"
    context.thread_count = 1 if small else 2


def _keep_up(stream: VideoStream, late_ms: float) -> None:
    """Leaves out what is decoded in vain anyway when the machine is too slow for the file."""
    recovered_ms, slow_ms, very_slow_ms = _SLOW_MS
    if late_ms >= very_slow_ms:
        stream.codec_context.skip_frame = "NONKEY"
    elif late_ms >= slow_ms:
        stream.codec_context.skip_frame = "NONREF"
    elif late_ms < recovered_ms:
        stream.codec_context.skip_frame = "DEFAULT"


def _frames(container: InputContainer, stream: VideoStream, report: SourceReport) -> Iterator[av.VideoFrame]:
    for packet in _packets(container, stream, report):
        for frame in packet:
            if isinstance(frame, av.VideoFrame) and not frame.is_corrupt:
                yield frame


def _packets(
    container: InputContainer, stream: VideoStream | AudioStream, report: SourceReport
) -> Iterator[list[av.VideoFrame] | list[av.AudioFrame]]:
    """Decoded packets; ends at the first unreadable place and after too many undecodable packets."""
    bad = 0
    packets = container.demux(stream)
    while bad <= BAD_PACKETS_MAX:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, ValueError) as error:
            report.warn(f"The file is damaged ({_reason(error)}): what came before that place was used.")
            return
        if packet is None:
            return
        try:
            yield packet.decode()  # type: ignore[misc]  # PyAV types it as any frame or subtitle
            bad = 0
        except (av.FFmpegError, ValueError) as error:
            bad += 1
            report.warn(f"The file is damaged ({_reason(error)}): what can be decoded is used.")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def to_rgb(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """RGB uint8 (H, W, 3), upright, with square pixels, at most LONG_SIDE_MAX_PX on its long side."""
    aspect = float(frame.sample_aspect_ratio or 1) if hasattr(frame, "sample_aspect_ratio") else 1.0
    width_px = frame.width * (aspect if 0.1 < aspect < 10 else 1.0)
    scale = min(1.0, LONG_SIDE_MAX_PX / max(width_px, frame.height))
    rgb: NDArray[np.uint8] = frame.reformat(
        width=max(1, round(width_px * scale)),
        height=max(1, round(frame.height * scale)),
        format="rgb24",
        interpolation="AREA",
        threads=1,
    ).to_ndarray()  # type: ignore[assignment]  # typed as any dtype; rgb24 is uint8
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb


def voice_samples(probe: FileProbe, lap_ms: int | None, report: SourceReport) -> Iterator[NDArray[np.int16]]:
    """int16 mono 48 kHz in blocks of VOICE_BLOCK_SAMPLES, gapless from the first picture on; ends with the sound.

    lap_ms (a multiple of the block) cuts it or fills it up with silence to an exact length.
    """
    limit = math.inf if lap_ms is None else lap_ms * SAMPLES_PER_MS
    pending, given = np.zeros(0, np.int16), 0
    for samples in _placed_samples(probe, report):
        pending = np.concatenate([pending, samples])
        while len(pending) >= VOICE_BLOCK_SAMPLES and given < limit:
            yield pending[:VOICE_BLOCK_SAMPLES]
            pending, given = pending[VOICE_BLOCK_SAMPLES:], given + VOICE_BLOCK_SAMPLES
        if given >= limit:
            return
    while len(pending) or (lap_ms is not None and given < limit):
        block = np.zeros(VOICE_BLOCK_SAMPLES, np.int16)
        block[: len(pending)] = pending
        yield block
        pending, given = pending[:0], given + VOICE_BLOCK_SAMPLES


def _placed_samples(probe: FileProbe, report: SourceReport) -> Iterator[NDArray[np.int16]]:
    """Decoded sound with silence where time stamps leave gaps and cuts where they overlap."""
    placed = 0
    with av.open(probe.path) as container:
        for time_s, samples in _resampled(container, report):
            wanted = placed if time_s is None else round((time_s - probe.base_s) * 1000 * SAMPLES_PER_MS)
            gap = wanted - placed
            tolerance = (VOICE_GAP_MS if placed else 0) * SAMPLES_PER_MS
            if tolerance < gap <= JUMP_MAX_MS * SAMPLES_PER_MS:
                yield np.zeros(gap, np.int16)
                placed += gap
            elif -JUMP_MAX_MS * SAMPLES_PER_MS <= gap < -tolerance:
                samples = samples[-gap:]
            placed += len(samples)
            yield samples


def _resampled(
    container: InputContainer, report: SourceReport
) -> Iterator[tuple[float | None, NDArray[np.int16]]]:
    """Sound as int16 mono 48 kHz with the time of each piece's first sample, where known."""
    resampler = av.AudioResampler("s16", "mono", SAMPLES_PER_MS * 1000)
    for packet in _packets(container, container.streams.audio[0], report):
        for frame in packet:
            if not isinstance(frame, av.AudioFrame):
                continue
            try:
                pieces = resampler.resample(frame)
            except (av.FFmpegError, ValueError) as error:
                report.warn(f"The sound changes its format midway ({_reason(error)}): the rest is left out.")
                return
            for piece in pieces:
                yield piece.time, piece.to_ndarray().reshape(-1).astype(np.int16, copy=False)
