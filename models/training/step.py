"""One training step: batch -> codec -> losses. The losses' weights come from the settings; a weight of 0 costs nothing."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.losses import motion as motion_losses
from models.losses import perceptual, picture
from models.losses.identity import identity_consistency
from models.networks.codec import (
    ANCHOR_KEYPOINT_STEP,
    CODE_STEP,
    KEYPOINT_STEP,
    Analysis,
    Codec,
    rounding_noise,
)
from models.networks.dense_motion import Driving
from models.networks.detector import DETECTOR_SIDE
from models.networks.layers import resize
from models.networks.mesh_maps import base_flow, region_maps
from models.networks.reference import ReferenceFeatures
from models.training.adversary import Adversary
from models.training.clock import StageClock
from models.training.samples import Batch
from models.training.settings import Settings


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What one pass over a batch gives. picture (R * F, 3, 256, 256), losses by name (unweighted scalars)."""

    picture: Tensor
    losses: dict[str, Tensor]


def to_tensors(batch: Batch, device: torch.device) -> dict[str, Tensor]:
    """Return the batch's arrays as float32 tensors on the device; to a GPU from pinned memory, without waiting."""
    tensors = {name: torch.from_numpy(np.ascontiguousarray(getattr(batch, name))) for name in Batch.__slots__}
    if device.type != "cuda":
        return {name: tensor.to(device) for name, tensor in tensors.items()}
    return {name: tensor.pin_memory().to(device, non_blocking=True) for name, tensor in tensors.items()}


def repeat(x: Tensor, times: int) -> Tensor:
    """Repeat each row of the batch: (R, ...) -> (R * times, ...)."""
    return x.repeat_interleave(times, dim=0)


def repeat_reference(reference: ReferenceFeatures, times: int) -> ReferenceFeatures:
    """Return the features of R keyframes for R * times frames."""
    return ReferenceFeatures(*(repeat(x, times) for x in reference))


def per_frame(data: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the per-frame tensors with keyframes and frames in one batch dimension."""
    return {name: data[name].flatten(0, 1) for name in _PER_FRAME}


@torch.no_grad()
def voice_features(codec: Codec, mel: Tensor) -> Tensor:
    """Return the voice branch's features; it is trained on its own (`voice_branch`) and held fixed here."""
    return codec.voice.eval().window(mel)


class Step:
    """Computes the losses of a batch. vgg None leaves the perceptual losses out, adversary None the adversarial ones."""

    def __init__(
        self, settings: Settings, vgg: perceptual.Vgg19 | None, teacher: Codec | None = None,
        adversary: Adversary | None = None, clock: StageClock | None = None,
    ) -> None:  # fmt: skip
        weights = settings.losses
        self._settings, self._teacher = settings, teacher
        self._vgg = vgg if weights.perceptual > 0 or weights.feature > 0 else None
        self._adversary, self._clock = adversary, clock or StageClock()
        self._anchored = not {"mesh", "base_flow"} & set(settings.without)

    def __call__(self, codec: Codec, data: dict[str, Tensor], number: int) -> Rebuilt:
        """Return picture and losses of batch `number` (which seeds the noise)."""
        generator = torch.Generator().manual_seed(self._settings.seed * 1_000_003 + number)
        frames = data["target"].shape[1]
        flat = per_frame(data)
        at_driving = codec.analyser(flat["target"], flat["true_points"], flat["target_mask"])
        driving = self._driving(codec, data, at_driving, generator)
        reference = codec.renderer.encode_reference(data["image"], data["mask"])
        repeated = repeat_reference(reference, frames)
        motion = codec.renderer.motion(repeated, driving)
        rebuilt = codec.renderer.generator(repeated, motion, driving)
        sharpness = repeat(data["sharpness"], frames)
        losses = self._picture_losses(rebuilt, flat["target"], flat["true_points"], sharpness, generator)
        losses |= self._motion_losses(codec, flat, at_driving, motion.flow, driving, generator)
        losses["reference"] = picture.pixel(reference.picture, data["original"]).mean()
        losses |= self._temporal_losses(rebuilt.reshape(data["target"].shape), data)
        if self._settings.losses.identity > 0:
            mask = (resize(flat["target_mask"], 32) > 0.5).float()
            losses["identity"] = identity_consistency(
                codec.renderer.reference, rebuilt, mask, repeated.identity
            )
        if self._adversary is not None and self._adversary.plays(number):
            with self._clock.stage("adversarial"):
                losses |= self._adversary.losses(rebuilt, flat["target"], sharpness[:, 0])
        if self._teacher is not None:
            losses["distill"] = self._distillation(data, driving, rebuilt, frames)
        return Rebuilt(rebuilt, losses)

    def _temporal_losses(self, rebuilt: Tensor, data: dict[str, Tensor]) -> dict[str, Tensor]:
        target, consecutive = data["target"], data["consecutive"]
        losses = {"temporal": picture.temporal(rebuilt, target, consecutive)}
        if self._settings.losses.temporal_warped > 0 and target.shape[1] > 1:
            losses["temporal_warped"] = picture.temporal_warped(
                rebuilt, target, data["true_points"], consecutive
            )
        return losses

    def driving(self, codec: Codec, data: dict[str, Tensor], generator: torch.Generator) -> Driving:
        """Return what a receiver would decode of a batch."""
        flat = per_frame(data)
        at_driving = codec.analyser(flat["target"], flat["true_points"], flat["target_mask"])
        return self._driving(codec, data, at_driving, generator)

    def _driving(
        self, codec: Codec, data: dict[str, Tensor], at_driving: Analysis, generator: torch.Generator
    ) -> Driving:
        frames, flat = data["target"].shape[1], per_frame(data)
        at_reference = codec.analyser(data["original"], data["true_reference_points"], data["reference_mask"])
        keypoints = rounding_noise(repeat(at_reference.keypoints, frames), ANCHOR_KEYPOINT_STEP, generator)
        moved = rounding_noise(at_driving.keypoints, KEYPOINT_STEP, generator)
        codes = rounding_noise(repeat(at_reference.codes, frames), CODE_STEP, generator)
        keep = (
            (torch.rand(len(moved), 1, generator=generator) >= self._settings.keypoint_drop)
            .float()
            .to(moved.device)
        )
        return Driving(
            repeat(data["reference_points"], frames), flat["driving_points"],
            keypoints, keypoints + (moved - keypoints) * keep[:, :, None],
            rounding_noise(at_driving.codes - codes, CODE_STEP, generator) * keep, codes,
            voice_features(codec, flat["mel"]), flat["voice_present"], flat["thumbnail"], flat["thumbnail_present"],
        )  # fmt: skip

    def _picture_losses(self, rebuilt: Tensor, target: Tensor, points: Tensor, sharpness: Tensor,
                        generator: torch.Generator) -> dict[str, Tensor]:  # fmt: skip
        regions = region_maps(points, target.shape[-1])
        losses = {
            "pixel": picture.pixel(rebuilt, target).mean(),
            "mouth": picture.regional(rebuilt, target, regions[:, :1]).mean(),
            "eyes": picture.regional(rebuilt, target, regions[:, 1:]).mean(),
        }
        if self._settings.losses.detail > 0:
            losses["detail"] = (picture.detail(rebuilt, target) * sharpness[:, 0]).mean()
        if self._vgg is None:
            return losses
        side = self._settings.crop_px
        corners = torch.randint(0, target.shape[-1] - side + 1, (len(target), 2), generator=generator)
        with self._clock.stage("perceptual"):
            with torch.no_grad():
                original = self._vgg(picture.crop(target, corners, side))
            features = self._vgg(picture.crop(rebuilt, corners, side))
            losses["perceptual"] = (perceptual.measure(features, original) * sharpness[:, 0]).mean()
            losses["feature"] = perceptual.feature_l1(features, original).mean()
        return losses

    def _motion_losses(self, codec: Codec, flat: dict[str, Tensor], analysis: Analysis, flow: Tensor, driving: Driving,
                       generator: torch.Generator) -> dict[str, Tensor]:  # fmt: skip
        base, _ = base_flow(driving.reference_points, driving.driving_points)
        # A flow that is left without the mesh must not learn it from what counts as smooth.
        losses = {"flow_smooth": motion_losses.flow_smoothness(flow, base * float(self._anchored))}
        if any(parameter.requires_grad for parameter in codec.analyser.parameters()):
            small = resize(flat["target"], DETECTOR_SIDE)
            losses["equivariance"] = motion_losses.equivariance(
                codec.analyser.keypoints,
                small,
                flat["true_points"],
                flat["target_mask"],
                analysis.keypoints,
                generator,
            ) + motion_losses.spread(analysis.keypoints)
        return losses

    def _distillation(
        self, data: dict[str, Tensor], driving: Driving, rebuilt: Tensor, frames: int
    ) -> Tensor:
        with torch.no_grad():
            reference = self._teacher.renderer.encode_reference(data["image"], data["mask"])
            shown = self._teacher.renderer.render(repeat_reference(reference, frames), driving)
        return picture.pixel(rebuilt, shown).mean()

    def total(self, losses: dict[str, Tensor]) -> Tensor:
        """Return the weighted sum of the losses."""
        weights = self._settings.losses
        return torch.stack([getattr(weights, name) * value for name, value in losses.items()]).sum()


_PER_FRAME = (
    "target", "target_mask", "driving_points", "true_points", "mel", "voice_present", "thumbnail", "thumbnail_present",
)  # fmt: skip
