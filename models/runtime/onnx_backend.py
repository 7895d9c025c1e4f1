"""The graphs on ONNX Runtime: on the CPU, or on an NVIDIA GPU where onnxruntime-gpu is installed.

Must not import torch. Invariant: uses exactly the threads it was given; what it says it runs on is what the engine chose.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from models.runtime.base import Array, BackendUnavailable, ModelInfo
from models.runtime.graph_backend import GraphBackend, unavailable

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"


class OnnxGraph:
    """One graph in ONNX Runtime."""

    def __init__(self, path: Path, threads: int, providers: tuple[str, ...] = (CPU,)) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin between pictures would take the core that the sender or the encoder needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=list(providers))
        self.provider: str = self._session.get_providers()[0]
        self.inputs = tuple(entry.name for entry in self._session.get_inputs())
        self.outputs = tuple(entry.name for entry in self._session.get_outputs())

    def run(self, feeds: Mapping[str, Array]) -> dict[str, NDArray[Any]]:
        """Outputs by name."""
        return dict(zip(self.outputs, self._session.run(list(self.outputs), dict(feeds)), strict=True))


def has_cuda() -> bool:
    """Whether the installed ONNX Runtime was built for NVIDIA GPUs; False without any."""
    try:
        import onnxruntime
    except ImportError:
        return False
    return CUDA in onnxruntime.get_available_providers()


def open_onnx(encode: Path, render: Path, model: ModelInfo, threads: int) -> GraphBackend:
    """The backend over two graph files, on the CPU. Raises BackendUnavailable without ONNX Runtime."""
    try:
        import onnxruntime
    except ImportError as error:
        raise unavailable("onnx", "receiver", error) from error
    device = f"CPU, {threads} thread{'s' * (threads > 1)}, ONNX Runtime {onnxruntime.__version__}"
    return GraphBackend("onnx", device, model, OnnxGraph(encode, threads), OnnxGraph(render, threads))


def open_onnx_cuda(encode: Path, render: Path, model: ModelInfo) -> GraphBackend:
    """The same on the first GPU, one picture at a time. render: in float32, which a GPU runs faster than int8 with its
    conversions. Raises BackendUnavailable when the engine falls back to the CPU.
    """
    import onnxruntime

    graphs = [OnnxGraph(path, 1, (CUDA, CPU)) for path in (encode, render)]
    if any(graph.provider != CUDA for graph in graphs):
        raise BackendUnavailable(
            "ONNX Runtime cannot use the GPU: the CUDA and cuDNN libraries that it was built for are not all there. Install "
            "them with pip install 'onnxruntime-gpu[cuda,cudnn]', or choose --backend cuda or openvino."
        )
    return GraphBackend("onnx", f"NVIDIA GPU, ONNX Runtime {onnxruntime.__version__}", model, *graphs)
