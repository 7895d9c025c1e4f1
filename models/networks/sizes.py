"""The sizes of the receiver's networks. One detector serves all of them: it is the bitstream."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """Channel counts of one receiver.

    reference_*: features of the keyframe at 256, 128, 64 and 32 px. clean: width of the keyframe's restoration, which runs
    once per keyframe and costs no frame anything. motion: width of the dense motion network. blocks_32: residual blocks at
    the coarsest level.

    sparing: made for engines without 8-bit dot products, such as a browser's WebAssembly, where operations between convolutions
    cost as much as the convolutions. Warped features and what comes from below are added instead of joined, activations are ReLUs
    without a leak, which an int8 convolution brings along, the finest level is one plain convolution, and the last one is 1x1.
    """

    name: str
    reference_256: int
    reference_128: int
    reference_64: int
    reference_32: int
    clean: int
    motion: int
    blocks_32: int
    sparing: bool = False

    @property
    def leak(self) -> float:
        """Slope of the per-frame networks' activations below zero."""
        return 0.0 if self.sparing else 0.2


LITE = Size("lite", 12, 32, 48, 96, 32, 32, 3)
NANO = Size("nano", 8, 16, 32, 64, 24, 16, 1, sparing=True)
FULL = Size("full", 32, 128, 192, 320, 96, 64, 4)
TINY = Size("tiny", 4, 4, 8, 8, 4, 4, 1)
"""For tests only: every part present, next to no arithmetic."""

SIZES = {size.name: size for size in (LITE, NANO, FULL, TINY)}

KEYPOINTS = 8
CODES = 8
VOICE = 32
IDENTITY = 64
FLOW_SIDE = 64
REFERENCE_MOTION = 12
"""Learned channels of the keyframe that the dense motion network sees, at 64 px; the person's mask comes beside them."""
