"""The process that sends a call to a streaming server: records of pictures and voice in, RTMP or RTSP out.

Started by `receiver.sinks.push`, never by people. It is a process of its own because PyAV (18) holds Python's lock while it
connects, writes a header or says goodbye: a server that does not answer would stop the whole receiver. Cost: 0.3 s to start
and a copy of each picture. Make it a thread again when `OutputContainer.start_encoding` lets other threads run.

Standard input: the address in one line, then records, each of one tick (`Record`). Standard output: `SENDING` once the server
took the stream, then nothing, or one line that says why it ended.

Must import PyAV, numpy and the standard library only, besides `receiver.sinks.base`. Invariant: it ends with its standard input.
"""

import struct
import sys
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO, Final
from urllib.parse import urlsplit

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from receiver.sinks.base import FRAME_MS, SAMPLE_RATE_HZ, SAMPLES_PER_MS
from shared.limits import PICTURE_SIZE_PX

SENDING: Final = "sending"
FORMATS: Final = {"rtmp": "flv", "rtmps": "flv", "rtsp": "rtsp", "rtsps": "rtsp"}
"""What is spoken at which address."""
_OPTIONS: Final[dict[str, dict[str, str]]] = {
    "flv": {"flvflags": "no_duration_filesize"},
    "rtsp": {"rtsp_transport": "tcp"},
}
_FPS: Final = 1000 // FRAME_MS
_X264: Final = {"preset": "veryfast", "crf": "21", "tune": "zerolatency", "threads": "1", "g": str(2 * _FPS)}
"""An intra picture every 2 s, which is what streaming servers ask for: a viewer of theirs waits no longer."""
_AAC_BIT_RATE: Final = 64_000
_AAC_FRAME_SAMPLES: Final = 1024
_HEAD: Final = struct.Struct("<III")
_PICTURE_BYTES: Final = PICTURE_SIZE_PX * PICTURE_SIZE_PX * 3


@dataclass(frozen=True, slots=True)
class Record:
    """A picture, RGB uint8 (256, 256, 3), of at_ms, and the voice, int16 (samples,), from voice_ms on."""

    at_ms: int
    picture: NDArray[np.uint8]
    voice_ms: int
    pcm: NDArray[np.int16]

    def __bytes__(self) -> bytes:
        """Little endian: at_ms, voice_ms, samples, each of 4 bytes; the picture; the samples."""
        head = _HEAD.pack(self.at_ms, self.voice_ms, len(self.pcm))
        return head + self.picture.tobytes() + self.pcm.astype("<i2").tobytes()


def read_record(stream: BinaryIO) -> Record | None:
    """The next record, None at the end of the stream."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    at_ms, voice_ms, samples = _HEAD.unpack(head)
    picture, pcm = stream.read(_PICTURE_BYTES), stream.read(2 * samples)
    if len(picture) < _PICTURE_BYTES or len(pcm) < 2 * samples:
        return None
    shape = (PICTURE_SIZE_PX, PICTURE_SIZE_PX, 3)
    return Record(at_ms, np.frombuffer(picture, np.uint8).reshape(shape), voice_ms, np.frombuffer(pcm, "<i2"))


class Stream:
    """One stream to a server. The first record's time is its 0. Raises av.FFmpegError or OSError."""

    def __init__(self, url: str) -> None:
        name = FORMATS[urlsplit(url).scheme]
        self._container = av.open(url, "w", format=name, options=_OPTIONS[name])
        self._video = _add_video(self._container)
        self._audio = _add_audio(self._container)
        self._container.start_encoding()
        self._start_ms: int | None = None
        self._pcm = np.zeros(0, np.int16)
        self._samples = 0

    def write(self, record: Record) -> None:
        """Encode and send."""
        if self._start_ms is None:
            self._start_ms = record.at_ms
        frame = av.VideoFrame.from_ndarray(record.picture, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = (record.at_ms - self._start_ms) // FRAME_MS, Fraction(1, _FPS)
        self._container.mux(self._video.encode(frame))
        self._write_voice(record.pcm, (record.voice_ms - self._start_ms) * SAMPLES_PER_MS)

    def close(self) -> None:
        """Send what the encoders hold and say goodbye."""
        self._container.mux(self._video.encode(None))
        self._container.mux(self._audio.encode(None))
        self._container.close()

    def _write_voice(self, pcm: NDArray[np.int16], at: int) -> None:
        """Voice from before the stream is cut off, a hole becomes silence."""
        gap = at - self._samples - len(self._pcm)
        pcm = np.concatenate([np.zeros(max(0, gap), np.int16), pcm[max(0, -gap) :]])
        self._pcm = np.concatenate([self._pcm, pcm])
        while len(self._pcm) >= _AAC_FRAME_SAMPLES:
            block, self._pcm = self._pcm[:_AAC_FRAME_SAMPLES], self._pcm[_AAC_FRAME_SAMPLES:]
            samples = (block / np.float32(32768)).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate = SAMPLE_RATE_HZ
            frame.pts, frame.time_base = self._samples, Fraction(1, SAMPLE_RATE_HZ)
            self._container.mux(self._audio.encode(frame))
            self._samples += _AAC_FRAME_SAMPLES


def main() -> int:
    """Sends until standard input ends or the server does; 0 or 1."""
    records = sys.stdin.buffer
    url = records.readline().decode().strip()
    try:
        stream = Stream(url)
        print(SENDING, flush=True)
        while (record := read_record(records)) is not None:
            stream.write(record)
        stream.close()
    except (av.FFmpegError, OSError) as error:
        print(error.strerror or type(error).__name__, flush=True)
        return 1
    return 0


def _add_video(container: av.container.OutputContainer) -> VideoStream:
    stream = container.add_stream("libx264", rate=_FPS, options=_X264)
    stream.width = stream.height = PICTURE_SIZE_PX
    stream.pix_fmt = "yuv420p"
    return stream


def _add_audio(container: av.container.OutputContainer) -> AudioStream:
    stream = container.add_stream("aac", rate=SAMPLE_RATE_HZ)
    stream.codec_context.layout = "mono"
    stream.codec_context.format = "fltp"
    stream.bit_rate = _AAC_BIT_RATE
    return stream


if __name__ == "__main__":
    sys.exit(main())
