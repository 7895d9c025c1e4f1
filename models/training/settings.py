"""Settings of a training run: defaults here, differences in a YAML file, weights of the losses included."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from shared.errors import UserError


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How much each loss counts; 0 leaves its computation out."""

    pixel: float = 6.0
    perceptual: float = 1.0
    feature: float = 0.25
    mouth: float = 4.0
    eyes: float = 2.0
    equivariance: float = 0.5
    flow_smooth: float = 0.5
    temporal: float = 2.0
    temporal_warped: float = 0.0
    reference: float = 2.0
    identity: float = 0.0
    adversarial: float = 0.0
    feature_matching: float = 0.0
    distill: float = 0.0
    detail: float = 0.0


@dataclass(frozen=True, slots=True)
class Settings:
    """One run. steps: optimiser steps until the learning rate reaches zero. references: keyframes a batch; frames: driving
    frames for each of them. crop_px: side of the part on which features are compared. *_drop: share of samples without that
    input. far_share: share of samples that draw far poses on purpose. stills_share: share of samples made of portraits.
    adversarial_from_step: when the adversarial losses begin, if they have weight. detector_from: checkpoint whose frozen
    detector to use (the detector *is* the bitstream). voice_from: file of `models.training.voice_branch`, or a checkpoint,
    whose voice branch to use; it comes last, so it wins over that of start_from and detector_from. teacher: checkpoint to
    distil from. Instead of a checkpoint start_from, detector_from and teacher take `shipped`: the weights that come with
    facewire (as teacher: lite). without: parts to leave out, for ablations (models/training/leave_out.py)."""

    size: str = "lite"
    seed: int = 0
    steps: int = 6000
    references: int = 2
    frames: int = 2
    learning_rate: float = 5e-4
    warmup: int = 100
    ema: float = 0.998
    crop_px: int = 128
    thumbnail_drop: float = 0.7
    voice_drop: float = 0.3
    keypoint_drop: float = 0.1
    far_share: float = 0.0
    stills_share: float = 0.0
    adversarial_from_step: int = 0
    detector_from: str = ""
    start_from: str = ""
    voice_from: str = ""
    teacher: str = ""
    without: tuple[str, ...] = ()
    losses: LossWeights = field(default_factory=LossWeights)


def read_settings(path: Path | None) -> Settings:
    """Return the defaults with the differences of a YAML file. Raises UserError on unknown keys or unreadable files."""
    if path is None:
        return Settings()
    try:
        differences = yaml.safe_load(path.read_text()) or {}
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"The settings {path} cannot be read: {error}") from error
    if not isinstance(differences, dict) or not isinstance(differences.get("losses", {}), dict):
        raise UserError(
            f"The settings {path} are not names with values. See models/training/runs/lite.yaml for an example."
        )
    if not isinstance(differences.get("without", []), list):
        raise UserError(f"{path} sets without to something that is no list. Write without: [mesh, blend].")
    differences["without"] = tuple(differences.get("without", []))
    losses = _replace(LossWeights(), differences.pop("losses", {}), path)
    return replace(_replace(Settings(), differences, path), losses=losses)


def _replace(defaults: Any, differences: dict[str, Any], path: Path) -> Any:
    known = {entry.name for entry in fields(defaults)}
    unknown = sorted(set(differences) - known)
    if unknown:
        raise UserError(
            f"{path} sets {', '.join(unknown)}, which no run knows. Known: {', '.join(sorted(known))}."
        )
    return replace(defaults, **differences)
