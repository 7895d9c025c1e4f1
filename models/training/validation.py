"""Scores the moving average on the validation people during training, with a picture grid to look at.

Every score stands beside those of the mesh warp (the base flow alone) and of the frozen keyframe, on the same frames.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from models.losses import perceptual, picture
from models.networks.codec import ANCHOR_KEYPOINT_STEP, CODE_STEP, KEYPOINT_STEP, Codec
from models.networks.dense_motion import Driving
from models.networks.layers import warp
from models.networks.mesh_maps import base_flow, region_maps
from models.training.dataset import CachedClip
from models.training.samples import Augmentation, driving_arrays, reference_arrays, voice_window

FRAMES_PER_CLIP = 4
GRID_ROWS = 8


class Validation:
    """Fixed frames of the validation clips: the first keyframe drives to a few frames spread over the clip."""

    def __init__(self, clips: list[CachedClip], vgg: perceptual.Vgg19 | None, out: Path) -> None:
        self._clips, self._vgg, self._out = clips, vgg, out

    @torch.no_grad()
    def run(self, codec: Codec, step: int) -> dict[str, float]:
        """Return mean scores, `psnr` in dB, `mouth` and `eyes` as mean difference there in levels, `vgg` where there are weights.

        Writes OUT/grid_STEP.png: keyframe, original, rebuilt, mesh warp.
        """
        scores: dict[str, list[float]] = {}
        rows = []
        for clip in self._clips:
            pictures = rebuild_clip(
                codec, clip, np.linspace(1, len(clip.frames) - 1, FRAMES_PER_CLIP).astype(int)
            )
            for arm in ("rebuilt", "warp", "frozen"):
                self._score(scores, arm, pictures[arm], pictures)
            rows.append(
                torch.cat([pictures[name][-1] for name in ("frozen", "target", "rebuilt", "warp")], dim=2)
            )
        if rows:
            self._save_grid(rows, step)
        return {name: float(np.mean(values)) for name, values in scores.items()}

    def _score(
        self, scores: dict[str, list[float]], arm: str, shown: Tensor, pictures: dict[str, Tensor]
    ) -> None:
        target, regions = pictures["target"], region_maps(pictures["points"], shown.shape[-1])
        error = ((shown - target) ** 2).mean(dim=(1, 2, 3))
        found = {
            "psnr": -10 * torch.log10(error),
            "mouth": 255 * picture.regional(shown, target, regions[:, :1]),
            "eyes": 255 * picture.regional(shown, target, regions[:, 1:]),
        }
        if self._vgg is not None:
            found["vgg"] = perceptual.measure(self._vgg(shown), self._vgg(target))
        for name, values in found.items():
            scores.setdefault(f"{arm}_{name}", []).append(float(values.mean()))

    def _save_grid(self, rows: list[Tensor], step: int) -> None:
        chosen = rows[:: max(1, len(rows) // GRID_ROWS)][:GRID_ROWS]
        grid = torch.cat(chosen, dim=1).permute(1, 2, 0).cpu().numpy()
        self._out.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(
            str(self._out / f"grid_{step:06d}.png"), (grid[:, :, ::-1] * 255).round().astype(np.uint8)
        )


def rebuild_clip(codec: Codec, clip: CachedClip, indices: np.ndarray) -> dict[str, Tensor]:
    """Return target, rebuilt, warp and frozen pictures (n, 3, 256, 256) of a clip's frames, as the wire would carry them.

    points: the frames' meshes as tracked, (n, 468, 2).
    """
    device = next(codec.parameters()).device
    plain = Augmentation()
    source = reference_arrays(clip, 0, plain)
    frames = [driving_arrays(clip, int(index), source["reference_points"], plain) for index in indices]
    at_reference = {
        name: torch.from_numpy(np.ascontiguousarray(value, np.float32))[None].to(device)
        for name, value in source.items()
    }
    drive = {
        name: torch.from_numpy(np.stack([frame[name] for frame in frames]).astype(np.float32)).to(device)
        for name in frames[0]
    }
    mel = torch.from_numpy(np.stack([voice_window(clip.voice, int(index)) for index in indices])).to(device)
    driving = _driving(codec, at_reference, drive, mel, clip.voice is not None)
    reference = codec.renderer.encode_reference(at_reference["image"], at_reference["mask"])
    count = len(indices)
    repeated = type(reference)(*(x.expand(count, *x.shape[1:]) for x in reference))
    image = at_reference["image"].expand(count, -1, -1, -1)
    flow, _ = base_flow(driving.reference_points, driving.driving_points)
    return {
        "target": drive["target"],
        "rebuilt": codec.renderer.render(repeated, driving),
        "warp": warp(image, flow),
        "frozen": image,
        "points": drive["true_points"],
    }


def _driving(
    codec: Codec, source: dict[str, Tensor], drive: dict[str, Tensor], mel: Tensor, voice: bool
) -> Driving:
    count = len(mel)
    still = codec.analyser(source["original"], source["true_reference_points"], source["reference_mask"])
    moved = codec.analyser(drive["target"], drive["true_points"], drive["target_mask"])
    keypoints = _rounded(still.keypoints, ANCHOR_KEYPOINT_STEP)
    codes = _rounded(still.codes, CODE_STEP)
    zeros = mel.new_zeros
    return Driving(
        source["reference_points"].expand(count, -1, -1), drive["driving_points"],
        keypoints.expand(count, -1, -1), keypoints + _rounded(moved.keypoints - keypoints, KEYPOINT_STEP),
        _rounded(moved.codes - codes, CODE_STEP), codes.expand(count, -1),
        codec.voice.window(mel), zeros(count, 1) + float(voice), zeros(count, 3, 64, 64), zeros(count, 1),
    )  # fmt: skip


def _rounded(values: Tensor, step: float) -> Tensor:
    return torch.round(values / step) * step
