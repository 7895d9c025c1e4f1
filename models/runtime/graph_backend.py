"""Runs the two exported graphs, encode_reference and render, whatever engine executes them.

    picture, mask --> encode_reference --> feat_* ------+
                                                        +--> render --> picture
    reference and driving mesh, keypoints, codes, voice +

Must not import an engine. Invariant: every input that the render graph declares is either a feature of the reference
or in the table of `driving_inputs`.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, Protocol

from numpy.typing import NDArray

from models.runtime.base import (
    Array,
    Backend,
    BackendUnavailable,
    ModelInfo,
    Picture,
    Reference,
    ReferenceState,
)
from models.runtime.tensors import DRIVING_INPUTS, driving_inputs, only_picture, reference_inputs
from models.weights import int8_or_whole
from shared.coding.motion_layout import MotionValues
from shared.errors import UserError

_REFERENCE_INPUTS: Final = frozenset({"image", "mask"})
_FEATURE_PREFIX: Final = "feat_"


class Graph(Protocol):
    """One loaded graph. `run` may be called from one thread at a time."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def run(self, feeds: Mapping[str, Array]) -> dict[str, NDArray[Any]]:
        """Outputs by name; the arrays belong to the caller."""
        ...


class GraphState(ReferenceState):
    """Feature tensors of a reference, and the numbers that render needs beside them."""

    __slots__ = ("features", "reference")

    def __init__(self, features: Mapping[str, Array], reference: Reference) -> None:
        self.features = dict(features)
        self.reference = reference


class GraphBackend(Backend):
    """A `Backend` over two graphs, one picture at a time."""

    def __init__(self, name: str, device: str, model: ModelInfo, encode: Graph, render: Graph) -> None:
        """Raises UserError when the graphs want or give something that this program does not know."""
        self.name, self.device, self.model = name, device, model
        self._encode, self._render = encode, render
        features = frozenset(name for name in encode.outputs if name.startswith(_FEATURE_PREFIX))
        _check_known(model.name, encode.inputs, _REFERENCE_INPUTS)
        _check_known(model.name, render.inputs, DRIVING_INPUTS | features)
        if "picture" not in render.outputs:
            raise UserError(f"The weights {model.name} give no picture: export them again.")

    def encode_reference(self, reference: Reference) -> GraphState:
        """Run encode_reference on a keyframe."""
        given = reference_inputs(reference)
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
        known = state.features | driving_inputs(state.reference, motion, voice, thumbnail)
        picture = self._render.run({name: known[name] for name in self._render.inputs})["picture"]
        return only_picture(picture)


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
    encode, render = float_names(size)
    return encode, int8_or_whole(render, available)


def float_names(size: str) -> tuple[str, str]:
    """Names of the same two graphs in float32: what a GPU runs, and where torch finds its weights."""
    return f"{size}/encode_reference.onnx", f"{size}/render.onnx"


def unavailable(engine: str, extra: str, error: Exception) -> BackendUnavailable:
    """What to say when an engine is not installed."""
    return BackendUnavailable(
        f"The backend {engine} cannot be used here ({type(error).__name__}: {error}). Install it with "
        f"pip install 'facewire[{extra}]', or choose another --backend."
    )
