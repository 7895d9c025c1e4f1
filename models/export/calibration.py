"""Inputs to calibrate int8 graphs with: real samples of training people, for a renderer with and without voice and thumbnail."""

import numpy as np
import torch
from numpy.typing import NDArray

from models.export.graphs import DRIVING, FEATURES, AnalyserGraph, render_features
from models.networks.codec import Codec
from models.training.dataset import CachedClip
from models.training.samples import Sampler
from models.training.settings import Settings
from models.training.step import Step, to_tensors

Feeds = dict[str, NDArray[np.float32]]
SAMPLES = 48


@torch.no_grad()
def calibration_feeds(codec: Codec, clips: list[CachedClip]) -> list[Feeds]:
    """Return inputs of the render graph."""
    settings = Settings(references=1, frames=1, seed=77)
    sampler = Sampler([clip for clip in clips if clip.split == "train"], settings)
    step = Step(settings, None)
    renders = []
    for number in range(SAMPLES):
        data = to_tensors(sampler.batch(number), torch.device("cpu"))
        features = render_features(
            codec.renderer, codec.renderer.encode_reference(data["image"], data["mask"])
        )
        driving = step.driving(codec, data, torch.Generator().manual_seed(number))
        named = dict(zip(FEATURES, features, strict=True)) | dict(zip(DRIVING, driving, strict=True))
        renders.append({name: np.ascontiguousarray(value.numpy()) for name, value in named.items()})
    return renders


def analyser_feeds(clips: list[CachedClip]) -> list[Feeds]:
    """Return inputs of the analyser: frames of training clips, their meshes and masks, spread over people."""
    sampler = Sampler(
        [clip for clip in clips if clip.split == "train"], Settings(references=1, frames=1, seed=78)
    )
    feeds = []
    for number in range(SAMPLES):
        batch = sampler.batch(number)
        sample = batch.target[0], batch.true_points[0], batch.target_mask[0]
        feeds.append(
            {
                name: np.ascontiguousarray(value)
                for name, value in zip(AnalyserGraph.inputs, sample, strict=True)
            }
        )
    return feeds
