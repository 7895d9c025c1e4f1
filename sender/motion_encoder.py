"""From a cropped picture and its face mesh to the symbols of the motion code.

Must not import torch. Invariant: everything is relative to the reference as the receiver decodes it, never to what only
this end knows.
"""

from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.weights import int8_or_whole, open_verified, read_manifest
from shared.coding import mesh_motion
from shared.coding.motion_code import quantise_motion
from shared.coding.motion_layout import CODES, KEYPOINTS, MASK_SIDE, MotionValues
from shared.coding.shape_code import dequantise_anchors, quantise_anchors
from shared.limits import PICTURE_SIZE_PX

Array = NDArray[np.float32]
ANALYSER = "analyser/analyser.onnx"


@dataclass(frozen=True, slots=True)
class ReferenceCode:
    """What a keyframe carries besides its picture: shape int16 (70,), anchors int16 (24,), mask uint8 (32, 32)."""

    shape: NDArray[np.int16]
    anchors: NDArray[np.int16]
    mask: NDArray[np.uint8]

    def points(self) -> Array:
        """Return the reference mesh (468, 2) as the receiver decodes it."""
        return mesh_motion.points_from_shape(self.shape)


class MotionEncoder:
    """Runs the analyser network (learned keypoints, eye and mouth codes) and fits the mesh code."""

    def __init__(self, threads: int = 1) -> None:
        """Open the verified analyser, its int8 copy where there is one. Raises UserError when its file is missing or altered."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            str(open_verified(int8_or_whole(ANALYSER, read_manifest()))),
            options,
            providers=["CPUExecutionProvider"],
        )

    def make_reference(self, picture: NDArray[np.uint8], landmarks: Array, mask: Array) -> ReferenceCode:
        """Return the reference code of a keyframe.

        picture: RGB uint8 (256, 256, 3), the crop as captured. landmarks: float32 (468, 2 or 3), pixels of the crop.
        mask: float32 (64, 64), 0..1.
        """
        keypoints, codes = self._analyse(picture, landmarks, mask)
        anchors = quantise_anchors(np.concatenate((keypoints.reshape(-1), codes)))
        return ReferenceCode(mesh_motion.shape_from_points(normalised(landmarks)), anchors, coarse_mask(mask))

    def encode(
        self,
        picture: NDArray[np.uint8],
        landmarks: Array,
        mask: Array,
        reference: ReferenceCode,
        previous: NDArray[np.int16] | None = None,
    ) -> NDArray[np.int16]:
        """Return the motion symbols, int16 (46,), of one frame relative to a reference; arguments as above.

        previous: the symbols of the frame before, relative to the same reference; they keep symbols from flickering.
        """
        keypoints, codes = self._analyse(picture, landmarks, mask)
        anchors = dequantise_anchors(reference.anchors)
        affine, expression = mesh_motion.fit_pose_and_expression(reference.points(), normalised(landmarks))
        return quantise_motion(
            MotionValues(
                affine,
                expression,
                keypoints - anchors[: 2 * KEYPOINTS].reshape(KEYPOINTS, 2),
                codes - anchors[2 * KEYPOINTS :],
            ),
            previous,
        )

    def _analyse(self, picture: NDArray[np.uint8], landmarks: Array, mask: Array) -> tuple[Array, Array]:
        feeds = {
            "picture": picture.astype(np.float32).transpose(2, 0, 1)[None] / 255,
            "points": normalised(landmarks)[None],
            "mask": mask.astype(np.float32)[None, None],
        }
        keypoints, codes = self._session.run(["keypoints", "codes"], feeds)
        return keypoints.reshape(KEYPOINTS, 2), codes.reshape(CODES)


def normalised(landmarks: Array) -> Array:
    """Return landmarks, pixels of the 256-px crop with integers at pixel centres, as (468, 2) in -1..1."""
    return np.asarray((landmarks[:, :2] + 0.5) / (PICTURE_SIZE_PX / 2) - 1, np.float32)


def coarse_mask(mask: Array) -> NDArray[np.uint8]:
    """Return the 0/1 mask (32, 32) of a soft mask (64, 64), as a keyframe carries it."""
    blocks = mask.reshape(MASK_SIDE, 2, MASK_SIDE, 2).mean(axis=(1, 3))
    return np.asarray(blocks > 0.5, np.uint8)
