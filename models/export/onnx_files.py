"""Writes the graphs as ONNX and checks each against torch before it may replace anything."""

import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from models.export.graphs import AnalyserGraph, ReferenceGraph, RenderGraph, VoiceGraph
from models.networks.codec import Codec
from shared.errors import UserError

OPSET: Final = 17
"""onnxruntime-web's WebGPU provider has GridSample for opsets 16 to 19 only."""
TOLERANCE: Final = 2e-3
"""Largest absolute difference between torch and ONNX Runtime, on values of order one, that an export may have."""
LEVEL: Final = 1 / 255
"""What pictures may differ by besides: a value half way between two levels is rounded either way."""


def shared_graphs(codec: Codec) -> dict[str, nn.Module]:
    """Return the graphs that every size shares, by file name: they are the bitstream."""
    return {
        "analyser/analyser.onnx": AnalyserGraph(codec.analyser),
        "voice/voice.onnx": VoiceGraph(codec.voice),
    }


def size_graphs(codec: Codec) -> dict[str, nn.Module]:
    """Return the graphs of one size of receiver, by file name."""
    size = codec.renderer.size.name
    return {
        f"{size}/encode_reference.onnx": ReferenceGraph(codec.renderer),
        f"{size}/render.onnx": RenderGraph(codec.renderer),
    }


def export_graph(graph: nn.Module, path: Path) -> float:
    """Write one graph and return its largest difference from torch. Raises UserError when it is not within TOLERANCE.

    The file appears only after the check, so an interrupted export leaves what was there.
    """
    torch.manual_seed(0)
    example = graph.eval().example()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    try:
        _write(graph, example, temporary)
        difference = difference_from_torch(graph, temporary, example)
        if difference > TOLERANCE:
            raise UserError(
                f"{path.name} differs from torch by {difference:.2g} (at most {TOLERANCE}). Nothing was replaced."
            )
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return difference


def _write(graph: nn.Module, example: tuple[torch.Tensor, ...], path: Path) -> None:
    with warnings.catch_warnings():
        # The tracer warns about every Python number; shapes are fixed on purpose.
        warnings.simplefilter("ignore")
        torch.onnx.export(graph, example, str(path), input_names=list(graph.inputs),
                          output_names=list(graph.outputs), opset_version=OPSET, dynamo=False)  # fmt: skip
    onnx.checker.check_model(onnx.load(str(path)))


def difference_from_torch(graph: nn.Module, path: Path, example: tuple[torch.Tensor, ...]) -> float:
    """Return the largest absolute difference over all outputs, without the LEVEL that pictures may have besides."""
    with torch.no_grad():
        expected = graph(*example)
    expected = (expected,) if isinstance(expected, torch.Tensor) else expected
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    known = {entry.name for entry in session.get_inputs()}
    feeds = {name: value.numpy() for name, value in zip(graph.inputs, example, strict=True) if name in known}
    found = session.run(list(graph.outputs), feeds)
    return max(largest_difference(a.numpy(), b) for a, b in zip(expected, found, strict=True))


def largest_difference(expected: NDArray[Any], found: NDArray[Any]) -> float:
    """Return the largest absolute difference, for pictures in uint8 what is more than a LEVEL, as a part of white."""
    if found.dtype != np.uint8:
        return float(np.abs(expected - found).max())
    steps = np.abs(expected.astype(np.int16) - found.astype(np.int16)).max()
    return max(0.0, (float(steps) - 1) * LEVEL)
