"""Graphs of a few nodes with the names of the real ones: what a backend passes on shows in the picture.

picture = 255 * clip(conv(feat_picture) / 2 + feat_mask * 0 + mean(driving_points) / 4 + mean(codes) / 8 + voice_present / 8)
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.runtime.base import ModelInfo

MODEL = ModelInfo("tiny", "0" * 64)
SHAPES = {
    "reference_points": (1, 468, 2),
    "driving_points": (1, 468, 2),
    "reference_keypoints": (1, 8, 2),
    "driving_keypoints": (1, 8, 2),
    "codes": (1, 8),
    "reference_codes": (1, 8),
    "voice": (1, 32),
    "voice_present": (1, 1),
    "thumbnail": (1, 3, 64, 64),
    "thumbnail_present": (1, 1),
}
PICTURE = (1, 3, 256, 256)


def write_graphs(folder: Path, extra_input: str = "") -> tuple[Path, Path]:
    """encode_reference.onnx and render.onnx; extra_input: a render input that no program knows."""
    return _write(folder / "encode_reference.onnx", _encode()), _write(
        folder / "render.onnx", _render(extra_input)
    )


def _encode() -> onnx.GraphProto:
    nodes = [
        helper.make_node("Identity", ["image"], ["feat_picture"]),
        helper.make_node("ReduceMean", ["mask"], ["feat_mask"], axes=[2, 3], keepdims=1),
        helper.make_node("ReduceMean", ["image"], ["feat_modulation"], axes=[2, 3], keepdims=0),
    ]
    inputs = [_value("image", PICTURE), _value("mask", (1, 1, 32, 32))]
    outputs = [
        _value("feat_picture", PICTURE),
        _value("feat_mask", (1, 1, 1, 1)),
        _value("feat_modulation", (1, 3)),
    ]
    return helper.make_graph(nodes, "encode", inputs, outputs)


def _render(extra_input: str) -> onnx.GraphProto:
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[[0, 1, 2], [0, 1, 2], 1, 1] = 1
    constants = {
        "kernel": kernel,
        "half": np.float32(0.5),
        "quarter": np.float32(0.25),
        "eighth": np.float32(0.125),
        "none": np.float32(0),
        "low": np.float32(0),
        "high": np.float32(1),
        "white": np.float32(255),
    }
    nodes = [
        helper.make_node("Conv", ["feat_picture", "kernel"], ["moved"], pads=[1, 1, 1, 1]),
        helper.make_node("Mul", ["moved", "half"], ["sum0"]),
        *_add_mean("driving_points", [0, 1, 2], "quarter", 0),
        *_add_mean("codes", [0, 1], "eighth", 1),
        *_add_mean("voice_present", [0, 1], "eighth", 2),
        *_add_mean("feat_mask", [0, 1, 2, 3], "none", 3),
        helper.make_node("Clip", ["sum4", "low", "high"], ["bounded"]),
        helper.make_node("Mul", ["bounded", "white"], ["scaled"]),
        helper.make_node("Add", ["scaled", "half"], ["rounded"]),
        helper.make_node("Transpose", ["rounded"], ["planes_last"], perm=[0, 2, 3, 1]),
        helper.make_node("Cast", ["planes_last"], ["picture"], to=TensorProto.UINT8),
    ]
    inputs = [
        _value("feat_picture", PICTURE),
        _value("feat_mask", (1, 1, 1, 1)),
        _value("feat_modulation", (1, 3)),
    ]
    inputs += [_value(name, shape) for name, shape in SHAPES.items()]
    inputs += [_value(extra_input, (1, 1))] if extra_input else []
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    return helper.make_graph(
        nodes,
        "render",
        inputs,
        [helper.make_tensor_value_info("picture", TensorProto.UINT8, (1, 256, 256, 3))],
        tensors,
    )


def _add_mean(name: str, axes: list[int], factor: str, place: int) -> list[onnx.NodeProto]:
    return [
        helper.make_node("ReduceMean", [name], [f"mean{place}"], axes=axes, keepdims=0),
        helper.make_node("Mul", [f"mean{place}", factor], [f"part{place}"]),
        helper.make_node("Add", [f"sum{place}", f"part{place}"], [f"sum{place + 1}"]),
    ]


def _value(name: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _write(path: Path, graph: onnx.GraphProto) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
