"""Open the face priors' ONNX files.

Must not import torch or mediapipe. Invariant: a session runs on one thread, so that tracking leaves
the other cores to the call.
"""

from pathlib import Path
from typing import Literal

import onnxruntime

import models.weights
from shared.errors import UserError

PriorName = Literal["face_detector", "face_mesh", "iris", "segmentation"]


def load_prior(name: PriorName) -> onnxruntime.InferenceSession:
    """Session of models/weights/priors/NAME.onnx on the CPU, one thread. Raises UserError when the file is absent."""
    path = Path(models.weights.__file__).parent / "priors" / f"{name}.onnx"
    if not path.is_file():
        raise UserError(
            f"The face prior '{name}' is missing: {path} does not exist. Install the complete package again, "
            "or make the file with models/priors/convert.py."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
