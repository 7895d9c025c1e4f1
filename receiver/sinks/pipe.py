"""Raw pictures on a pipe, for programs that take them: `--sink pipe:PATH` or `pipe:-` (standard output).

The format has no header: pictures of 256x256, 25 a second, one after the other, each 98304 bytes of yuv420p (Y 256x256,
then U and V 128x128, BT.601 limited range) or, with ?pixels=rgb24, 196608 bytes of RGB. No sound. To watch or to convert:

    python -m receiver ... --sink pipe:call.yuv &
    ffplay -f rawvideo -pixel_format yuv420p -video_size 256x256 -framerate 25 call.yuv
    python -m receiver ... --sink pipe:- | ffmpeg -f rawvideo -pix_fmt yuv420p -s 256x256 -r 25 -i - call.mkv

In OBS: a Media Source, Local File off, Input `call.yuv`, Input Format `rawvideo`, FFmpeg options `pixel_format=yuv420p
video_size=256x256 framerate=25`.

Must not import asyncio. Invariant: only whole pictures are written; a reader that is slow gets fewer, one that goes away ends
this sink and nothing else. With `-` everything else that the process prints goes to standard error from then on.
"""

import os
import select
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from receiver.sinks.base import FRAME_MS, SinkFailed
from receiver.sinks.live_sink import LiveSink
from receiver.sinks.live_stage import LiveStage
from shared.errors import UserError

PIXELS: Final = ("yuv420p", "rgb24")
_POLL_S: Final = 0.1
_CHUNK_BYTES: Final = 4096
"""PIPE_BUF of Linux: a pipe that select calls writable takes this much without blocking (POSIX write)."""


def picture_bytes(picture: NDArray[np.uint8], pixels: str) -> bytes:
    """One picture, RGB uint8 (H, W, 3), in the pipe's format."""
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    return frame.reformat(format=pixels).to_ndarray().tobytes()


class _PipeWork:
    """The thread's work: waits for a reader, then writes."""

    def __init__(self, name: str, pixels: str, open_pipe: Callable[[], int | None]) -> None:
        """open_pipe: a file descriptor to write to, None while nobody reads."""
        self._name, self._pixels, self._open_pipe = name, pixels, open_pipe

    def __call__(self, stage: LiveStage, stopped: threading.Event) -> None:
        pipe = self._open_pipe()
        while pipe is None:
            if stopped.wait(_POLL_S):
                return
            pipe = self._open_pipe()
        try:
            for at_ms in stage.ticks(stopped, FRAME_MS):
                self._write(pipe, picture_bytes(stage.picture_at(at_ms), self._pixels), stopped)
        except BrokenPipeError as error:
            raise SinkFailed(f"{self._name}: its reader went away. The call's other sinks go on.") from error
        finally:
            os.close(pipe)

    def _write(self, pipe: int, data: bytes, stopped: threading.Event) -> None:
        rest = memoryview(data)
        while rest and not stopped.is_set():
            if select.select([], [pipe], [], _POLL_S)[1]:
                rest = rest[os.write(pipe, rest[:_CHUNK_BYTES]) :]


def open_pipe(text: str) -> LiveSink:
    """The sink of `pipe:text`, text being PATH or `-`, with ?pixels=rgb24 behind it if wanted. Raises UserError."""
    path, _, pixels = text.partition("?pixels=")
    pixels = pixels or PIXELS[0]
    if pixels not in PIXELS or not path:
        raise UserError(
            f"pipe:{text} is no pipe: write pipe:PATH or pipe:-, with ?pixels={' or '.join(PIXELS)}."
        )
    if path == "-":
        return LiveSink("pipe:-", _PipeWork("pipe:-", pixels, _take_stdout()))
    _make_fifo(Path(path))
    return LiveSink(f"pipe:{path}", _PipeWork(f"pipe:{path}", pixels, lambda: _open_fifo(path)))


def _take_stdout() -> Callable[[], int]:
    """Standard output for the pictures alone; what is printed later goes to standard error."""
    if os.isatty(1):
        raise UserError(
            "pipe:- would write raw pictures to a terminal: redirect it, as in ... --sink pipe:- | ffplay ..."
        )
    sys.stdout.flush()
    pipe = os.dup(1)
    os.dup2(2, 1)
    return lambda: pipe


def _make_fifo(path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        raise UserError("This system has no named pipes: use pipe:- and redirect standard output.")
    try:
        if not path.exists():
            os.mkfifo(path)
        elif not stat.S_ISFIFO(path.stat().st_mode):
            raise UserError(f"{path} is there and is no pipe: name another, or record with --sink mp4:PATH.")
    except OSError as error:
        raise UserError(
            f"Cannot make the pipe {path}: {error.strerror}. Choose another path for pipe:PATH."
        ) from error


def _open_fifo(path: str) -> int | None:
    """The pipe, None while nobody has opened it for reading (ENXIO, POSIX open)."""
    try:
        pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None
    os.set_blocking(pipe, True)
    return pipe
