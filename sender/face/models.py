"""Open the face priors' ONNX files.

Must not import torch or mediapipe. Invariant: no engine reads a file whose SHA-256 is not the manifest's; a session
runs on one thread, so that tracking leaves the other cores to the call.
"""

from typing import Literal

import onnxruntime

from models.weights import open_verified

PriorName = Literal["face_detector", "face_mesh", "iris", "segmentation"]


def load_prior(name: PriorName) -> onnxruntime.InferenceSession:
    """Session of models/weights/priors/NAME.onnx on the CPU, one thread. Raises UserError if it is absent or altered."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    path = open_verified(f"priors/{name}.onnx")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
