"""The rebuilt call sent to a streaming server: `--sink push:rtmp://...` or `push:rtsp://...`, as H.264 and AAC.

    LiveStage --> this sink's thread --pipe--> push_process --> server

Must not import asyncio or codecs. Invariants: the call never waits for the server; a server that is lost, or that takes nothing
for PUSH_STALL_S, is tried again after 1, 2, 4 ... 30 s as long as the call lasts; no message and no command line holds more of
the address than its host, because the rest is often a key.
"""

import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

from receiver.sinks.base import FRAME_MS
from receiver.sinks.live_sink import LiveSink
from receiver.sinks.live_stage import LiveStage
from receiver.sinks.push_process import FORMATS, SENDING, Record
from shared.errors import UserError
from shared.limits import LIVE_CLOSE_S, LIVE_VOICE_MS, PUSH_RETRY_MAX_S, PUSH_RETRY_MIN_S, PUSH_STALL_S

_LOG = logging.getLogger("facewire.receiver.sinks")
_POLL_S: Final = 0.1
_CHUNK_BYTES: Final = 4096
"""PIPE_BUF of Linux: a pipe that select calls writable takes this much without blocking (POSIX write)."""


class _Lost(Exception):
    """The stream ended before the call did; the text says why."""


def retry_pauses() -> Iterator[float]:
    """Seconds to wait after each failure in a row."""
    pause_s = PUSH_RETRY_MIN_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, PUSH_RETRY_MAX_S)


def shown_url(url: str) -> str:
    """What messages may say of it: its scheme and host."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}/..."


class _Connection:
    """One `push_process`."""

    def __init__(self, url: str, stall_s: float) -> None:
        self._stall_s = stall_s
        self._process = subprocess.Popen(
            [sys.executable, "-m", "receiver.sinks.push_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            start_new_session=True,  # Ctrl-C is for the call, which then ends this in order
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._first = f"{url}\n".encode()

    def send(self, data: bytes, stopped: threading.Event) -> bool:
        """Hand over a record; returns whether the server has just taken the stream. Raises _Lost."""
        rest = memoryview(self._first + data)
        self._first = b""
        deadline_s = time.monotonic() + self._stall_s
        while rest and not stopped.is_set():
            if select.select([], [self._input], [], _POLL_S)[1]:
                rest = rest[self._written(rest[:_CHUNK_BYTES]) :]
            elif time.monotonic() > deadline_s:
                raise _Lost(f"it took nothing for {self._stall_s:g} s")
        return self._said()

    def end(self, in_order: bool) -> None:
        """End the stream: with a goodbye if there is time for it."""
        try:
            if in_order:
                _close(self._input)
                self._process.wait(LIVE_CLOSE_S / 2)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._process.kill()
            self._process.wait()
            _close(self._input)
            _close(self._output)

    def _written(self, chunk: memoryview) -> int:
        try:
            return os.write(self._input.fileno(), chunk)
        except BrokenPipeError:
            raise _Lost(self._output.read().decode("utf-8", "replace").strip() or "it ended") from None

    def _said(self) -> bool:
        """True when SENDING was said; it is said once, and whatever else is said is the reason of an end."""
        if not select.select([self._output], [], [], 0)[0]:
            return False
        line = self._output.readline().decode("utf-8", "replace").strip()
        if line == SENDING:
            return True
        raise _Lost(line or "it ended")


class PushWork:
    """The work of a push's thread: connect, send, and connect again."""

    def __init__(
        self,
        url: str,
        stall_s: float = PUSH_STALL_S,
        pauses: Callable[[], Iterator[float]] = retry_pauses,
    ) -> None:
        self._url, self._shown, self._stall_s, self._new_pauses = url, shown_url(url), stall_s, pauses
        self._pauses = pauses()

    def __call__(self, stage: LiveStage, stopped: threading.Event) -> None:
        """Until stopped."""
        while not stopped.is_set():
            connection = _Connection(self._url, self._stall_s)
            try:
                self._send(connection, stage, stopped)
            except _Lost as lost:
                connection.end(in_order=False)
                pause_s = next(self._pauses)
                _LOG.warning(
                    "push: %s does not take the call (%s); trying again in %g s", self._shown, lost, pause_s
                )
                stopped.wait(pause_s)
            else:
                connection.end(in_order=True)

    def _send(self, connection: _Connection, stage: LiveStage, stopped: threading.Event) -> None:
        heard_ms: int | None = None
        for at_ms in stage.ticks(stopped, FRAME_MS):
            # Voice up to now, also that of ticks that were missed: a late picture is no hole in the sound.
            voice_ms = max(at_ms - LIVE_VOICE_MS, at_ms - FRAME_MS if heard_ms is None else heard_ms)
            pcm = stage.voice_at(voice_ms, at_ms - voice_ms)
            heard_ms = at_ms
            if connection.send(bytes(Record(at_ms, stage.picture_at(at_ms), voice_ms, pcm)), stopped):
                _LOG.warning("push: sending to %s", self._shown)
                self._pauses = self._new_pauses()


def open_push(text: str) -> LiveSink:
    """The sink of `push:text`: an address, or @FILE with the address in it. Raises UserError for what can be no address."""
    url = _from_file(text[1:]) if text.startswith("@") else text
    try:
        parts = urlsplit(url)
        usable = parts.scheme in FORMATS and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        usable = False
    if not usable:
        raise UserError(
            "push: needs an address such as push:rtmp://host/app/key or push:rtsp://host:8554/name "
            f"({', '.join(FORMATS)} are known), or push:@FILE with the address in a file, which keeps a key secret."
        )
    return LiveSink(f"push:{shown_url(url)}", PushWork(url))


def _from_file(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"push: the file {path} with the address cannot be read ({error}).") from error


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except BrokenPipeError:  # what was buffered has nobody to go to
        return
