"""The graphs on OpenVINO's CPU device, the fastest engine on x86 without a GPU.

Must not import torch. Invariant: computes in float32 (a grid sampled in bfloat16 loses whole pixels), with exactly
the threads it was given.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.runtime.base import Array, ModelInfo
from models.runtime.graph_backend import GraphBackend, unavailable


class OpenvinoGraph:
    """One compiled graph and its one inference request."""

    def __init__(self, path: Path, threads: int) -> None:
        import openvino

        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
        }
        model = openvino.Core().compile_model(str(path), "CPU", settings)
        self.inputs = tuple(_name(port) for port in model.inputs)
        self.outputs = tuple(_name(port) for port in model.outputs)
        self._request = model.create_infer_request()

    def run(self, feeds: Mapping[str, Array]) -> dict[str, NDArray[Any]]:
        """Outputs by name, copied out of the engine's memory."""
        found = self._request.infer(dict(feeds), share_inputs=True)
        return {name: np.array(found[place]) for place, name in enumerate(self.outputs)}


def _name(port: Any) -> str:
    """The graph's own name of an input or output: a port may also answer to names of tensors inside."""
    return str(port.get_node().get_friendly_name()).split("/sink_port_")[0]


def open_openvino(encode: Path, render: Path, model: ModelInfo, threads: int) -> GraphBackend:
    """The backend over two graph files. Raises BackendUnavailable without OpenVINO."""
    try:
        import openvino
    except ImportError as error:
        raise unavailable("openvino", "openvino", error) from error
    version = openvino.__version__.split("-")[0]
    device = f"CPU, {threads} thread{'s' * (threads > 1)}, OpenVINO {version}"
    return GraphBackend(
        "openvino", device, model, OpenvinoGraph(encode, threads), OpenvinoGraph(render, threads)
    )
