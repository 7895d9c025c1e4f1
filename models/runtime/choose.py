"""Which backend a receiver uses: the one that was asked for, or the fastest that runs here.

    auto: cuda (torch, NVIDIA GPU) -> onnx (onnxruntime-gpu) -> openvino -> onnx on the CPU

Must not import an engine before it is needed. Invariant: weights are verified before any engine reads them.
"""

import importlib.util
import logging
import os
import sys
from pathlib import Path
from typing import Final, Literal, get_args

from models.runtime.base import Backend, BackendUnavailable, ModelInfo
from models.runtime.cards import nvidia_cards
from models.runtime.graph_backend import float_names, unavailable, weight_names
from models.runtime.onnx_backend import has_cuda, open_onnx, open_onnx_cuda
from models.weights import bundle_digest, open_verified, read_manifest
from shared.errors import UserError

_LOG = logging.getLogger("facewire.receiver")
BackendName = Literal["auto", "openvino", "onnx", "torch", "cuda", "mesh-warp"]
SizeName = Literal["lite", "nano", "full"]
BACKENDS: Final = get_args(BackendName)
SIZES: Final = get_args(SizeName)
MAX_DEFAULT_THREADS: Final = 2
"""More threads gain little on graphs of this size."""


def default_threads() -> int:
    """Threads for a network when nobody said how many: one core is left to the rest of the call."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(MAX_DEFAULT_THREADS, cores - 1))


def candidates() -> list[str]:
    """What `auto` tries here, the fastest first; the last one works wherever facewire is installed."""
    card = bool(nvidia_cards())
    found = ["cuda"] if card and _installed("torch", "onnx") else []
    found += ["onnx"] if card and has_cuda() else []
    found += ["openvino"] if _installed("openvino") else []
    return [*found, "onnx"] if "onnx" not in found else found


def resolve(name: str) -> str:
    """What `auto` tries first here; another name is returned as it is. Raises UserError for unknown names."""
    if name not in BACKENDS:
        raise UserError(f"There is no backend {name!r}. Choose one of {', '.join(BACKENDS)}.")
    return candidates()[0] if name == "auto" else name


def choose_backend(name: str = "auto", size: str = "lite", threads: int | None = None) -> Backend:
    """Open a backend. threads: 1..64, None: at most two.

    Raises BackendUnavailable when it cannot run here, UserError for unknown names and for weights that are missing or
    are not those of the manifest.
    """
    threads = default_threads() if threads is None else threads
    if not 1 <= threads <= 64:
        raise UserError(f"A network cannot run on {threads} threads: choose 1 to 64.")
    first = resolve(name)
    if first == "mesh-warp":
        from models.runtime.mesh_warp import MeshWarpBackend

        return MeshWarpBackend()
    if size not in SIZES:
        raise UserError(f"There is no size {size!r}. Choose one of {', '.join(SIZES)}.")
    *faster, last = candidates() if name == "auto" else [first]
    for engine in faster:
        try:
            return _open(engine, size, threads)
        except BackendUnavailable as error:  # installed, and yet not to be used: the next one may be
            _LOG.warning("%s", error)
    return _open(last, size, threads)


def _open(engine: str, size: str, threads: int) -> Backend:
    gpu = engine == "cuda" or (engine == "onnx" and bool(nvidia_cards()) and has_cuda())
    encode, render, model = _weights(size, whole=gpu or engine == "torch")
    if engine in ("torch", "cuda"):
        return _open_torch(engine, size, encode, render, model, threads)
    if engine == "openvino":
        from models.runtime.openvino_backend import open_openvino

        return open_openvino(encode, render, model, threads)
    return open_onnx_cuda(encode, render, model) if gpu else open_onnx(encode, render, model, threads)


def _weights(size: str, whole: bool) -> tuple[Path, Path, ModelInfo]:
    """Verified paths of the two graphs. whole: in float32; else in int8 where there is such a copy."""
    listed = read_manifest()
    names = float_names(size) if whole else weight_names(size, listed)
    if not set(names) <= set(listed):
        raise BackendUnavailable(
            f"There are no weights of size {size} in this installation. Choose another --size, or --backend mesh-warp, "
            "which needs none."
        )
    encode, render = (open_verified(name) for name in names)
    suffix = "-int8" if "int8" in names[1] else ""
    return encode, render, ModelInfo(f"facewire-{size}{suffix}", bundle_digest(list(names)))


def _open_torch(
    engine: str, size: str, encode: Path, render: Path, model: ModelInfo, threads: int
) -> Backend:
    try:
        from models.runtime.torch_backend import open_torch
    except ImportError as error:
        raise unavailable(engine, "cuda", error) from error
    return open_torch(engine, size, encode, render, model, threads)


def _installed(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) is not None for module in modules)
