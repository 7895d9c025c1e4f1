"""A recording people can play: H.264 and AAC in mp4, 25 fps on the media clock.

Must not import asyncio or torch. Invariants: the file is playable up to its last second whenever the process dies
(fragments of one second, flushed as they end); picture and voice stand at the same media time; every 40 ms tick has
exactly one picture, a missing one being the last picture again.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from receiver.disclosure import mark, waiting_picture
from receiver.sinks.base import FRAME_MS, SAMPLE_RATE_HZ, SAMPLES_PER_MS
from receiver.sinks.timeline import FileTimeline, place_voice, tick_for
from receiver.sinks.writer import FileSink, PictureItem, VoiceItem
from shared.errors import UserError
from shared.limits import PICTURE_SIZE_PX, SINK_QUEUE_PICTURES

_FPS: Final = 1000 // FRAME_MS
_AAC_FRAME_SAMPLES: Final = 1024
_AAC_BIT_RATE: Final = 96_000
_STREAM_LAG_MS: Final = 1000
"""A stream this far behind the other is filled (silence, or the last picture), so that fragments keep being written."""
_X264: Final = {"preset": "veryfast", "crf": "18", "tune": "zerolatency", "threads": "1"}
_MOVFLAGS: Final = "hybrid_fragmented+frag_keyframe+default_base_moof+delay_moov"
"""Fragments while it grows, an ordinary mp4 once closed. delay_moov: with the first fragment known, the encoder's 21 ms
of priming go into an edit list; without, picture times are shifted by them and are no longer constant."""
_DISCLOSURE: Final = "Pictures reconstructed by a neural network from keypoints (facewire)."


class Mp4Recorder:
    """Encodes one call into one file; runs in the thread of its `FileSink`."""

    def __init__(self, path: Path, sign: Callable[[Path], None] | None = None) -> None:
        """sign: called with the finished file, to put its provenance into it."""
        self._path, self._sign = path, sign
        try:
            self._container = av.open(
                str(path), "w", format="mp4", options={"movflags": _MOVFLAGS, "flush_packets": "1"}
            )
            self._container.metadata["comment"] = _DISCLOSURE
            self._video = _add_video(self._container)
            self._audio = _add_audio(self._container)
            self._container.start_encoding()
        except OSError as error:
            raise UserError(
                f"Cannot write {path}: {error.strerror}. Choose another path for mp4:PATH."
            ) from error
        self._timeline = FileTimeline()
        self._last = mark(waiting_picture(PICTURE_SIZE_PX))
        self._next_tick = 0
        self._pcm = np.zeros(0, np.int16)
        self._encoded_samples = 0

    def picture(self, item: PictureItem) -> None:
        """Encode one picture, RGB uint8 (256, 256, 3), and every tick missing before it."""
        file_ms = self._timeline.file_ms(item.media_ms)
        tick = tick_for(file_ms, self._next_tick)
        if tick is None:
            return
        self._repeat_until(tick)
        self._last = item.picture
        self._repeat_until(tick + 1)
        self._silence_until((file_ms - _STREAM_LAG_MS) * SAMPLES_PER_MS)

    def voice(self, item: VoiceItem) -> None:
        """Encode some voice, and silence where there was none before it."""
        file_ms = self._timeline.file_ms(item.media_ms)
        silence, pcm = place_voice(item.pcm, file_ms, self._samples)
        self._append_pcm(np.concatenate([np.zeros(silence, np.int16), pcm]))
        self._repeat_until((file_ms - _STREAM_LAG_MS) // FRAME_MS)

    def finish(self) -> None:
        """Bring both streams to the same end, flush the encoders, close the file and sign it."""
        try:
            self._repeat_until(max(1, self._samples // (FRAME_MS * SAMPLES_PER_MS)))
            self._silence_until(self._next_tick * FRAME_MS * SAMPLES_PER_MS)
            self._append_pcm(np.zeros(-len(self._pcm) % _AAC_FRAME_SAMPLES, np.int16))
            self._container.mux(self._video.encode(None))
            self._container.mux(self._audio.encode(None))
        finally:
            self._container.close()
        if self._sign is not None:
            self._sign(self._path)

    @property
    def _samples(self) -> int:
        return self._encoded_samples + len(self._pcm)

    def _repeat_until(self, tick: int) -> None:
        while self._next_tick < tick:
            frame = av.VideoFrame.from_ndarray(self._last, format="rgb24")
            frame.pts = self._next_tick
            self._container.mux(self._video.encode(frame))
            self._next_tick += 1

    def _silence_until(self, sample: int) -> None:
        if sample > self._samples:
            self._append_pcm(np.zeros(sample - self._samples, np.int16))

    def _append_pcm(self, pcm: NDArray[np.int16]) -> None:
        self._pcm = np.concatenate([self._pcm, pcm])
        while len(self._pcm) >= _AAC_FRAME_SAMPLES:
            block, self._pcm = self._pcm[:_AAC_FRAME_SAMPLES], self._pcm[_AAC_FRAME_SAMPLES:]
            samples = (block.astype(np.float32) / 32768.0)[None]  # (1, 1024)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate = SAMPLE_RATE_HZ
            frame.pts = self._encoded_samples
            self._container.mux(self._audio.encode(frame))
            self._encoded_samples += _AAC_FRAME_SAMPLES


def _add_video(container: av.container.OutputContainer) -> VideoStream:
    stream = container.add_stream("libx264", rate=_FPS, options=dict(_X264))
    stream.width = stream.height = PICTURE_SIZE_PX
    stream.pix_fmt = "yuv420p"
    stream.codec_context.gop_size = _FPS  # one fragment a second
    return stream


def _add_audio(container: av.container.OutputContainer) -> AudioStream:
    stream = container.add_stream("aac", rate=SAMPLE_RATE_HZ)
    stream.codec_context.layout = "mono"
    stream.codec_context.format = "fltp"
    stream.bit_rate = _AAC_BIT_RATE
    return stream


def open_mp4(path: Path, sign: Callable[[Path], None] | None = None) -> FileSink:
    """A recording sink at path (overwritten), signed at its end. Raises UserError when the path cannot be written."""
    return FileSink(f"mp4:{path}", Mp4Recorder(path, sign), max_pictures=SINK_QUEUE_PICTURES, shows=True)
