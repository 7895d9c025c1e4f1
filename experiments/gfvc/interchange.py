"""Our motion as generative face video SEI messages, and back: what the standard's carrier costs against our range coder.

    keyframe's anchors, MotionFrames --to_messages--> payloads --from_messages--> the same symbols

The eight learned keypoints are the message's coordinates: in -1..1, x right and y down, absolute. What no field names (pose, mesh
expression, codes; 30 numbers) is one row of a feature matrix, in units of our quantiser's steps. No other decoder could draw our
faces from it: the network that understands it is named by a URI, not sent.

Must not import torch. Invariant: the symbols that come out are those that went in, or ValueError says that they cannot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from experiments.gfvc.sei import Form, GfvFrame, GfvReader, GfvWriter, Integers, sei_message
from models.evaluation.offline_call import Coded
from shared.coding.motion_layout import KEYPOINT_SLICE, KEYPOINTS, SYMBOLS
from shared.coding.shape_code import dequantise_anchors
from shared.coding.tables import load_tables
from shared.frames import Keyframe

COORDINATE_BITS: Final = 6
"""Half a unit is less than half a step of the keypoints' quantiser, so that the symbol can be told again."""
ELEMENT_BITS: Final = 1
"""The least there is; our elements are whole numbers."""
URI_TAG: Final = "urn:facewire:model"
NAL_BYTES: Final = 6
"""A SEI NAL unit's header (2), its start code (3) and its trailing bits (1), H.266, 7.3.1 and annex B."""

Symbols = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class SeiCost:
    """Mean bits a frame after the base. payload: of the message. framed: in a NAL unit of its own. ours: of our range coder in
    bundles of two frames. base_bytes: of the first message. frames: how many were compared; all came back the same."""

    payload_bits: float
    framed_bits: float
    our_bits: float
    base_bytes: int
    frames: int


def to_messages(keyframe: Keyframe, frames: Sequence[Symbols], uri: str = "") -> list[bytes]:
    """Payloads: the base picture's, then one for each frame (46,) of motion against it. ValueError for numbers too large."""
    writer = GfvWriter(Form(COORDINATE_BITS, ELEMENT_BITS, URI_TAG if uri else "", uri))
    anchors = _anchors(keyframe)
    still = np.zeros(SYMBOLS, np.int16)
    return [writer.write(_frame(symbols, anchors)) for symbols in (still, *frames)]


def from_messages(keyframe: Keyframe, payloads: Sequence[bytes]) -> list[Symbols]:
    """Symbols int16 (46,) of every message but the base's. MalformedMessage as `GfvReader.read`."""
    reader, anchors = GfvReader(), _anchors(keyframe)
    return [_symbols(reader.read(payload), anchors) for payload in payloads][1:]


def sei_cost(coded: Coded, uri: str = "") -> SeiCost:
    """What a clip of one keyframe takes as SEI messages. ValueError when a symbol did not come back."""
    keyframe, frames = coded.keyframes[0], [frame.symbols for frame in coded.motion]
    payloads = to_messages(keyframe, frames, uri)
    for sent, found in zip(frames, from_messages(keyframe, payloads), strict=True):
        if not np.array_equal(sent, found):
            raise ValueError("motion did not come back from its SEI message")
    count = len(frames)
    return SeiCost(
        payload_bits=8 * sum(map(len, payloads[1:])) / count,
        framed_bits=8 * sum(len(sei_message(payload)) + NAL_BYTES for payload in payloads[1:]) / count,
        our_bits=8 * coded.motion_bytes / count,
        base_bytes=len(payloads[0]),
        frames=count,
    )


def _anchors(keyframe: Keyframe) -> NDArray[np.float64]:
    """The reference's own keypoints, (8, 2) in -1..1."""
    return dequantise_anchors(keyframe.anchors)[: 2 * KEYPOINTS].reshape(KEYPOINTS, 2).astype(np.float64)


def _keypoint_steps() -> NDArray[np.float64]:
    return np.asarray(load_tables().motion.step[KEYPOINT_SLICE], np.float64).reshape(KEYPOINTS, 2)


def _frame(symbols: Symbols, anchors: NDArray[np.float64]) -> GfvFrame:
    moved = anchors + symbols[KEYPOINT_SLICE].reshape(KEYPOINTS, 2) * _keypoint_steps()
    coordinates = np.floor(moved * (1 << COORDINATE_BITS) + 0.5).astype(np.int64)
    others: Integers = np.delete(symbols, KEYPOINT_SLICE).astype(np.int64)
    return GfvFrame(coordinates, others[None] << ELEMENT_BITS)


def _symbols(frame: GfvFrame, anchors: NDArray[np.float64]) -> Symbols:
    moved = frame.coordinates / (1 << COORDINATE_BITS) - anchors
    keypoints = np.floor(moved / _keypoint_steps() + 0.5).astype(np.int16).ravel()
    others = (frame.matrix[0] >> ELEMENT_BITS).astype(np.int16)
    return np.insert(others, KEYPOINT_SLICE.start, keypoints)
