"""Runs the two exported graphs, encode_reference and render, whatever engine executes them.

    picture, mask --> encode_reference --> feat_*, identity --+
                                                              +--> render --> picture
    reference and driving mesh, keypoints, codes, voice ------+

Must not import an engine. Invariant: every input that the render graph declares is either a feature of the reference
or in the table `_driving_inputs`; numbers that reach a network are finite and inside their range.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol

import cv2
import numpy as np

from receiver.backends.base import Array, BackendUnavailable, ModelInfo, Picture, Reference, ReferenceState
from shared.coding import mesh_motion
from shared.coding.motion_layout import CODES, KEYPOINTS, MASK_SIDE, MESH_POINTS, MotionValues
from shared.errors import UserError
from shared.limits import COORDINATE_MAX, PICTURE_SIZE_PX

VOICE_FEATURES: Final = 32
THUMBNAIL_SIDE_PX: Final = 64
_CODE_MAX: Final = 2.0
_REFERENCE_INPUTS: Final = frozenset({"image", "mask"})
_FEATURE_PREFIX: Final = "feat_"
_IDENTITY: Final = "identity"
_NO_VOICE: Final = np.zeros((1, VOICE_FEATURES), np.float32)
_NO_THUMBNAIL: Final = np.zeros((1, 3, THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX), np.float32)
_ABSENT: Final = np.zeros((1, 1), np.float32)
_PRESENT: Final = np.ones((1, 1), np.float32)
_DRIVING_INPUTS: Final = frozenset(
    [
        "reference_points",
        "driving_points",
        "reference_keypoints",
        "driving_keypoints",
        "codes",
        "reference_codes",
        "voice",
        "voice_present",
        "thumbnail",
        "thumbnail_present",
    ]
)


class Graph(Protocol):
    """One loaded graph. `run` may be called from one thread at a time."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name; the arrays belong to the caller."""
        ...


class GraphState(ReferenceState):
    """Feature tensors of a reference, and the numbers that render needs beside them."""

    __slots__ = ("features", "reference")

    def __init__(self, features: Mapping[str, Array], reference: Reference) -> None:
        self.features = dict(features)
        self.reference = reference


class GraphBackend:
    """A `Backend` over two graphs."""

    def __init__(self, name: str, device: str, model: ModelInfo, encode: Graph, render: Graph) -> None:
        """Raises UserError when the graphs want or give something that this program does not know."""
        self.name, self.device, self.model = name, device, model
        self._encode, self._render = encode, render
        features = frozenset(n for n in encode.outputs if n.startswith(_FEATURE_PREFIX) or n == _IDENTITY)
        _check_known(model.name, encode.inputs, _REFERENCE_INPUTS)
        _check_known(model.name, render.inputs, _DRIVING_INPUTS | features)
        if "picture" not in render.outputs:
            raise UserError(f"The weights {model.name} give no picture: export them again.")

    def encode_reference(self, reference: Reference) -> GraphState:
        """Run encode_reference on a keyframe."""
        image = reference.picture.astype(np.float32).transpose(2, 0, 1)[None] / 255.0  # (1, 3, 256, 256)
        mask = reference.mask.astype(np.float32).reshape(1, 1, MASK_SIDE, MASK_SIDE)
        given = {"image": np.ascontiguousarray(image), "mask": mask}
        return GraphState(self._encode.run({name: given[name] for name in self._encode.inputs}), reference)

    def render(
        self,
        state: ReferenceState,
        motion: MotionValues,
        voice: Array | None = None,
        thumbnail: Picture | None = None,
    ) -> Picture:
        """Run render on one motion code. Returns RGB uint8 (256, 256, 3)."""
        if not isinstance(state, GraphState):
            raise TypeError("a reference of another backend")
        known = state.features | _driving_inputs(state.reference, motion, voice, thumbnail)
        picture = self._render.run({name: known[name] for name in self._render.inputs})["picture"]
        return _to_picture(picture)


def _driving_inputs(
    reference: Reference, motion: MotionValues, voice: Array | None, thumbnail: Picture | None
) -> dict[str, Array]:
    """Every render input that is not a feature, float32 with a batch of one."""
    points = mesh_motion.driving_points(reference.points, motion)
    return {
        "reference_points": reference.points.reshape(1, MESH_POINTS, 2),
        "driving_points": _bounded(points, COORDINATE_MAX).reshape(1, MESH_POINTS, 2),
        "reference_keypoints": reference.keypoints.reshape(1, KEYPOINTS, 2),
        "driving_keypoints": _bounded(reference.keypoints + motion.keypoints, COORDINATE_MAX)[None],
        "codes": _bounded(motion.codes, _CODE_MAX).reshape(1, CODES),
        "reference_codes": reference.codes.reshape(1, CODES),
        "voice": _NO_VOICE if voice is None else voice.reshape(1, VOICE_FEATURES),
        "voice_present": _ABSENT if voice is None else _PRESENT,
        "thumbnail": _NO_THUMBNAIL if thumbnail is None else _thumbnail_input(thumbnail),
        "thumbnail_present": _ABSENT if thumbnail is None else _PRESENT,
    }


def _thumbnail_input(picture: Picture) -> Array:
    """RGB uint8 (side, side, 3) to (1, 3, 64, 64) in 0..1."""
    side = (THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX)
    small = picture if picture.shape[:2] == side else cv2.resize(picture, side, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small.astype(np.float32).transpose(2, 0, 1)[None] / np.float32(255.0))


def _bounded(values: Array, limit: float) -> Array:
    return np.clip(np.nan_to_num(values, nan=0.0), -limit, limit).astype(np.float32)


def _to_picture(tensor: Array) -> Picture:
    """(1, 3, 256, 256) in 0..1 to uint8 (256, 256, 3)."""
    if tensor.shape != (1, 3, PICTURE_SIZE_PX, PICTURE_SIZE_PX):
        raise UserError(f"The weights give a picture of shape {tensor.shape}: export them again.")
    levels = np.clip(tensor[0] * np.float32(255.0) + np.float32(0.5), 0.0, 255.0)
    return np.ascontiguousarray(levels.astype(np.uint8).transpose(1, 2, 0))


def _check_known(model: str, wanted: Iterable[str], known: frozenset[str]) -> None:
    unknown = sorted(set(wanted) - known)
    if unknown:
        raise UserError(
            f"The weights {model} are newer than this program (they want {', '.join(unknown)}). Update facewire."
        )


def weight_names(size: str, available: Collection[str]) -> tuple[str, str]:
    """Names of the two graphs of one size, as `models.weights.open_verified` takes them: int8 where there is one.

    The keyframe's own graph stays in float32: it runs once, and its errors would stay for as long as the keyframe.
    """
    render = f"{size}/render.int8.onnx"
    return f"{size}/encode_reference.onnx", render if render in available else f"{size}/render.onnx"


def unavailable(engine: str, extra: str, error: Exception) -> BackendUnavailable:
    """What to say when an engine is not installed."""
    return BackendUnavailable(
        f"The backend {engine} cannot be used here ({type(error).__name__}: {error}). Install it with "
        f"pip install 'facewire[{extra}]', or choose another --backend."
    )
