"""A recording to measure on: FFV1 and PCM in mkv, unmarked, each picture at its own media time.

Must not import asyncio or torch. Invariants: pixels come out exactly as they went in; the sidecar PATH.json names
the media time and the state of every picture, and says that these pictures carry no disclosure mark.
"""

import json
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.video.stream import VideoStream

from receiver.sinks.base import FRAME_MS, SAMPLE_RATE_HZ, SAMPLES_PER_MS
from receiver.sinks.timeline import FileTimeline, place_voice
from receiver.sinks.writer import FileSink, PictureItem, VoiceItem
from shared.errors import UserError
from shared.limits import PICTURE_SIZE_PX, SINK_QUEUE_PICTURES_LOSSLESS

_MS: Final = Fraction(1, 1000)


class LosslessRecorder:
    """Writes PATH and PATH.json; runs in the thread of its `FileSink`."""

    def __init__(self, path: Path) -> None:
        try:
            self._container = av.open(str(path), "w", format="matroska", options={"flush_packets": "1"})
            self._video = _add_video(self._container)
            self._audio = self._container.add_stream("pcm_s16le", rate=SAMPLE_RATE_HZ)
            self._audio.codec_context.layout = "mono"
            self._container.start_encoding()
        except OSError as error:
            raise UserError(
                f"Cannot write {path}: {error.strerror}. Choose another path for lossless:PATH."
            ) from error
        self._sidecar = path.with_name(path.name + ".json")
        self._timeline = FileTimeline()
        self._pictures: list[dict[str, int | str]] = []
        self._newest_ms = -1
        self._samples = 0

    def picture(self, item: PictureItem) -> None:
        """Write one picture, RGB uint8 (256, 256, 3); one that is not newer than the last is left out."""
        file_ms = self._timeline.file_ms(item.media_ms)
        if file_ms <= self._newest_ms:
            return
        self._newest_ms = file_ms
        frame = av.VideoFrame.from_ndarray(item.picture, format="rgb24").reformat(format="bgr0")
        frame.pts, frame.time_base = file_ms, _MS
        self._container.mux(self._video.encode(frame))
        self._pictures.append({"media_ms": item.media_ms, "file_ms": file_ms, "state": item.state.name})

    def voice(self, item: VoiceItem) -> None:
        """Write some voice, and silence where there was none before it."""
        silence, pcm = place_voice(item.pcm, self._timeline.file_ms(item.media_ms), self._samples)
        samples = np.concatenate([np.zeros(silence, np.int16), pcm])
        if not len(samples):
            return
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = self._samples
        self._container.mux(self._audio.encode(frame))
        self._samples += len(samples)

    def finish(self) -> None:
        """Close the file and write the sidecar."""
        try:
            self._container.mux(self._video.encode(None))
            self._container.mux(self._audio.encode(None))
        finally:
            self._container.close()
            self._write_sidecar()

    def _write_sidecar(self) -> None:
        content = {
            "disclosure": "These pictures are reconstructed by a neural network. The visible mark was left out "
            "because this file is for measuring; do not show it to people without one.",
            "fps": 1000 // FRAME_MS,
            "voice_ms": self._samples / SAMPLES_PER_MS,
            "pictures": self._pictures,
        }
        self._sidecar.write_text(json.dumps(content, indent=1) + "\n")


def _add_video(container: av.container.OutputContainer) -> VideoStream:
    stream = container.add_stream("ffv1", rate=1000 // FRAME_MS)
    stream.width = stream.height = PICTURE_SIZE_PX
    stream.pix_fmt = "bgr0"
    stream.codec_context.time_base = _MS
    return stream


def open_lossless(path: Path) -> FileSink:
    """A measuring sink at path (overwritten). Raises UserError when the path cannot be written."""
    recorder = LosslessRecorder(path)
    return FileSink(f"lossless:{path}", recorder, max_pictures=SINK_QUEUE_PICTURES_LOSSLESS, shows=False)
