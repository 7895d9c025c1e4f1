"""The whole codec as training sees it: detector and codes at the sender, the wire's rounding, the renderer.

original keyframe, driving frame -> Analyser -> keypoints, codes -> rounding noise -> Renderer
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.networks.detector import DETECTOR_SIDE, CodeEncoder, KeypointDetector, cut_patches
from models.networks.layers import resize
from models.networks.renderer import Renderer
from models.networks.sizes import SIZES
from models.networks.voice import VoiceEncoder

KEYPOINT_STEP = 1 / 40
"""Of a frame's keypoints, 3 px: they move hair and shoulders, whose borders the network finds itself."""
ANCHOR_KEYPOINT_STEP = 1 / 64
"""Of the reference's keypoints, which are sent once."""
CODE_STEP = 1 / 8


class Analysis(NamedTuple):
    """keypoints (B, 8, 2) and codes (B, 8) of pictures, both in -1..1."""

    keypoints: Tensor
    codes: Tensor


class Analyser(nn.Module):
    """What runs at the sender besides the face priors; its weights *are* the bitstream."""

    def __init__(self) -> None:
        super().__init__()
        self.keypoints = KeypointDetector()
        self.codes = CodeEncoder()

    def forward(self, picture: Tensor, points: Tensor, mask: Tensor) -> Analysis:
        """picture (B, 3, 256, 256) in 0..1, points (B, 468, 2), mask (B, 1, 64, 64) -> Analysis."""
        keypoints = self.keypoints(resize(picture, DETECTOR_SIDE), points, mask)
        return Analysis(keypoints, self.codes(*cut_patches(picture, points)))


class Codec(nn.Module):
    """Analyser, voice branch and renderer of one size."""

    def __init__(self, size: str) -> None:
        super().__init__()
        self.analyser = Analyser()
        self.voice = VoiceEncoder()
        self.renderer = Renderer(SIZES[size])


def rounding_noise(values: Tensor, step: float, generator: torch.Generator) -> Tensor:
    """Return the values as a quantiser of this step would deliver them, in a form gradients pass through.

    Additive uniform noise stands for the rounding (Balle et al. 2017, arXiv 1611.01704, section 3).
    """
    noise = torch.rand(values.shape, generator=generator).to(values.device) - 0.5
    return values + noise * step
