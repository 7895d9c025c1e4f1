"""int8 copies of graphs: U8S8, per channel, calibrated on training people.

Only convolutions are quantised, with the ReLU that follows one; what is exact stays in float (KEPT_IN_FLOAT).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

Feeds = dict[str, NDArray[np.float32]]
KEPT_IN_FLOAT: Final = ("/dense_motion/head/", "/keypoints/heat/", "/analyser/codes/")
"""Parts of node names. Of a renderer the layer whose output is a flow, where a hundredth is a visible error; those whose output
is a blend or a pixel were kept once too, which bought 0.0007 dB and no vgg (24 validation samples) for 1.6 of 27 ms on one core.
Of the analyser the heat maps, of which places are taken (all in int8: 0.085 quantiser steps off in the mean, with
heat maps in float 0.033; 200 training frames), and the codes, whose patches cost next to nothing."""


class Recorded(CalibrationDataReader):
    """Hands recorded inputs to the calibrator, one by one."""

    def __init__(self, samples: list[Feeds]) -> None:
        self._left: Iterator[Feeds] = iter(samples)

    def get_next(self) -> Feeds | None:
        """Return the next sample, or None at the end."""
        return next(self._left, None)


def quantise(source: Path, target: Path, samples: list[Feeds]) -> None:
    """Write the int8 copy of `source`; the file appears only when it is whole and loads."""
    prepared, temporary = target.with_suffix(".prepared"), target.with_suffix(".part")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    kept = [
        node.name
        for node in onnx.load(str(prepared)).graph.node
        if any(part in node.name for part in KEPT_IN_FLOAT)
    ]
    quantize_static(
        str(prepared), str(temporary), Recorded(samples), quant_format=QuantFormat.QDQ, per_channel=True,
        op_types_to_quantize=["Conv", "Relu"], nodes_to_exclude=kept, activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.MinMax,
        extra_options={"ActivationSymmetric": False, "WeightSymmetric": True},
    )  # fmt: skip
    onnxruntime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
    temporary.replace(target)
    prepared.unlink()
