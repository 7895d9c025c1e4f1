"""A camera and microphone as a source, through PyAV's devices (v4l2 and ALSA, AVFoundation, DirectShow).

Must import PyAV, numpy and `sender.sources`, `shared.errors` only. Invariant: media time is the machine's clock since
the first picture or sound, so that voice and pictures cannot drift apart; a missing microphone only costs the voice.
"""

import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from sender.sources.base import (
    PICTURE_INTERVAL_MS,
    VOICE_BLOCK_MS,
    VOICE_BLOCK_SAMPLES,
    Clock,
    MonotonicClock,
    Pace,
    SourcePicture,
    SourceReport,
    SourceVoice,
    in_thread,
)
from sender.sources.file_decode import to_rgb
from shared.errors import UserError

_SAMPLES_PER_MS: Final = 48
_DRIFT_MAX_MS: Final = 60
"""Sound further from the machine's clock than this is moved back by silence or by cutting."""


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """How PyAV opens the camera and the microphone of one system; microphone "" means none is known."""

    format: str
    camera: str
    options: dict[str, str]
    microphone_format: str
    microphone: str


def camera_device(index: int, microphone: str | None = None, platform: str = sys.platform) -> CameraDevice:
    """The device names of camera number `index` (from 0); `microphone` replaces the system's default one."""
    size = {"video_size": "640x480", "framerate": "30"}
    if platform == "darwin":
        return CameraDevice("avfoundation", f"{index}:none", size, "avfoundation", f":{microphone or 0}")
    if platform == "win32":
        audio = f"audio={microphone}" if microphone else ""
        return CameraDevice("dshow", f"video={_windows_camera(index)}", size, "dshow", audio)
    return CameraDevice("v4l2", f"/dev/video{index}", size, "alsa", microphone or "default")


def _windows_camera(index: int) -> str:
    """DirectShow knows cameras by name only."""
    try:
        names = [
            device.name for device in av.enumerate_input_devices("dshow") if "video" in device.media_types
        ]
    except (av.FFmpegError, ValueError):
        names = []
    return names[index] if index < len(names) else f"camera {index}"


class CameraSource:
    """A camera's pictures and a microphone's voice. Raises UserError when there is no such camera."""

    def __init__(self, index: int = 0, microphone: str | None = None, clock: Clock | None = None) -> None:
        self.report = SourceReport()
        device = camera_device(index, microphone)
        self._camera = _open_camera(index, device)
        self._microphone = self._open_microphone(device)
        self._clock = clock or MonotonicClock()
        self._pace = Pace(self._clock)
        self._closed = threading.Event()

    @property
    def has_voice(self) -> bool:
        """Whether a microphone could be opened."""
        return self._microphone is not None

    async def pictures(self) -> AsyncGenerator[SourcePicture, None]:
        """The camera's pictures on the 25 fps grid, at most one for each place; ends when the camera does."""
        async with aclosing(in_thread(self._captured())) as items:
            async for item in items:
                yield item

    async def voice(self) -> AsyncGenerator[SourceVoice, None]:
        """The microphone's sound; ends when the microphone does."""
        if self._microphone is None:
            return
        async with aclosing(in_thread(self._heard(self._microphone))) as items:
            async for item in items:
                yield item

    async def close(self) -> None:
        """Ends both iterators; the devices are freed by the threads that use them."""
        self._closed.set()

    def _open_microphone(self, device: CameraDevice) -> InputContainer | None:
        try:
            if device.microphone:
                return av.open(device.microphone, format=device.microphone_format)
        except (av.FFmpegError, ValueError):
            pass
        self.report.warn(
            "No microphone could be opened: the call goes without voice (name one with --microphone)."
        )
        return None

    def _captured(self) -> Iterator[SourcePicture]:
        last_ms = -1
        with self._camera as camera:
            try:
                for frame in camera.decode(video=0):
                    capture_us = self._clock.now_us()
                    elapsed_ms = (capture_us - self._pace.due_us(0)) / 1000
                    media_ms = round(elapsed_ms / PICTURE_INTERVAL_MS) * PICTURE_INTERVAL_MS
                    if self._closed.is_set():
                        return
                    if media_ms > last_ms:
                        last_ms = media_ms
                        yield SourcePicture(media_ms, capture_us, to_rgb(frame))
            except (av.FFmpegError, ValueError) as error:
                self.report.warn(f"The camera stopped ({error}): plug it in again and restart.")

    def _heard(self, microphone: InputContainer) -> Iterator[SourceVoice]:
        resampler = av.AudioResampler("s16", "mono", _SAMPLES_PER_MS * 1000)
        blocks = VoiceBlocks()
        with microphone:
            try:
                for frame in microphone.decode(audio=0):
                    now_ms = (self._clock.now_us() - self._pace.due_us(0)) / 1000
                    for piece in resampler.resample(frame):
                        yield from blocks.add(piece.to_ndarray().reshape(-1).astype(np.int16), now_ms)
                    if self._closed.is_set():
                        return
            except (av.FFmpegError, ValueError) as error:
                self.report.warn(f"The microphone stopped ({error}): the call goes on without voice.")


class VoiceBlocks:
    """Cuts a live sound into blocks and keeps their count on the machine's clock."""

    def __init__(self) -> None:
        self._pending: NDArray[np.int16] = np.zeros(0, np.int16)
        self._media_ms = 0

    def add(self, samples: NDArray[np.int16], now_ms: float) -> Iterator[SourceVoice]:
        """Blocks that are complete. now_ms: media time at which the last of these samples was heard."""
        end_ms = self._media_ms + (len(self._pending) + len(samples)) / _SAMPLES_PER_MS
        missing = round((now_ms - end_ms) * _SAMPLES_PER_MS)
        if missing > _DRIFT_MAX_MS * _SAMPLES_PER_MS:
            samples = np.concatenate([np.zeros(missing, np.int16), samples])
        elif missing < -_DRIFT_MAX_MS * _SAMPLES_PER_MS:
            samples = samples[-missing:]
        self._pending = np.concatenate([self._pending, samples])
        while len(self._pending) >= VOICE_BLOCK_SAMPLES:
            block, self._pending = self._pending[:VOICE_BLOCK_SAMPLES], self._pending[VOICE_BLOCK_SAMPLES:]
            yield SourceVoice(self._media_ms, block)
            self._media_ms += VOICE_BLOCK_MS


def _open_camera(index: int, device: CameraDevice) -> InputContainer:
    for options in (device.options, {}):  # a camera without 640x480 at 30 fps gives what it has
        try:
            return av.open(device.camera, format=device.format, options=options)
        except (av.FFmpegError, ValueError) as error:
            reason = error
    raise UserError(
        f"Camera {index} ({device.camera}) cannot be opened: {reason}. Plug in a camera, close other programs that "
        "use it, allow this one to use it, or choose another with camera:N; without one use a video file or pattern."
    )
