"""Convert MediaPipe's face graphs to plain ONNX: `python -m models.priors.convert`, in the venv of requirements.txt.

Reads the four TFLite graphs inside the mediapipe 0.10.21 wheel (Apache-2.0; SHA-256 checked), converts them with
tf2onnx at opset 17, stores the weights as float16 behind Cast nodes, compares every output with the TFLite
interpreter and writes the differences next to the files, in conversion.json.

Must not be imported by anything else and imports nothing of this project. Invariant: a graph is only written when all
its outputs agree with TFLite within its tolerance.
"""

import argparse
import hashlib
import importlib
import importlib.util
import json
import struct
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
"""Highest opset that all runtimes in use accept; onnxruntime-web's WebGPU kernels follow it too."""
IR_VERSION = 8
"""ONNX file format of opset 17."""
TRIALS = 24
"""Random pictures per graph in the comparison."""
CUSTOM_OP = "Convolution2DTransposeBias"
"""MediaPipe's transposed convolution with bias: inputs x (NHWC), kernel (OHWI), bias (O)."""

NOTICE = (
    "Copyright The MediaPipe Authors, Apache License 2.0. Converted by facewire from mediapipe 0.10.21; "
    "changed: file format, tensor names, storage of the weights as float16."
)
"""Stands in every file, as section 4 of the licence asks."""


@dataclass(frozen=True, slots=True)
class Graph:
    """One graph to convert.

    source: path inside mediapipe/modules. sha256: of the TFLite file. input_range: values of a normalised picture.
    outputs: TFLite output name -> ONNX output name. tolerance: largest difference accepted, relative to the largest
    output.
    """

    name: str
    source: str
    sha256: str
    input_range: tuple[float, float]
    outputs: dict[str, str]
    tolerance: float = 1e-3


GRAPHS = (
    Graph(
        "face_detector",
        "face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        (-1.0, 1.0),
        {"regressors": "regressors", "classificators": "score_logits"},
    ),
    Graph(
        "face_mesh",
        "face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        (0.0, 1.0),
        {"conv2d_21": "landmarks", "conv2d_31": "presence_logit"},
    ),
    Graph(
        "iris",
        "iris_landmark/iris_landmark.tflite",
        "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
        (0.0, 1.0),
        {"output_eyes_contours_and_brows": "contours", "output_iris": "iris"},
    ),
    Graph(
        "segmentation",
        "selfie_segmentation/selfie_segmentation.tflite",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        (0.0, 1.0),
        {"activation_10": "mask"},
    ),
)


def find_source(graph: Graph) -> Path:
    """Path of the TFLite file in the installed wheel (mediapipe is not imported); SystemExit if it is another."""
    spec = importlib.util.find_spec("mediapipe")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("mediapipe is not installed: pip install -r models/priors/requirements.txt")
    path = Path(spec.submodule_search_locations[0]) / "modules" / graph.source
    if hashlib.sha256(path.read_bytes()).hexdigest() != graph.sha256:
        raise SystemExit(f"{path} is not the file of mediapipe 0.10.21: install exactly that version")
    return path


def transpose_conv_bias(ctx: Any, node: Any, name: str, args: Any) -> None:
    """tf2onnx handler: the custom op becomes Transpose + ConvTranspose (kernel 2x2, stride 2: nothing to pad)."""
    x, kernel, bias = node.input
    output, shape, dtype = node.output[0], ctx.get_shape(node.output[0]), ctx.get_dtype(node.output[0])
    if ctx.get_shape(kernel)[1:3] != [2, 2] or shape[1] != 2 * ctx.get_shape(x)[1]:
        raise SystemExit(
            f"{CUSTOM_OP} with kernel {ctx.get_shape(kernel)}: only 2x2 with stride 2 is known here"
        )
    ctx.remove_node(node.name)
    nchw = ctx.make_node("Transpose", [x], attr={"perm": [0, 3, 1, 2]}).output[0]
    # OHWI as ONNX wants it, IOHW; the optimiser folds this one into the weights.
    weight = ctx.make_node("Transpose", [kernel], attr={"perm": [3, 0, 1, 2]}).output[0]
    up = ctx.make_node("ConvTranspose", [nchw, weight, bias], attr={"strides": [2, 2]}).output[0]
    ctx.make_node(
        "Transpose", [up], attr={"perm": [0, 2, 3, 1]}, outputs=[output], shapes=[shape], dtypes=[dtype]
    )


def to_onnx(path: Path) -> onnx.ModelProto:
    """The graph as ONNX, fp32, batch 1, NHWC input."""
    handlers = {f"TFL_{CUSTOM_OP}": (transpose_conv_bias, [])}
    model, _ = tf2onnx.convert.from_tflite(str(path), opset=OPSET, custom_op_handlers=handlers)
    return model


def rename(model: onnx.ModelProto, names: dict[str, str]) -> None:
    """Rename tensors everywhere they occur, inputs and outputs included."""
    for node in model.graph.node:
        node.input[:] = [names.get(n, n) for n in node.input]
        node.output[:] = [names.get(n, n) for n in node.output]
    for value in [*model.graph.input, *model.graph.output, *model.graph.value_info]:
        value.name = names.get(value.name, value.name)


def canonical_names(model: onnx.ModelProto) -> None:
    """Name and order everything by first use: tf2onnx's own counters and sets differ from run to run."""
    fixed = {value.name for value in [*model.graph.input, *model.graph.output]}
    initializers = {tensor.name: tensor for tensor in model.graph.initializer}
    used = dict.fromkeys(name for node in model.graph.node for name in [*node.input, *node.output] if name)
    names = {old: f"t{number}" for number, old in enumerate(name for name in used if name not in fixed)}
    del model.graph.initializer[:], model.graph.value_info[:]
    model.graph.initializer.extend(initializers[name] for name in used if name in initializers)
    for tensor in model.graph.initializer:
        tensor.name = names[tensor.name]
    rename(model, names)
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{number}"
        node.attribute.sort(key=lambda attribute: attribute.name)


def store_float16(model: onnx.ModelProto) -> float:
    """Keep fp32 weights as fp16 plus a Cast, folded at load: arithmetic stays fp32. Returns the largest rounding."""
    worst, casts, kept = 0.0, [], []
    for tensor in model.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT:
            kept.append(tensor)
            continue
        half = value.astype(np.float16)
        worst = max(worst, float(np.abs(half.astype(np.float32) - value).max(initial=0.0)))
        kept.append(numpy_helper.from_array(half, tensor.name + "_f16"))
        casts.append(helper.make_node("Cast", [tensor.name + "_f16"], [tensor.name], to=TensorProto.FLOAT))
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return worst


def finish(model: onnx.ModelProto, graph: Graph) -> float:
    """Names, versions, licence and weight storage of the file as shipped. Returns the largest weight rounding."""
    rename(model, {model.graph.input[0].name: "image", **graph.outputs})
    canonical_names(model)
    rounding = store_float16(model)
    model.ir_version = IR_VERSION
    used = {node.domain for node in model.graph.node}
    opsets = [o for o in model.opset_import if o.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    model.graph.name = graph.name
    model.doc_string = NOTICE
    onnx.checker.check_model(model, full_check=True)
    return rounding


def without_custom_op(path: Path) -> bytes:
    """The TFLite file with the custom op replaced by the built-in TRANSPOSE_CONV, for an interpreter that lacks it."""
    schema = importlib.import_module("tensorflow.lite.python.schema_py_generated")
    tools = importlib.import_module("tensorflow.lite.tools.flatbuffer_utils")
    model = tools.read_model(str(path))
    subgraph = model.subgraphs[0]
    for op in subgraph.operators:
        code = model.operatorCodes[op.opcodeIndex]
        if code.customCode != CUSTOM_OP.encode():
            continue
        padding, stride_w, stride_h = struct.unpack("<3i", bytes(op.customOptions))
        x, kernel, bias = op.inputs
        code.customCode, code.version = None, 3
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.TRANSPOSE_CONV
        op.customOptions, op.builtinOptionsType = None, schema.BuiltinOptions.TransposeConvOptions
        op.builtinOptions = schema.TransposeConvOptionsT()
        # MediaPipe's enum counts from TfLitePadding (1 = SAME), the flatbuffer's from 0 (SAME).
        op.builtinOptions.padding = padding - 1
        op.builtinOptions.strideW, op.builtinOptions.strideH = stride_w, stride_h
        shape = add_shape(schema, model, subgraph.tensors[op.outputs[0]].shape)
        op.inputs = np.array([shape, kernel, x, bias], np.int32)
    return bytes(tools.convert_object_to_bytearray(model))


def add_shape(schema: Any, model: Any, shape: Any) -> int:
    """Append a constant int32 tensor that holds `shape`; returns its index."""
    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(np.asarray(shape, np.int32).tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.name, tensor.shape, tensor.type = (
        b"output_shape",
        np.array([len(shape)], np.int32),
        schema.TensorType.INT32,
    )
    tensor.buffer = len(model.buffers) - 1
    model.subgraphs[0].tensors.append(tensor)
    return len(model.subgraphs[0].tensors) - 1


def random_picture(rng: np.random.Generator, shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
    """A smooth random field with a little noise: (1, H, W, 3) float32 in low..high."""
    coarse = rng.random((1, 8, 8, 3), dtype=np.float32)
    picture = tf.image.resize(coarse, shape[1:3], "bicubic").numpy()
    picture += 0.05 * rng.standard_normal(picture.shape).astype(np.float32)
    return (low + (high - low) * np.clip(picture, 0, 1)).astype(np.float32)


def compare(graph: Graph, source: Path, onnx_bytes: bytes) -> dict[str, dict[str, float]]:
    """Largest absolute and relative difference to TFLite per output, over TRIALS seeded pictures."""
    content = without_custom_op(source) if graph.name == "segmentation" else source.read_bytes()
    lite = tf.lite.Interpreter(model_content=content, num_threads=1)
    lite.allocate_tensors()
    session = onnxruntime.InferenceSession(onnx_bytes, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(20261122)
    place = lite.get_input_details()[0]
    result = {name: {"max_abs_difference": 0.0, "max_abs_output": 0.0} for name in graph.outputs.values()}
    for _ in range(TRIALS):
        picture = random_picture(rng, tuple(place["shape"]), *graph.input_range)
        lite.set_tensor(place["index"], picture)
        lite.invoke()
        for detail in lite.get_output_details():
            entry, want = result[graph.outputs[detail["name"]]], lite.get_tensor(detail["index"])
            got = session.run([graph.outputs[detail["name"]]], {"image": picture})[0]
            entry["max_abs_difference"] = max(entry["max_abs_difference"], float(np.abs(got - want).max()))
            entry["max_abs_output"] = max(entry["max_abs_output"], float(np.abs(want).max()))
    for entry in result.values():
        entry["relative"] = entry["max_abs_difference"] / entry["max_abs_output"]
    return result


def convert(graph: Graph, out: Path) -> dict[str, Any]:
    """Convert, check and write one graph; returns its entry of conversion.json."""
    source = find_source(graph)
    model = to_onnx(source)
    rounding = finish(model, graph)
    data = model.SerializeToString()
    differences = compare(graph, source, data)
    worst = max(entry["relative"] for entry in differences.values())
    if worst > graph.tolerance:
        raise SystemExit(f"{graph.name}: differs from TFLite by {worst:.1e}, more than {graph.tolerance:.0e}")
    path = out / f"{graph.name}.onnx"
    path.write_bytes(data)
    return {
        "source": graph.source,
        "source_sha256": graph.sha256,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "weight_rounding_max": rounding,
        "outputs": differences,
    }


def main() -> None:
    """Convert the four graphs and write conversion.json."""
    parser = argparse.ArgumentParser(description="Convert MediaPipe's face graphs to ONNX.")
    default = Path(__file__).resolve().parent.parent / "weights" / "priors"
    parser.add_argument(
        "--out", type=Path, default=default, help="folder of the ONNX files (default: %(default)s)"
    )
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    packages = ("mediapipe", "tensorflow-cpu", "tf2onnx", "onnx", "onnxruntime", "numpy")
    report: dict[str, Any] = {
        "licence": "Apache-2.0 (MediaPipe)",
        "opset": OPSET,
        "compared_with": "tf.lite.Interpreter (XNNPACK), random pictures",
        "trials": TRIALS,
        "versions": {name: metadata.version(name) for name in packages},
        "graphs": {graph.name: convert(graph, out) for graph in GRAPHS},
    }
    (out / "conversion.json").write_text(json.dumps(report, indent=1) + "\n")
    for name, entry in report["graphs"].items():
        for output, d in entry["outputs"].items():
            print(f"{name:14s} {output:15s} max {d['max_abs_difference']:.1e}, relative {d['relative']:.1e}")


if __name__ == "__main__":
    main()
