"""`python -m receiver doctor`: what this machine has, what a call would use, how fast it is, and how to mend the rest.

Must not import torch (only asks whether it is there). Invariant: nothing it finds missing makes it fail; each finding
that is not fine names its remedy.
"""

import importlib.metadata
import importlib.util
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from receiver.backends.base import Backend, Reference
from receiver.backends.choose import choose_backend, default_threads, resolve
from shared.coding.mesh_basis import default_basis
from shared.coding.motion_code import dequantise_motion
from shared.coding.motion_layout import CODES, KEYPOINTS, MASK_SIDE, SYMBOLS
from shared.errors import UserError
from shared.limits import PICTURE_SIZE_PX
from shared.opus import OpusDecoder

_FRAME_MS: Final = 40.0
_WARM_UP: Final = 3
_MEASURED: Final = 15
_PYAV_CODECS: Final = {
    "libdav1d": "keyframes cannot be decoded",
    "libx264": "mp4 cannot be recorded",
    "aac": "mp4 has no sound",
    "ffv1": "lossless cannot be recorded",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. remedy: what to do when it is not fine, empty when it is."""

    name: str
    detail: str
    remedy: str = ""


def run_doctor(
    backend: str = "auto", size: str = "lite", threads: int | None = None, say: Callable[[str], None] = print
) -> int:
    """Print all findings; returns 0 when a call can be received here, 1 otherwise."""
    for finding in examine():
        say(_line(finding))
    found, opened = _open(backend, size, threads)
    say(_line(found))
    if opened is None:
        return 1
    speed = measure(opened)
    say(_line(speed))
    return 0


def examine() -> Iterator[Finding]:
    """What is here, one finding at a time, quick ones first."""
    yield _cpu()
    yield _package("onnxruntime", "ONNX Runtime", "pip install 'facewire[receiver]'")
    yield _package("openvino", "OpenVINO", "pip install 'facewire[openvino]' (about 1.5 times faster on x86)")
    yield _torch()
    yield from _codecs()
    yield _opus()
    yield _package(
        "pygame", "window (pygame)", "pip install 'facewire[window]' to use --sink window", "pygame-ce"
    )
    yield _camera()
    yield _weights()


def measure(backend: Backend) -> Finding:
    """Time of one picture on a neutral face."""
    reference = Reference(
        np.full((PICTURE_SIZE_PX, PICTURE_SIZE_PX, 3), 128, np.uint8),
        default_basis().mean,
        np.zeros((KEYPOINTS, 2), np.float32),
        np.zeros(CODES, np.float32),
        np.ones((MASK_SIDE, MASK_SIDE), np.uint8),
    )
    start_s = time.perf_counter()
    state = backend.encode_reference(reference)
    keyframe_ms = (time.perf_counter() - start_s) * 1000
    motion = dequantise_motion(np.ones(SYMBOLS, np.int16))
    times_ms = []
    for _ in range(_WARM_UP + _MEASURED):
        start_s = time.perf_counter()
        backend.render(state, motion)
        times_ms.append((time.perf_counter() - start_s) * 1000)
    median_ms = statistics.median(times_ms[_WARM_UP:])
    detail = f"{median_ms:.1f} ms a picture (25 fps allow {_FRAME_MS:.0f}), {keyframe_ms:.0f} ms a keyframe"
    remedy = "" if median_ms < _FRAME_MS else "close other programs, or give more --threads"
    return Finding("speed", detail, remedy)


def _line(finding: Finding) -> str:
    mark = "!!" if finding.remedy else "ok"
    remedy = f"\n   {'':16} -> {finding.remedy}" if finding.remedy else ""
    return f"{mark} {finding.name:16} {finding.detail}{remedy}"


def _cpu() -> Finding:
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return Finding("cpu", f"{os.cpu_count()} cores, {default_threads()} for the network; {system}")


def _package(module: str, name: str, remedy: str, distribution: str | None = None) -> Finding:
    if importlib.util.find_spec(module) is None:
        return Finding(name, "not installed", remedy)
    return Finding(name, _version(distribution or module))


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "installed"


def _torch() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("torch, CUDA", "not installed (not needed on a CPU)")
    card = Path("/proc/driver/nvidia/version").exists()
    return Finding("torch, CUDA", f"torch {_version('torch')}, {'a' if card else 'no'} NVIDIA driver")


def _codecs() -> Iterator[Finding]:
    try:
        import av
    except ImportError as error:
        yield Finding("PyAV", f"cannot be used ({error})", "pip install 'facewire[receiver]'")
        return
    missing = [
        f"{name}: {effect}" for name, effect in _PYAV_CODECS.items() if name not in av.codecs_available
    ]
    remedy = "install av from its wheel: pip install --force-reinstall --only-binary av av" if missing else ""
    yield Finding("PyAV", "; ".join(missing) or f"{av.__version__} with {', '.join(_PYAV_CODECS)}", remedy)


def _opus() -> Finding:
    try:
        OpusDecoder().close()
    except UserError as error:
        return Finding("libopus", "not found", str(error))
    return Finding("libopus", "found")


def _camera() -> Finding:
    cameras = sorted(path.name for path in Path("/dev").glob("video*")) if os.name == "posix" else []
    return Finding("camera", ", ".join(cameras) or "none seen (a receiver needs none)")


def _weights() -> Finding:
    from models.weights import open_verified, read_manifest

    try:
        names = sorted(read_manifest())
        for name in names:
            open_verified(name)
    except UserError as error:
        return Finding("weights", "not all are in order", str(error))
    return Finding("weights", f"{len(names)} files verified")


def _open(name: str, size: str, threads: int | None) -> tuple[Finding, Backend | None]:
    try:
        backend = choose_backend(name, size, threads)
    except UserError as error:
        return Finding("backend", f"{name} cannot be used", str(error)), None
    digest = f", model {backend.model.sha256[:12]}" if backend.model.sha256 else ""
    return Finding("backend", f"{resolve(name)}: {backend.model.name} on {backend.device}{digest}"), backend
