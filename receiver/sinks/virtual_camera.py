"""The rebuilt face as a camera that other programs can choose, where the system has virtual cameras.

Through pyvirtualcam (GPL-2.0; the user's own choice to install, never required): v4l2loopback on Linux, OBS's camera on
macOS and Windows. Pictures only; a virtual camera has no sound. Must be imported only when a spec asks for it. Invariant:
what is missing is said before the call begins; a camera that stops ends this sink only.
"""

import importlib
import threading
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from receiver.sinks.base import FRAME_MS
from receiver.sinks.live_sink import LiveSink, LiveWork
from receiver.sinks.live_stage import LiveStage
from shared.errors import UserError
from shared.limits import PICTURE_SIZE_PX

_FPS: Final = 1000 // FRAME_MS


class Camera(Protocol):
    """What this needs of pyvirtualcam.Camera."""

    def send(self, frame: NDArray[np.uint8]) -> None:
        """Show one picture, RGB uint8 (256, 256, 3)."""
        ...

    def close(self) -> None:
        """Free the device."""
        ...


def feed(camera: Camera) -> LiveWork:
    """Work that gives the camera 25 pictures a second and closes it at the end."""

    def work(stage: LiveStage, stopped: threading.Event) -> None:
        try:
            for at_ms in stage.ticks(stopped, FRAME_MS):
                camera.send(stage.picture_at(at_ms))
        finally:
            camera.close()

    return work


def open_virtual_camera(device: str = "") -> LiveSink:
    """A camera sink on `device` (such as /dev/video10; empty: the first there is). Raises UserError when there is none."""
    return LiveSink("virtual-camera", feed(_open_camera(device)))


def _open_camera(device: str) -> Camera:
    try:
        pyvirtualcam = importlib.import_module("pyvirtualcam")
    except ImportError as error:
        raise UserError(
            "The virtual camera needs pyvirtualcam, which is not installed. Install it: pip install pyvirtualcam"
        ) from error
    try:
        camera: Camera = pyvirtualcam.Camera(PICTURE_SIZE_PX, PICTURE_SIZE_PX, _FPS, device=device or None)
    except (RuntimeError, OSError, ValueError) as error:
        raise UserError(
            f"There is no virtual camera here ({str(error).strip()}). On Linux: sudo modprobe v4l2loopback "
            "exclusive_caps=1 (package v4l2loopback-dkms); on macOS and Windows install OBS and start its virtual "
            "camera once."
        ) from error
    return camera
