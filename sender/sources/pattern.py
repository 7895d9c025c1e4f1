"""A drawn, moving, speaking head: a source that needs neither file nor camera nor screen.

Must import numpy, OpenCV and `sender.sources.base` only. Invariant: picture and tone are functions of the media time
alone, and the mouth is open exactly while the tone sounds.
"""

import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Final

import cv2
import numpy as np
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

SIZE_PX: Final = 512
_SYLLABLE_MS: Final = 400
_BLINK_MS: Final = 3000
_TONE_HZ: Final = 220
_SAMPLES_PER_S: Final = 48_000
_SKIN: Final = (224, 178, 150)
_SHADE: Final = (188, 138, 112)
_HAIR: Final = (62, 44, 34)
_LIPS: Final = (178, 84, 84)
_SUBPIXEL_BITS: Final = 4


def mouth_opening(media_ms: float) -> float:
    """0 (closed) to 1 (open): one syllable in _SYLLABLE_MS, every fourth left out as a pause."""
    syllable, phase = divmod(media_ms / _SYLLABLE_MS, 1.0)
    return 0.0 if syllable % 4 == 3 else float(np.sin(np.pi * phase) ** 2)


class PatternSource:
    """The drawn head for `duration_ms`, or without end. pace False gives everything at once."""

    def __init__(self, duration_ms: int | None = None, pace: bool = True, clock: Clock | None = None) -> None:
        self.report = SourceReport()
        self._duration_ms = duration_ms
        self._pace = Pace(clock or MonotonicClock(), pace)
        self._closed = threading.Event()

    @property
    def has_voice(self) -> bool:
        """Always."""
        return True

    async def pictures(self) -> AsyncGenerator[SourcePicture, None]:
        """Pictures as they become due."""
        async with aclosing(in_thread(self._drawn())) as items:
            async for media_ms, rgb in items:
                await self._pace.wait(media_ms)
                yield SourcePicture(media_ms, self._pace.due_us(media_ms), rgb)

    async def voice(self) -> AsyncGenerator[SourceVoice, None]:
        """Blocks as their last sample becomes due."""
        for media_ms in self._times(VOICE_BLOCK_MS):
            await self._pace.wait(media_ms + VOICE_BLOCK_MS)
            yield SourceVoice(media_ms, tone(media_ms))

    async def close(self) -> None:
        """Ends both iterators."""
        self._closed.set()

    def _drawn(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for media_ms in self._times(PICTURE_INTERVAL_MS):
            yield media_ms, draw_head(media_ms)

    def _times(self, step_ms: int) -> Iterator[int]:
        media_ms = 0
        while not self._closed.is_set() and (self._duration_ms is None or media_ms < self._duration_ms):
            yield media_ms
            media_ms += step_ms


def tone(media_ms: int) -> NDArray[np.int16]:
    """One block of the voice, int16 (VOICE_BLOCK_SAMPLES,): five harmonics, as loud as the mouth is open."""
    times_s = media_ms / 1000 + np.arange(VOICE_BLOCK_SAMPLES) / _SAMPLES_PER_S
    phase = np.pi * ((times_s * 1000 / _SYLLABLE_MS) % 1.0)
    speaks = (times_s * 1000 // _SYLLABLE_MS) % 4 != 3
    buzz = sum(np.sin(2 * np.pi * _TONE_HZ * k * times_s) / k for k in range(1, 6))
    return np.asarray(6000 * buzz * np.sin(phase) ** 2 * speaks).astype(np.int16)


def draw_head(media_ms: int) -> NDArray[np.uint8]:
    """RGB uint8 (SIZE_PX, SIZE_PX, 3): shoulders, hair, and a face that sways, nods, blinks and speaks."""
    picture = _background()
    seconds = media_ms / 1000
    sway = np.array([22 * np.sin(2 * np.pi * seconds / 4.3), 9 * np.sin(2 * np.pi * seconds / 2.9)])
    centre = np.array([SIZE_PX / 2, SIZE_PX * 0.47]) + sway
    turn_px = 14 * np.sin(2 * np.pi * seconds / 4.3)
    _ellipse(picture, (SIZE_PX / 2, SIZE_PX + 20), (205, 130), (64, 82, 120))
    _ellipse(picture, (centre[0] * 0.7 + SIZE_PX * 0.15, centre[1] + 150), (56, 80), _SHADE)
    _ellipse(picture, centre, (132, 160), _HAIR, (0, -28))
    _ellipse(picture, centre, (108, 146), _SKIN, (0, 12))
    for side in (-1, 1):
        _draw_eye(picture, centre + np.array([side * 46 + turn_px, -18]), _eye_opening(media_ms))
    _draw_nose_and_mouth(picture, centre + np.array([turn_px, 0]), mouth_opening(media_ms))
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.6), np.uint8)


def _background() -> NDArray[np.uint8]:
    ramp = np.linspace(0, 1, SIZE_PX)[:, None, None]
    row = np.array([150, 168, 176]) * (1 - ramp) + np.array([104, 116, 126]) * ramp
    return np.ascontiguousarray(np.broadcast_to(row, (SIZE_PX, SIZE_PX, 3)).astype(np.uint8))


def _eye_opening(media_ms: int) -> float:
    since_ms = media_ms % _BLINK_MS
    return 0.1 if since_ms >= _BLINK_MS - 160 else 1.0


def _draw_eye(picture: NDArray[np.uint8], at: NDArray[np.float64], opening: float) -> None:
    _ellipse(picture, at, (30, 19), _SHADE, (0, 2))
    _ellipse(picture, at, (25, 12 * opening), (244, 242, 238))
    _ellipse(picture, at, (11 * min(1.0, opening * 2), 11 * opening), (70, 92, 60))
    _ellipse(picture, at, (5 * min(1.0, opening * 2), 5 * opening), (16, 16, 16))
    _ellipse(picture, at, (32, 6), _HAIR, (0, -32))


def _draw_nose_and_mouth(picture: NDArray[np.uint8], at: NDArray[np.float64], opening: float) -> None:
    _ellipse(picture, at, (11, 36), (232, 190, 164), (0, 26))
    _ellipse(picture, at, (24, 11), _SHADE, (0, 56))
    for side in (-1, 1):
        _ellipse(picture, at, (6, 4), (120, 76, 62), (side * 11, 60))
    _ellipse(picture, at, (43, 12 + 16 * opening), _LIPS, (0, 98 + 6 * opening))
    _ellipse(picture, at, (32, 2 + 16 * opening), (66, 22, 26), (0, 98 + 6 * opening))
    _ellipse(picture, at, (24, 6 * opening), (238, 234, 228), (0, 94 - 2 * opening))


def _ellipse(
    picture: NDArray[np.uint8],
    at: NDArray[np.float64] | tuple[float, float],
    radii: tuple[float, float],
    colour: tuple[int, int, int],
    shift: tuple[float, float] = (0, 0),
) -> None:
    """Filled, anti-aliased and placed to a sixteenth of a pixel, so that the motion is smooth."""
    scale = 1 << _SUBPIXEL_BITS
    centre = [round(float(value + move) * scale) for value, move in zip(at, shift, strict=True)]
    size = [max(1, round(value * scale)) for value in radii]
    cv2.ellipse(picture, centre, size, 0, 0, 360, colour, -1, cv2.LINE_AA, _SUBPIXEL_BITS)
