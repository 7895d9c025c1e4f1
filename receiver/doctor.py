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

from models.runtime.base import Backend, RenderRequest
from models.runtime.cards import nvidia_cards
from models.runtime.choose import candidates, default_threads
from models.runtime.onnx_backend import has_cuda
from models.runtime.warm_up import mean_face
from receiver.fitting import AUTO, open_fitting
from shared.coding.motion_code import dequantise_motion
from shared.coding.motion_layout import SYMBOLS
from shared.errors import UserError
from shared.opus import OpusDecoder

_FRAME_MS: Final = 40.0
_WARM_UP: Final = 3
_MEASURED: Final = 15
_BATCH: Final = 8
_BATCHES: Final = 3
_PYAV_CODECS: Final = {
    "libdav1d": "keyframes cannot be decoded",
    "libx264": "mp4 cannot be recorded",
    "aac": "mp4 has no sound",
    "ffv1": "lossless cannot be recorded",
}


_MOTION: Final = dequantise_motion(np.ones(SYMBOLS, np.int16))


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. remedy: what to do when it is not fine, empty when it is."""

    name: str
    detail: str
    remedy: str = ""


def run_doctor(
    backend: str = "auto", size: str = AUTO, threads: int | None = None, say: Callable[[str], None] = print
) -> int:
    """Print all findings; returns 0 when a call can be received here, 1 otherwise."""
    for finding in examine():
        say(_line(finding))
    found, opened = _open(backend, size, threads)
    say(_line(found))
    if opened is None:
        return 1
    say(_line(measure(opened)))
    if opened.batch_max > 1:
        say(_line(measure_batch(opened)))
    return 0


def examine() -> Iterator[Finding]:
    """What is here, one finding at a time, quick ones first."""
    yield _cpu()
    yield _gpu()
    yield _package("onnxruntime", "ONNX Runtime", "pip install 'facewire[receiver]'")
    yield _package("openvino", "OpenVINO", "pip install 'facewire[openvino]' (about 1.5 times faster on x86)")
    yield _torch()
    yield Finding("--backend auto", f"tries {', then '.join(candidates())}")
    yield from _codecs()
    yield _opus()
    yield _package(
        "pygame", "window (pygame)", "pip install 'facewire[window]' to use --sink window", "pygame-ce"
    )
    yield _camera()
    yield _weights()


def measure(backend: Backend) -> Finding:
    """Time of one picture on a neutral face."""
    start_s = time.perf_counter()
    state = backend.encode_reference(mean_face())
    keyframe_ms = (time.perf_counter() - start_s) * 1000
    request = RenderRequest(state, _MOTION)
    median_ms = _median_ms(backend, [request], _WARM_UP, _MEASURED)
    detail = f"{median_ms:.1f} ms a picture (25 fps allow {_FRAME_MS:.0f}), {keyframe_ms:.0f} ms a keyframe"
    remedy = "" if median_ms < _FRAME_MS else "close other programs, or give more --threads"
    return Finding("speed", detail, remedy)


def measure_batch(backend: Backend) -> Finding:
    """Time of a picture of one call among several; how many calls that makes, `python -m receiver.bench` measures."""
    count = min(_BATCH, backend.batch_max)
    request = RenderRequest(backend.encode_reference(mean_face()), _MOTION)
    median_ms = _median_ms(backend, [request] * count, 1, _BATCHES)
    return Finding("many calls", f"{median_ms / count:.1f} ms a picture when {count} are made at once")


def _median_ms(backend: Backend, requests: list[RenderRequest], before: int, measured: int) -> float:
    times_ms = []
    for _ in range(before + measured):
        start_s = time.perf_counter()
        backend.render_batch(requests)
        times_ms.append((time.perf_counter() - start_s) * 1000)
    return statistics.median(times_ms[before:])


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


def _gpu() -> Finding:
    cards = nvidia_cards()
    if not cards:
        return Finding(
            "NVIDIA GPU",
            "none that may be used (in a container: start it with --gpus all); not needed for a call",
        )
    name = f"{cards[0]}{f' and {len(cards) - 1} more, of which none is used' if cards[1:] else ''}"
    if has_cuda() or _torch_has_cuda():
        return Finding("NVIDIA GPU", name)
    return Finding("NVIDIA GPU", f"{name}, which nothing here can use", "pip install 'facewire[cuda]'")


def _torch() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding(
            "torch",
            "not installed: --backend torch and cuda need pip install 'facewire[cuda]'; a call on a CPU does not",
        )
    if importlib.util.find_spec("onnx") is None:
        return Finding(
            "torch",
            f"{_version('torch')}, but nothing that reads its weights",
            "pip install 'facewire[cuda]'",
        )
    if nvidia_cards() and not _torch_has_cuda():
        return Finding(
            "torch", f"{_version('torch')}, built for CPUs only", "pip install --force-reinstall torch"
        )
    return Finding("torch", _version("torch"))


def _torch_has_cuda() -> bool:
    """Judged by its version: builds for CPUs alone say so, and importing it takes seconds."""
    return importlib.util.find_spec("torch") is not None and "+cpu" not in _version("torch")


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
        backend = open_fitting(name, size, threads)
    except UserError as error:
        return Finding("backend", f"{name} cannot be used", str(error)), None
    digest = f", model {backend.model.sha256[:12]}" if backend.model.sha256 else ""
    return Finding("backend", f"{backend.name}: {backend.model.name} on {backend.device}{digest}"), backend
