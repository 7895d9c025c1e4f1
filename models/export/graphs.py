"""The networks as the graphs a receiver or sender loads: analyser, encode_reference, render, voice.

Wrappers turn named tuples into flat, named inputs and outputs; the names are the interface of the backends, which hand on to
render every output of encode_reference that it asks for. Invariant: what depends on the keyframe alone and costs much is
computed once a keyframe.
"""

from typing import Final

import torch
from torch import Tensor, nn

from models.networks.codec import Analyser
from models.networks.dense_motion import Driving
from models.networks.generator import warp_reference
from models.networks.layers import levels, resize
from models.networks.reference import ReferenceFeatures
from models.networks.renderer import Renderer
from models.networks.sizes import CODES, FLOW_SIDE, IDENTITY, KEYPOINTS, REFERENCE_MOTION, VOICE
from models.networks.voice import COLUMNS, MELS, VoiceEncoder

FEATURES: Final = ("feat_picture", "feat_64", "feat_32", "feat_motion", "feat_modulation", "feat_small")
"""Outputs of encode_reference and inputs of render: ReferenceFeatures in its order, but what the identity code says to the blocks
instead of the code; and the picture as dense motion sees it."""
DRIVING: Final = (
    "reference_points", "driving_points", "reference_keypoints", "driving_keypoints", "codes", "reference_codes",
    "voice", "voice_present", "thumbnail", "thumbnail_present",
)  # fmt: skip


class AnalyserGraph(nn.Module):
    """picture (1, 3, 256, 256), points (1, 468, 2), mask (1, 1, 64, 64) -> keypoints (1, 8, 2), codes (1, 8)."""

    inputs, outputs = ("picture", "points", "mask"), ("keypoints", "codes")

    def __init__(self, analyser: Analyser) -> None:
        super().__init__()
        self.analyser = analyser

    def forward(self, picture: Tensor, points: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return keypoints and codes."""
        found = self.analyser(picture, points, mask)
        return found.keypoints, found.codes

    def example(self) -> tuple[Tensor, ...]:
        """Return inputs of the right shapes."""
        return torch.rand(1, 3, 256, 256), _mesh(), torch.ones(1, 1, 64, 64)


def render_features(renderer: Renderer, reference: ReferenceFeatures) -> tuple[Tensor, ...]:
    """Return FEATURES of a reference."""
    *features, identity = reference
    return (*features, renderer.generator.modulate(identity), resize(reference.picture, FLOW_SIDE))


class ReferenceGraph(nn.Module):
    """image (1, 3, 256, 256), mask (1, 1, 32, 32) -> FEATURES."""

    inputs, outputs = ("image", "mask"), FEATURES

    def __init__(self, renderer: Renderer) -> None:
        super().__init__()
        self.renderer = renderer

    def forward(self, image: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Return the keyframe's features."""
        return render_features(self.renderer, self.renderer.encode_reference(image, mask))

    def example(self) -> tuple[Tensor, ...]:
        """Return inputs of the right shapes."""
        return torch.rand(1, 3, 256, 256), torch.ones(1, 1, 32, 32)


class RenderGraph(nn.Module):
    """FEATURES and DRIVING -> picture uint8 (1, 256, 256, 3), as screens and encoders take it."""

    inputs, outputs = (*FEATURES, *DRIVING), ("picture",)

    def __init__(self, renderer: Renderer) -> None:
        super().__init__()
        self.renderer = renderer

    def forward(self, *tensors: Tensor) -> Tensor:
        """Return the picture."""
        *features, modulation, small = tensors[: len(FEATURES)]
        driving = Driving(*tensors[len(FEATURES) :])
        reference = ReferenceFeatures(*features, identity=small.new_empty(0))  # the modulation stands for it
        # Dense motion makes the picture small first, which leaves one alone that is.
        motion = self.renderer.dense_motion(small, reference.motion, driving)
        return levels(
            self.renderer.generator.synthesise(warp_reference(reference, motion), modulation, driving)
        )

    @torch.no_grad()
    def example(self) -> tuple[Tensor, ...]:
        """Return inputs of the right shapes."""
        size, side = self.renderer.size, 256
        channels = (3, size.reference_64, size.reference_32, REFERENCE_MOTION + 1)
        sides = (side, 64, 32, 64)
        features = [torch.rand(1, c, s, s) for c, s in zip(channels, sides, strict=True)]
        keypoints, codes = torch.rand(1, KEYPOINTS, 2), torch.zeros(1, CODES)
        reference = ReferenceFeatures(*features, torch.zeros(1, IDENTITY))
        return (*render_features(self.renderer, reference), _mesh(), _mesh(), keypoints, keypoints, codes, codes,
                torch.zeros(1, VOICE), torch.zeros(1, 1), torch.zeros(1, 3, 64, 64), torch.zeros(1, 1))  # fmt: skip


class VoiceGraph(nn.Module):
    """mel (1, 40, 32) -> features (1, 32), expression (1, 16)."""

    inputs, outputs = ("mel",), ("features", "expression")

    def __init__(self, voice: VoiceEncoder) -> None:
        super().__init__()
        self.voice = voice

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features and the lips' expression of one frame."""
        features = self.voice.window(mel)
        return features, self.voice.mouth(features)

    def example(self) -> tuple[Tensor, ...]:
        """Return inputs of the right shapes."""
        return (torch.zeros(1, MELS, COLUMNS),)


def _mesh() -> Tensor:
    return torch.rand(1, 468, 2) - 0.5
