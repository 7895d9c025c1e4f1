"""A live window with sound, through pygame (optional extra `window`).

Must not be imported unless a window is asked for. Invariant: pygame is touched by one thread only, which opens the
window, pumps its events and closes it; the newest picture wins, and a call never waits for the screen.

macOS draws windows from the main thread only; there the extra's own thread is refused by the system, and
`open_window` says so.
"""

import os
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from receiver.sinks.base import SAMPLE_RATE_HZ, PictureState, SinkFailed
from shared.errors import UserError
from shared.limits import PICTURE_SIZE_PX

if TYPE_CHECKING:
    import pygame

_SCALE: Final = 2
_POLL_S: Final = 0.01
_SOUND_BLOCK_SAMPLES: Final = SAMPLE_RATE_HZ * 60 // 1000
"""Sound is handed over in blocks of 60 ms; pygame plays one and holds one."""
_SOUND_MAX_SAMPLES: Final = SAMPLE_RATE_HZ * 300 // 1000
"""More sound than this waiting means that the sound card runs slower than the call: the oldest goes."""
_INVISIBLE: Final = ("offscreen", "dummy")
"""What SDL falls back to without a screen; fine only for somebody who asked for it."""
_OPEN_TIMEOUT_S: Final = 10.0


class WindowSink:
    """Shows pictures at twice their size and plays the voice."""

    name = "window"
    shows = True
    live = True

    def __init__(self) -> None:
        self._picture: NDArray[np.uint8] | None = None
        self._voice: deque[NDArray[np.int16]] = deque()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._opened = threading.Event()
        self._error: str | None = None
        self._thread = threading.Thread(target=self._run, name="sink-window", daemon=True)
        self._thread.start()
        self._opened.wait(_OPEN_TIMEOUT_S)
        if self._error is not None:
            raise UserError(self._error)

    def write_picture(self, picture: NDArray[np.uint8], media_ms: int, state: PictureState) -> None:
        """Show this picture next, RGB uint8 (256, 256, 3). Raises SinkFailed once the window is closed."""
        self._raise_if_gone()
        with self._lock:
            self._picture = picture

    def write_voice(self, pcm: NDArray[np.int16], media_ms: int) -> None:
        """Play this voice next. Raises SinkFailed once the window is closed."""
        self._raise_if_gone()
        with self._lock:
            self._voice.append(pcm)
            while sum(map(len, self._voice)) > _SOUND_MAX_SAMPLES:
                self._voice.popleft()

    def close(self) -> None:
        """Close the window."""
        self._stop.set()
        self._thread.join()

    def _raise_if_gone(self) -> None:
        if self._stop.is_set():
            raise SinkFailed("window: it was closed. The call's other sinks go on.")

    def _run(self) -> None:
        import pygame

        try:
            pygame.display.init()
            if pygame.display.get_driver() in _INVISIBLE and "SDL_VIDEODRIVER" not in os.environ:
                raise pygame.error("no screen was found")
            side = PICTURE_SIZE_PX * _SCALE
            screen = pygame.display.set_mode((side, side))
            pygame.display.set_caption("facewire: reconstructed call")
        except pygame.error as error:
            self._error = (
                f"Cannot open a window: {error}. There is no display here (a server, a container or ssh without X). "
                "Run it on a desktop, or record with --sink mp4:PATH."
            )
            self._stop.set()
            self._opened.set()
            return
        sound = _open_sound()
        self._opened.set()
        try:
            while not self._stop.wait(_POLL_S):
                self._turn(screen, sound)
        finally:
            pygame.quit()

    def _turn(self, screen: "pygame.Surface", sound: "pygame.mixer.Channel | None") -> None:
        import pygame

        if any(event.type == pygame.QUIT for event in pygame.event.get()):
            self._stop.set()
        with self._lock:
            picture, self._picture = self._picture, None
            block = self._next_block() if sound is not None and sound.get_queue() is None else None
        if picture is not None:
            surface = pygame.surfarray.make_surface(picture.swapaxes(0, 1))
            pygame.transform.smoothscale(surface, screen.get_size(), screen)
            pygame.display.flip()
        if block is not None and sound is not None:
            sound.queue(pygame.sndarray.make_sound(block))

    def _next_block(self) -> NDArray[np.int16] | None:
        if sum(map(len, self._voice)) < _SOUND_BLOCK_SAMPLES:
            return None
        waiting = np.concatenate(list(self._voice))
        self._voice.clear()
        if len(waiting) > _SOUND_BLOCK_SAMPLES:
            self._voice.append(waiting[_SOUND_BLOCK_SAMPLES:])
        return waiting[:_SOUND_BLOCK_SAMPLES]


def _open_sound() -> "pygame.mixer.Channel | None":
    """The sound card, or None where there is none: a call without sound is still a call."""
    import pygame

    try:
        pygame.mixer.init(frequency=SAMPLE_RATE_HZ, size=-16, channels=1, buffer=1024, allowedchanges=0)
        return pygame.mixer.Channel(0)
    except pygame.error:
        print("facewire: no sound card found, the window stays silent.", file=sys.stderr)
        return None


def open_window() -> WindowSink:
    """A live window. Raises UserError when pygame or a display is missing."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        import pygame  # noqa: F401  (asked for here so that the message comes before a thread starts)
    except ImportError as error:
        raise UserError(
            "The window needs pygame, which is not installed. Install the extra: pip install 'facewire[window]', "
            "or record with --sink mp4:PATH."
        ) from error
    return WindowSink()
