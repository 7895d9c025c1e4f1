"""Leaves parts of the codec out, for ablations: what a part says is replaced by what says nothing, at one place each.

    part            what it does not get or give any more
    mesh            every mesh that a network sees is the mean face: no base flow, no drawing, no regions, fixed patches
    segmentation    person masks are empty
    voice           the voice is absent
    identity        the identity code is zero
    blend           the picture is generated alone: no keyframe pixels are mixed in or seen by the generator
    keypoints       the keypoints stay where the reference's are
    codes           the codes are zero
    residual_flow   no residual is added to the flow
    base_flow       the mesh's flow is no candidate, and nothing warped by it is seen

`mesh` and `base_flow` together are the form of FOMM (arXiv 2003.00196): unsupervised keypoints alone.

Done with hooks on the networks' own modules, so that the networks know nothing of it and checkpoints stay exchangeable.
Invariant: what a part is left without has no effect on the picture, to the bit; the losses see the truth as ever.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from models.networks.codec import Codec
from models.networks.dense_motion import FLOWS, Driving
from models.networks.reference import ReferenceFeatures
from models.networks.sizes import REFERENCE_MOTION
from shared.coding.mesh_motion import points_from_shape
from shared.coding.motion_layout import SHAPE_SYMBOLS
from shared.errors import UserError

CLOSED: Final = -1e4
"""A logit that means never, also in bfloat16."""
SEEN_THROUGH_BASE: Final = (
    slice(0, REFERENCE_MOTION + 3),
    slice(REFERENCE_MOTION + 10, REFERENCE_MOTION + 13),
)
"""Channels of the dense motion's input that the base flow made: the reference warped by it; flow and nearness."""
BLEND_LOGITS: Final = slice(12, 16)
"""Channels of the generator's head before PixelShuffle."""

Inputs = tuple[object, ...]


def leave_out(codec: Codec, parts: Sequence[str]) -> Codec:
    """Install what leaves the parts out, in place, and return the codec. Raises UserError for parts that there are not."""
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise UserError(f"There is no part {', '.join(unknown)} to leave out. Known: {', '.join(PARTS)}.")
    for part in parts:
        PARTS[part](codec)
    return codec


def mean_mesh(like: Tensor) -> Tensor:
    """Return the mean face as often as points (B, 468, 2) has rows."""
    mean = points_from_shape(np.zeros(SHAPE_SYMBOLS, np.int16))
    return torch.from_numpy(mean).to(like).expand_as(like)


def _filled(x: Tensor, channels: slice, value: float) -> Tensor:
    """x (B, C, H, W) with some channels at one value; gradients reach the others."""
    kept = torch.ones(x.shape[1], device=x.device, dtype=x.dtype)
    kept[channels] = 0
    kept = kept[:, None, None]
    return x * kept + (1 - kept) * value


def _before(module: nn.Module, change: Callable[[Inputs], Inputs]) -> None:
    module.register_forward_pre_hook(lambda _, inputs: change(inputs))


def _after(module: nn.Module, change: Callable[[object], object]) -> None:
    module.register_forward_hook(lambda _, __, output: change(output))


def _each_driving(codec: Codec, change: Callable[[Driving], Driving]) -> None:
    """Both networks of a frame take the driving last."""
    for module in (codec.renderer.dense_motion, codec.renderer.generator):
        _before(module, lambda inputs: (*inputs[:-1], change(inputs[-1])))


def _mesh(codec: Codec) -> None:
    for module in (codec.analyser, codec.analyser.keypoints):
        _before(module, lambda inputs: (inputs[0], mean_mesh(inputs[1]), inputs[2]))
    _each_driving(codec, lambda driving: driving._replace(
        reference_points=mean_mesh(driving.reference_points), driving_points=mean_mesh(driving.driving_points),
    ))  # fmt: skip


def _segmentation(codec: Codec) -> None:
    for module in (codec.analyser, codec.analyser.keypoints, codec.renderer.reference):
        _before(module, lambda inputs: (*inputs[:-1], torch.zeros_like(inputs[-1])))


def _voice(codec: Codec) -> None:
    _each_driving(codec, lambda driving: driving._replace(voice_present=driving.voice_present * 0))


def _identity(codec: Codec) -> None:
    def nobody(features: ReferenceFeatures) -> ReferenceFeatures:
        return features._replace(identity=features.identity * 0)

    _after(codec.renderer.reference, nobody)


def _blend(codec: Codec) -> None:
    _after(codec.renderer.generator.head, lambda head: _filled(head, BLEND_LOGITS, CLOSED))
    _before(codec.renderer.generator.pixels128, lambda inputs: (torch.zeros_like(inputs[0]),))


def _keypoints(codec: Codec) -> None:
    _each_driving(codec, lambda driving: driving._replace(driving_keypoints=driving.reference_keypoints))


def _codes(codec: Codec) -> None:
    _each_driving(codec, lambda driving: driving._replace(
        codes=driving.codes * 0, reference_codes=driving.reference_codes * 0
    ))  # fmt: skip


def _residual_flow(codec: Codec) -> None:
    _after(codec.renderer.dense_motion.head, lambda head: _filled(head, slice(FLOWS, FLOWS + 2), 0.0))


def _base_flow(codec: Codec) -> None:
    def unseen(inputs: Inputs) -> Inputs:
        maps = inputs[0]
        for channels in SEEN_THROUGH_BASE:
            maps = _filled(maps, channels, 0.0)
        return (maps,)

    _before(codec.renderer.dense_motion.stem, unseen)
    _before(codec.renderer.dense_motion.still_prior, lambda inputs: (inputs[0], inputs[0]))
    _after(codec.renderer.dense_motion.head, lambda head: _filled(head, slice(0, 1), CLOSED))


PARTS: Final[dict[str, Callable[[Codec], None]]] = {
    "mesh": _mesh, "segmentation": _segmentation, "voice": _voice, "identity": _identity, "blend": _blend,
    "keypoints": _keypoints, "codes": _codes, "residual_flow": _residual_flow, "base_flow": _base_flow,
}  # fmt: skip
