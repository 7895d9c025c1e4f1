"""What is evaluated: shipped graphs on an engine, or a checkpoint of the training in torch with everything that belongs to it.

A checkpoint brings its own analyser and voice branch, because they are its bitstream: motion coded by other weights would say
nothing to its renderer. Invariant: sender and receiver always come from the same weights.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.evaluation.fused_gallery import FusedGallery
from models.export.graphs import AnalyserGraph, VoiceGraph
from models.export.read_back import read_renderer
from models.networks.codec import Codec
from models.networks.renderer import Renderer
from models.runtime.base import Backend, ModelInfo
from models.runtime.choose import choose_backend
from models.runtime.graph_backend import float_names
from models.runtime.torch_backend import TorchBackend
from models.training.checkpoint import load_codec
from models.weights import bundle_digest, open_verified, sha256_of
from receiver.voice_features import COLUMNS, VoiceFeatures
from sender.motion_encoder import MotionEncoder
from shared.errors import UserError
from shared.log_mel import MELS, SILENCE

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Networks:
    """Both ends of a call. ears: makes what listens to one clip's voice. gallery: what renders one clip, None: `backend`."""

    backend: Backend
    coder: MotionEncoder
    ears: Callable[[], VoiceFeatures]
    gallery: Callable[[], Backend] | None = None


def open_networks(
    backend: str, size: str, threads: int, checkpoint: Path | None, *, fused: bool = False
) -> Networks:
    """Open shipped weights, or with `backend` torch a checkpoint. Raises UserError when they cannot be used, or do not fit.

    fused: every frame from all references of its clip, in torch.
    """
    if backend != "torch":
        if checkpoint is not None:
            raise UserError("Only --backend torch runs a checkpoint: add it, or leave --checkpoint out.")
        if fused:
            raise UserError("Only --backend torch fuses references: add it, or leave --fuse out.")
    torch.set_num_threads(threads)
    if checkpoint is None:
        make = partial(_shipped_gallery, size) if fused else None
        return Networks(choose_backend(backend, size, threads), MotionEncoder(threads), VoiceFeatures, make)
    codec = load_codec(checkpoint)
    if codec.renderer.size.name != size:
        raise UserError(
            f"The checkpoint is of size {codec.renderer.size.name}: add --size {codec.renderer.size.name}."
        )
    model = ModelInfo(f"facewire-{size}-checkpoint", sha256_of(checkpoint))
    make = partial(FusedGallery, deepcopy(codec.renderer), model) if fused else None
    ears = partial(CheckpointEars, codec)
    return Networks(on_cpu(codec.renderer, model), CheckpointEncoder(codec), ears, make)


def on_cpu(renderer: Renderer, model: ModelInfo) -> Backend:
    """A renderer as a backend, one picture at a time. It is taken over."""
    return TorchBackend("torch", model, renderer, torch.device("cpu"), torch.float32, (1,))


def _shipped_gallery(size: str) -> Backend:
    names = float_names(size)
    encode, render = (open_verified(name) for name in names)
    model = ModelInfo(f"facewire-{size}", bundle_digest(list(names)))
    return FusedGallery(read_renderer(size, encode, render), model)


class TorchGraph:
    """A module of `models.export.graphs` with the numbers of an engine's graph: named arrays in and out."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module.eval()
        self.inputs: tuple[str, ...] = tuple(module.inputs)
        self.outputs: tuple[str, ...] = tuple(module.outputs)

    @torch.no_grad()
    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name."""
        tensors = [torch.from_numpy(np.ascontiguousarray(feeds[name], np.float32)) for name in self.inputs]
        found = self._module(*tensors)
        found = (found,) if isinstance(found, torch.Tensor) else found
        return {name: value.numpy() for name, value in zip(self.outputs, found, strict=True)}


class _Session:
    """A `TorchGraph` with the one method of an ONNX Runtime session that sender and voice features use."""

    def __init__(self, module: nn.Module) -> None:
        self._graph = TorchGraph(module)

    def run(self, outputs: Sequence[str], feeds: Mapping[str, Any]) -> list[Array]:
        """Outputs in the order asked for."""
        found = self._graph.run(feeds)
        return [found[name] for name in outputs]


class CheckpointEncoder(MotionEncoder):
    """A motion encoder with a checkpoint's analyser."""

    def __init__(self, codec: Codec) -> None:
        self._session = _Session(AnalyserGraph(codec.analyser))


class CheckpointEars(VoiceFeatures):
    """Voice features by a checkpoint's voice branch."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self._session = _Session(VoiceGraph(codec.voice))
        self.silence = self._hear(np.full((COLUMNS, MELS), SILENCE, np.float32))
