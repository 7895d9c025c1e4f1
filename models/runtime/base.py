"""What every backend is: a keyframe goes in once, then a motion code per picture, pictures come out.

Must import numpy and `shared` only. Invariant: a backend holds the weights and nothing of a call; what belongs to a
keyframe is in its `ReferenceState`, so one backend serves many calls, from one thread that renders and one that
encodes references.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.coding.motion_layout import MotionValues
from shared.errors import UserError

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]


class BackendUnavailable(UserError):
    """The backend that was asked for cannot run here; the message says what to install or to choose."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A decoded keyframe.

    picture: RGB uint8 (256, 256, 3). points: float32 (468, 2) in -1..1. keypoints: float32 (8, 2) in -1..1. codes:
    float32 (8,). mask: uint8 (32, 32), 1 where the person is.
    """

    picture: Picture
    points: Array
    keypoints: Array
    codes: Array
    mask: NDArray[np.uint8]


class ReferenceState:
    """What a backend keeps of one reference; opaque to everyone else."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The weights in use. sha256: hex over all their files, empty when there are none."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """What one picture is made of.

    voice: float32 (32,), features of the voice at that moment. thumbnail: RGB uint8 (side, side, 3), a small picture of about
    that moment.
    """

    state: ReferenceState
    motion: MotionValues
    voice: Array | None = None
    thumbnail: Picture | None = None


class Backend(Protocol):
    """One network on one device. An engine that takes one picture at a time leaves out what concerns batches."""

    name: str
    """As in `--backend`."""
    device: str
    """What it runs on, for people."""
    model: ModelInfo
    batch_max: int = 1
    """Most pictures that `render_batch` makes at once."""

    def encode_reference(self, reference: Reference) -> ReferenceState:
        """Prepare a reference; once per keyframe."""
        ...

    def render(
        self,
        state: ReferenceState,
        motion: MotionValues,
        voice: Array | None = None,
        thumbnail: Picture | None = None,
    ) -> Picture:
        """Return the picture, RGB uint8 (256, 256, 3); see `RenderRequest`."""
        ...

    def render_batch(self, requests: Sequence[RenderRequest]) -> list[Picture]:
        """Pictures of 1..batch_max requests, of whichever calls, in their order; raises when one of them cannot be made."""
        return [self.render(one.state, one.motion, one.voice, one.thumbnail) for one in requests]
