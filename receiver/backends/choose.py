"""Which backend a receiver uses: the one that was asked for, or the fastest that is installed.

Must not import an engine before it is needed. Invariant: weights are verified before any engine reads them.
"""

import importlib.util
import os
import sys
from typing import Final, Literal, get_args

from models.weights import bundle_digest, open_verified, read_manifest
from receiver.backends.base import Backend, BackendUnavailable, ModelInfo
from receiver.backends.graph_backend import weight_names
from shared.errors import UserError

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


def resolve(name: str) -> str:
    """What `auto` means here: OpenVINO when it is installed, else ONNX Runtime. Raises UserError for unknown names."""
    if name not in BACKENDS:
        raise UserError(f"There is no backend {name!r}. Choose one of {', '.join(BACKENDS)}.")
    if name != "auto":
        return name
    return "openvino" if importlib.util.find_spec("openvino") else "onnx"


def choose_backend(name: str = "auto", size: str = "lite", threads: int | None = None) -> Backend:
    """Open a backend. threads: 1..64, None: at most two.

    Raises BackendUnavailable when it cannot run here, UserError for unknown names and for weights that are missing or
    are not those of the manifest.
    """
    threads = default_threads() if threads is None else threads
    if not 1 <= threads <= 64:
        raise UserError(f"A network cannot run on {threads} threads: choose 1 to 64.")
    resolved = resolve(name)
    if resolved == "mesh-warp":
        from receiver.backends.mesh_warp import MeshWarpBackend

        return MeshWarpBackend()
    if resolved in ("torch", "cuda"):
        raise BackendUnavailable(
            f"The backend {resolved} is not part of this version: choose --backend openvino or onnx."
        )
    return _open_graphs(resolved, size, threads)


def _open_graphs(engine: str, size: str, threads: int) -> Backend:
    if size not in SIZES:
        raise UserError(f"There is no size {size!r}. Choose one of {', '.join(SIZES)}.")
    listed = read_manifest()
    names = weight_names(size, listed)
    if not set(names) <= set(listed):
        raise BackendUnavailable(
            f"There are no weights of size {size} in this installation. Choose another --size, or --backend mesh-warp, "
            "which needs none."
        )
    encode, render = (open_verified(name) for name in names)
    model = ModelInfo(f"facewire-{size}{'-int8' if 'int8' in names[1] else ''}", bundle_digest(list(names)))
    if engine == "openvino":
        from receiver.backends.openvino_backend import open_openvino

        return open_openvino(encode, render, model, threads)
    from receiver.backends.onnx_backend import open_onnx

    return open_onnx(encode, render, model, threads)
