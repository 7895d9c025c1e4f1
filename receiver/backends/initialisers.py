"""The numbers inside the shipped float32 graphs, for the engine that builds the network itself.

    lite/encode_reference.onnx --+
                                 +--> initialisers, by the names they have in models.networks.renderer
    lite/render.onnx ------------+

One set of files for all engines: what is hashed, licensed and measured is what runs. Must not import torch. Invariant:
every tensor is float32 and comes from a file whose hash the caller has checked.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from receiver.backends.base import Array, BackendUnavailable

_PREFIX = "renderer."
"""The graphs are wrappers around the network, which they hold by this name."""


def network_weights(graphs: Iterable[Path]) -> dict[str, Array]:
    """All weights of a renderer by their names. Raises BackendUnavailable where the package `onnx` is not installed."""
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise BackendUnavailable(
            f"The weights cannot be read ({error}). Install what reads them with pip install 'facewire[cuda]'."
        ) from error
    found: dict[str, Array] = {}
    for path in graphs:
        for tensor in onnx.load(str(path)).graph.initializer:
            if tensor.name.startswith(_PREFIX):
                found[tensor.name.removeprefix(_PREFIX)] = np.array(numpy_helper.to_array(tensor), np.float32)
    return found
