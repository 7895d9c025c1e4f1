"""receiver.sinks.virtual_camera; the device itself where the system has one."""

import importlib.util
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from receiver.sinks.base import PictureState
from receiver.sinks.live_sink import LiveSink
from receiver.sinks.virtual_camera import feed, open_virtual_camera
from shared.errors import UserError
from tests.receiver.sinks.media import flat


class Memory:
    """A camera that keeps what it was shown."""

    def __init__(self) -> None:
        self.shown: list[NDArray[np.uint8]] = []
        self.closed = False

    def send(self, frame: NDArray[np.uint8]) -> None:
        self.shown.append(frame)

    def close(self) -> None:
        self.closed = True


def test_the_camera_gets_pictures_until_the_call_ends() -> None:
    camera = Memory()
    sink = LiveSink("virtual-camera", feed(camera))
    sink.write_picture(flat(9), 0, PictureState.FRESH)
    while not any(picture[0, 0, 0] == 9 for picture in camera.shown):
        time.sleep(0.01)
    sink.close()
    assert camera.closed and camera.shown[0].shape == (256, 256, 3)


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(UserError, match="pip install pyvirtualcam"):
        open_virtual_camera()


def test_a_missing_device_is_said() -> None:
    if importlib.util.find_spec("pyvirtualcam") is None:
        pytest.skip("pyvirtualcam is not installed")
    with pytest.raises(UserError, match="v4l2loopback"):
        open_virtual_camera("/dev/no-such-video")


def test_a_real_device_shows_the_call() -> None:
    if importlib.util.find_spec("pyvirtualcam") is None or not list(
        Path("/sys/devices/virtual").glob("video4linux/*")
    ):
        pytest.skip("no v4l2loopback device (and pyvirtualcam) on this machine")
    sink = open_virtual_camera()
    sink.write_picture(flat(9), 0, PictureState.FRESH)
    time.sleep(0.2)
    sink.close()
    assert sink._error is None
