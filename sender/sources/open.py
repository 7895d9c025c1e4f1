"""Turns the text after --source into a source.

Must import `sender.sources` and `shared.errors` only, WebRTC no sooner than a spec asks for it. Invariant: every text gives
a source or a UserError that teaches.
"""

import re
from pathlib import Path

from sender.sources.base import Source
from sender.sources.camera import CameraSource
from sender.sources.file import FileSource
from sender.sources.pattern import PatternSource
from shared.errors import UserError


def open_source(spec: str, loop: bool = False, microphone: str | None = None) -> Source:
    """`pattern`, `camera`, `camera:N`, `whip:HOST:PORT` (a WebRTC publisher), or a video file: its path, with `file:` before
    it if it has such a name.
    """
    if spec == "pattern":
        return PatternSource()
    if spec == "camera" or spec.startswith("camera:"):
        return CameraSource(_camera_index(spec), microphone)
    if spec.startswith("whip:"):
        from sender.sources.whip import open_whip

        return open_whip(spec.removeprefix("whip:"))
    path = spec.removeprefix("file:")
    if not path:
        raise UserError(
            "--source names nothing: give a video file, camera, camera:N, whip:HOST:PORT or pattern."
        )
    return FileSource(Path(path), loop=loop)


def _camera_index(spec: str) -> int:
    match = re.fullmatch(r"camera(?::(\d{1,3}))?", spec)
    if match is None:
        raise UserError(
            f"--source {spec} is no camera: give camera for the first one or camera:1 for the second."
        )
    return int(match[1] or 0)
