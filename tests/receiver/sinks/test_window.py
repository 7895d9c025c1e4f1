"""receiver.sinks.window, on SDL's invisible screen."""

import builtins
import time
from typing import Any

import numpy as np
import pytest

from receiver.sinks.base import PictureState, SinkFailed
from receiver.sinks.window import open_window
from shared.errors import UserError
from tests.receiver.sinks.media import beep, flat


def test_without_pygame_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == "pygame":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"facewire\[window\]"):
        open_window()


def test_without_a_screen_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pygame", reason="the extra 'window' is not installed")
    monkeypatch.setenv("SDL_VIDEODRIVER", "no-such-driver")
    with pytest.raises(UserError, match="--sink mp4:PATH"):
        open_window()


def test_the_newest_picture_is_shown_until_the_window_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    pygame = pytest.importorskip("pygame", reason="the extra 'window' is not installed")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    window = open_window()
    for level in (10, 200):
        window.write_picture(flat(level), 0, PictureState.FRESH)
        window.write_voice(beep(400), 0)
    deadline = time.monotonic() + 5
    while tuple(pygame.display.get_surface().get_at((99, 99)))[:3] != (200, 200, 200):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    with pytest.raises(SinkFailed, match="closed"):
        while time.monotonic() < deadline:
            window.write_picture(np.zeros((256, 256, 3), np.uint8), 0, PictureState.FRESH)
            time.sleep(0.01)
    window.close()
    window.close()
