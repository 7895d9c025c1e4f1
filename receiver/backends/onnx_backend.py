"""The graphs on ONNX Runtime's CPU provider.

Must not import torch. Invariant: uses exactly the threads it was given.
"""

from collections.abc import Mapping
from pathlib import Path

from receiver.backends.base import Array, ModelInfo
from receiver.backends.graph_backend import GraphBackend, unavailable


class OnnxGraph:
    """One graph in ONNX Runtime."""

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin between pictures would take the core that the sender or the encoder needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = tuple(entry.name for entry in self._session.get_inputs())
        self.outputs = tuple(entry.name for entry in self._session.get_outputs())

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name."""
        return dict(zip(self.outputs, self._session.run(list(self.outputs), dict(feeds)), strict=True))


def open_onnx(encode: Path, render: Path, model: ModelInfo, threads: int) -> GraphBackend:
    """The backend over two graph files. Raises BackendUnavailable without ONNX Runtime."""
    try:
        import onnxruntime
    except ImportError as error:
        raise unavailable("onnx", "receiver", error) from error
    device = f"CPU, {threads} thread{'s' * (threads > 1)}, ONNX Runtime {onnxruntime.__version__}"
    return GraphBackend("onnx", device, model, OnnxGraph(encode, threads), OnnxGraph(render, threads))
