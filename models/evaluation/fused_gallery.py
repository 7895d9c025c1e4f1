"""A gallery the other way: every frame from all references of its clip at once, the better one at every place.

    keyframes --encode_reference--> held --+
    motion against the one it names -------+--> a driving for each --> Renderer.render_gallery --> picture

Costs dense motion and warps once per reference, so no receiver does it; `--fuse` of the evaluation says what it would be worth.
Invariant: with one reference the picture is the one that `render` gives.
"""

import numpy as np
import torch
from torch import Tensor

from models.export.graphs import DRIVING
from models.networks.dense_motion import Driving
from models.networks.gallery import MAX_REFERENCES
from models.networks.layers import levels
from models.networks.reference import ReferenceFeatures
from models.networks.renderer import Renderer
from models.runtime.base import Array, Backend, ModelInfo, Picture, Reference, ReferenceState
from models.runtime.tensors import driving_inputs, reference_inputs
from shared.coding.motion_layout import MotionValues


class _Held(ReferenceState):
    __slots__ = ("features", "reference")

    def __init__(self, reference: Reference, features: ReferenceFeatures) -> None:
        self.reference, self.features = reference, features


class FusedGallery(Backend):
    """A backend for one clip: it keeps the newest MAX_REFERENCES references that it was given."""

    def __init__(self, renderer: Renderer, model: ModelInfo) -> None:
        self.name, self.device, self.model = "torch, fused", "CPU", model
        self._renderer = renderer.eval()
        self._held: list[_Held] = []

    @torch.inference_mode()
    def encode_reference(self, reference: Reference) -> ReferenceState:
        """Hold one more."""
        given = {name: torch.from_numpy(value) for name, value in reference_inputs(reference).items()}
        held = _Held(reference, self._renderer.encode_reference(given["image"], given["mask"]))
        self._held = [*self._held, held][-MAX_REFERENCES:]
        return held

    @torch.inference_mode()
    def render(
        self, state: ReferenceState, motion: MotionValues, voice: Array | None = None, thumbnail: Picture | None = None
    ) -> Picture:  # fmt: skip
        """The picture of a frame that was coded against `state`."""
        if not isinstance(state, _Held):
            raise TypeError("a reference of another backend")
        inputs = driving_inputs(state.reference, motion, voice, thumbnail)
        driving = Driving(*(torch.from_numpy(inputs[name]) for name in DRIVING))
        drivings = [relative_to(held.reference, driving) for held in self._held]
        picture = self._renderer.render_gallery([held.features for held in self._held], drivings)
        return levels(picture)[0].numpy()


def relative_to(reference: Reference, driving: Driving) -> Driving:
    """The same frame as seen from another reference of the same person."""
    own = _row(reference.codes)
    return driving._replace(
        reference_points=_row(reference.points),
        reference_keypoints=_row(reference.keypoints),
        reference_codes=own,
        codes=driving.codes + driving.reference_codes - own,
    )


def _row(values: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))[None]
