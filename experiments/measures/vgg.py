"""The perceptual measure `vgg`: distance of unit-length VGG19 features (Simonyan and Zisserman 2015), lower
is better.

For relu1_2, relu2_2 and relu3_4 each feature vector is divided by its length over the channels; the squared
differences are summed over the channels, averaged over the positions, and the three are added. It is *not*
LPIPS. At 256x256 on one portrait: identical 0.00, blur sigma 2 0.75, shift by 3 px 0.80, mirrored 2.2, an
unrelated picture 3.4.

Must import numpy, OpenCV, onnx and ONNX Runtime only; never torch. Invariant: the graph is built in memory
from the weight file, which the repository does not contain; without the file there is no measure (None),
never another one.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from experiments.measures.picture import Picture
from shared.errors import UserError

DEFAULT_WEIGHTS: Final = (
    Path(__file__).resolve().parents[3] / "shared" / "perceptual" / "vgg19_conv1_1-conv3_4.safetensors"
)
"""Beside the repository; anyone with the same eight convolutions can name their own file."""
LAYERS: Final = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv3_4")
TAPS: Final = ("conv1_2", "conv2_2", "conv3_4")
POOL_BEFORE: Final = ("conv2_1", "conv3_1")
BGR_MEAN: Final = (103.939, 116.779, 123.68)
LENGTH_FLOOR: Final = 1e-10
"""Added to a feature vector's length, so that a vector of zeros stays zero."""
HEADER_MAX_BYTES: Final = 1 << 20
"""A safetensors header of eight layers has under 2 kB; a larger claim is a damaged file."""

Features = tuple[NDArray[np.float32], ...]


class Vgg:
    """One ONNX Runtime session; about 0.3 s for a 256x256 picture on one core."""

    def __init__(self, weights: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        model = build_graph(read_safetensors(weights))
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def features(self, picture: Picture) -> Features:
        """Unit-length features of a uint8 RGB picture: three arrays (C, H, W)."""
        outputs = self._session.run(list(TAPS), {"rgb": picture[np.newaxis]})
        return tuple(np.asarray(output)[0] for output in outputs)

    def distance(self, original: Picture, rebuilt: Picture) -> float:
        """The measure for two pictures of one size, 0 (identical) to about 4."""
        if original.shape != rebuilt.shape:
            raise ValueError(f"pictures of different sizes: {original.shape} and {rebuilt.shape}")
        return feature_distance(self.features(original), self.features(rebuilt))


def load_vgg(weights: Path | None = None, threads: int = 1) -> Vgg | None:
    """The measure, or None when no weights were named and the default file is absent.

    UserError for a bad named file.
    """
    path = weights or DEFAULT_WEIGHTS
    if weights is None and not path.is_file():
        return None
    return Vgg(path, threads)


def feature_distance(original: Features, rebuilt: Features) -> float:
    """Sum over the layers of the mean over positions of the squared difference summed over channels."""
    total = 0.0
    for a, b in zip(original, rebuilt, strict=True):
        difference = (a - b).ravel()
        total += float(np.dot(difference, difference)) / (a.shape[1] * a.shape[2])
    return total


def build_graph(weights: Mapping[str, NDArray[np.float32]]) -> bytes:
    """The ONNX graph (opset 17): "rgb" uint8 (1, H, W, 3) in, unit-length features of TAPS (1, C, H', W')
    out."""
    nodes: list[Any] = []
    constants = [
        numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in weights.items()
    ]
    # BGR and mean as one 1x1 convolution: weight [out B, G, R][in R, G, B].
    constants.append(
        numpy_helper.from_array(np.eye(3, dtype=np.float32)[::-1].reshape(3, 3, 1, 1).copy(), "swap")
    )
    constants.append(numpy_helper.from_array(-np.array(BGR_MEAN, np.float32), "mean"))
    constants.append(numpy_helper.from_array(np.array(LENGTH_FLOOR, np.float32), "floor"))
    nodes.append(helper.make_node("Cast", ["rgb"], ["float"], to=TensorProto.FLOAT))
    nodes.append(helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]))
    nodes.append(helper.make_node("Conv", ["planes", "swap", "mean"], ["bgr"]))
    last = "bgr"
    for layer in LAYERS:
        last = _add_layer(nodes, layer, last)
    graph = helper.make_graph(
        nodes,
        "vgg19_conv3_4",
        [helper.make_tensor_value_info("rgb", TensorProto.UINT8, [1, "H", "W", 3])],
        [helper.make_tensor_value_info(tap, TensorProto.FLOAT, None) for tap in TAPS],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return bytes(model.SerializeToString())


def _add_layer(nodes: list[Any], layer: str, source: str) -> str:
    """Append (pool,) convolution, ReLU and, for a tap, the unit-length output; returns the ReLU's name."""
    if layer in POOL_BEFORE:
        nodes.append(
            helper.make_node("MaxPool", [source], [f"pool_{layer}"], kernel_shape=[2, 2], strides=[2, 2])
        )
        source = f"pool_{layer}"
    inputs = [source, f"{layer}.weight", f"{layer}.bias"]
    nodes.append(helper.make_node("Conv", inputs, [f"sum_{layer}"], pads=[1, 1, 1, 1]))
    nodes.append(helper.make_node("Relu", [f"sum_{layer}"], [f"relu_{layer}"]))
    if layer in TAPS:
        relu, length = f"relu_{layer}", f"length_{layer}"
        nodes.append(helper.make_node("ReduceL2", [relu], [length], axes=[1], keepdims=1))
        nodes.append(helper.make_node("Add", [length, "floor"], [f"{length}_safe"]))
        nodes.append(helper.make_node("Div", [relu, f"{length}_safe"], [layer]))
    return f"relu_{layer}"


def read_safetensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """The weights and biases of LAYERS as float32.

    UserError when the file is absent, damaged or another network's.
    """
    try:
        data = path.read_bytes()
        (header_bytes,) = struct.unpack_from("<Q", data)
        if header_bytes > min(HEADER_MAX_BYTES, len(data)):
            raise ValueError("its header is longer than the file")
        header = json.loads(data[8 : 8 + header_bytes])
        body = memoryview(data)[8 + header_bytes :]
        return {
            f"{layer}.{kind}": _tensor(header, body, layer, kind)
            for layer in LAYERS
            for kind in ("weight", "bias")
        }
    except OSError as error:
        raise UserError(
            f"cannot read the VGG weights {path}: {error.strerror}; check --vgg-weights"
        ) from error
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise UserError(
            f"{path} does not hold the VGG19 layers conv1_1 to conv3_4 ({error}); fetch it again"
        ) from error


def _tensor(header: Mapping[str, Any], body: memoryview, layer: str, kind: str) -> NDArray[np.float32]:
    entry = header[f"{layer}.{kind}"]
    dtype = {"F16": np.float16, "F32": np.float32}[entry["dtype"]]
    start, end = entry["data_offsets"]
    values = np.frombuffer(body[start:end], dtype).reshape(entry["shape"])
    if values.ndim != (4 if kind == "weight" else 1):
        raise ValueError(f"{layer}.{kind} has shape {values.shape}")
    return values.astype(np.float32)
