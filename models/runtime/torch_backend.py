"""The network in torch, on a CPU or an NVIDIA GPU: many pictures of many calls at once.

    states ---cat---> features (n, ...) --+   static memory, n rounded up to a batch size
    motions, voices, thumbnails ----------+--> network --> pictures (n, 256, 256, 3) uint8

On a GPU the convolutions run in bfloat16 and channels-last, and each batch size is one CUDA graph: a graph costs one launch,
the network's 250 kernels one each. Everything else keeps float32, as the network was written: coordinates in bfloat16 lose
whole pixels. A CPU runs the same code without graphs.

The only module of the receiver that may import torch. Invariant: `render_batch` returns after the device has finished, so
what it read may be freed or written over; the order of a batch and what else is in it change no picture by more than the
rounding of the arithmetic.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from models.export.graphs import DRIVING, ReferenceGraph, RenderGraph
from models.export.read_back import read_renderer
from models.networks.renderer import Renderer
from models.runtime.base import (
    Array,
    Backend,
    BackendUnavailable,
    ModelInfo,
    Picture,
    Reference,
    ReferenceState,
    RenderRequest,
)
from models.runtime.tensors import driving_inputs, reference_inputs
from models.runtime.warm_up import mean_face
from shared.coding.motion_code import dequantise_motion
from shared.coding.motion_layout import SYMBOLS, MotionValues
from shared.limits import PICTURE_SIZE_PX, RENDER_BATCH_MAX

CUDA_BATCHES: Final[tuple[int, ...]] = (1, 2, 4, 8, 12, 16, 24, 32, 48, RENDER_BATCH_MAX)
"""Batch sizes that have a graph of their own; at most half of a batch is for nothing, a quarter in the mean."""
CPU_BATCHES: Final[tuple[int, ...]] = (1, 2, 4, 8)
_WARM_RUNS: Final = 3
"""Before a capture: the libraries choose their kernels and take their memory in the first runs."""


class TorchState(ReferenceState):
    """Feature tensors of a reference on the device, each (1, ...), and the numbers that render needs beside them."""

    __slots__ = ("features", "reference")

    def __init__(self, features: tuple[Tensor, ...], reference: Reference) -> None:
        self.features = features
        self.reference = reference


class TorchBackend(Backend):
    """A `Backend` that renders in batches."""

    def __init__(
        self,
        name: str,
        model: ModelInfo,
        renderer: Renderer,
        device: torch.device,
        precision: torch.dtype,
        batches: Sequence[int],
    ) -> None:
        """renderer: taken over and changed. precision: of the convolutions. batches: sizes, rising; the last is `batch_max`."""
        self.name, self.model, self.device = name, model, _describe(device)
        self.batch_max = batches[-1]
        self._device = device
        _prepare(renderer, device, precision)
        self._encode = ReferenceGraph(renderer).eval()
        self._encoding, self._rendering = _Turn(device), _Turn(device)
        features = self._features(mean_face())
        self._inputs = _Inputs(features, self.batch_max, device)
        shape = (self.batch_max, PICTURE_SIZE_PX, PICTURE_SIZE_PX, 3)
        self._pictures = torch.zeros(shape, dtype=torch.uint8, pin_memory=device.type == "cuda")
        self._sizes = self._prepare_sizes(RenderGraph(renderer).eval(), batches)

    def encode_reference(self, reference: Reference) -> TorchState:
        """Run the keyframe's network. From one thread at a time, beside `render_batch`."""
        return TorchState(self._features(reference), reference)

    def render(
        self,
        state: ReferenceState,
        motion: MotionValues,
        voice: Array | None = None,
        thumbnail: Picture | None = None,
    ) -> Picture:
        """A batch of one."""
        return self.render_batch([RenderRequest(state, motion, voice, thumbnail)])[0]

    @torch.inference_mode()
    def render_batch(self, requests: Sequence[RenderRequest]) -> list[Picture]:
        """Run the network once for 1..batch_max pictures (ValueError otherwise). From one thread at a time."""
        count = len(requests)
        if not 1 <= count <= self.batch_max:
            raise ValueError(f"{count} pictures at once: this network makes 1 to {self.batch_max}")
        states = [one.state for one in requests if isinstance(one.state, TorchState)]
        if len(states) != count:
            raise TypeError("a reference of another backend")
        rows = [
            driving_inputs(state.reference, one.motion, one.voice, one.thumbnail)
            for state, one in zip(states, requests, strict=True)
        ]
        run = next(run for size, run in self._sizes.items() if size >= count)
        with self._rendering():
            self._inputs.fill([state.features for state in states], rows)
            self._pictures[:count].copy_(run()[:count], non_blocking=True)
        # Copies: the memory is the next batch's, too.
        return [np.array(picture) for picture in self._pictures[:count].numpy()]

    @torch.inference_mode()
    def _features(self, reference: Reference) -> tuple[Tensor, ...]:
        with self._encoding():
            given = reference_inputs(reference)
            tensors = (torch.from_numpy(given[name]).to(self._device) for name in self._encode.inputs)
            return tuple(_channels_last(feature) for feature in self._encode(*tensors))

    @torch.inference_mode()
    def _prepare_sizes(self, network: nn.Module, batches: Sequence[int]) -> dict[int, Callable[[], Tensor]]:
        """What renders the first n rows of the inputs, by n. On a GPU the largest goes first: the others fit its memory."""
        if self._device.type != "cuda":
            return {size: _Prefix(network, self._inputs, size) for size in batches}
        pool = torch.cuda.graph_pool_handle()
        graphs = {
            size: _Captured(_Prefix(network, self._inputs, size), self._device, pool)
            for size in reversed(batches)
        }
        return {size: graphs[size] for size in batches}


class _Turn:
    """A stream of work on a GPU that is over when the block is left; on a CPU nothing."""

    def __init__(self, device: torch.device) -> None:
        self._stream = _stream(device) if device.type == "cuda" else None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        if self._stream is None:
            yield
            return
        with torch.cuda.stream(self._stream):
            try:
                yield
            finally:
                self._stream.synchronize()


class _Inputs:
    """Memory of the network's inputs for the largest batch, at places that never change."""

    def __init__(self, features: tuple[Tensor, ...], rows: int, device: torch.device) -> None:
        self.features = [
            _channels_last(torch.zeros((rows, *one.shape[1:]), dtype=one.dtype, device=device))
            for one in features
        ]
        still = driving_inputs(mean_face(), dequantise_motion(np.zeros(SYMBOLS, np.int16)), None, None)
        shapes = {name: (rows, *still[name].shape[1:]) for name in DRIVING}
        # Pinned, so that a copy need not wait for the one before; on a CPU host and device are the same memory.
        self._host = {
            name: torch.zeros(shape, pin_memory=device.type == "cuda") for name, shape in shapes.items()
        }
        self.driving = {name: host.to(device) for name, host in self._host.items()}

    def fill(self, features: Sequence[tuple[Tensor, ...]], rows: Sequence[Mapping[str, Array]]) -> None:
        """Put a batch into the first rows; what stands in the others is of no account."""
        count = len(rows)
        for place, memory in enumerate(self.features):
            torch.cat([one[place] for one in features], out=memory[:count])
        for name, host in self._host.items():
            np.concatenate([row[name] for row in rows], out=host[:count].numpy())
            if self.driving[name] is not host:
                self.driving[name][:count].copy_(host[:count], non_blocking=True)


class _Prefix:
    """The network on the first rows of the inputs."""

    def __init__(self, network: nn.Module, inputs: _Inputs, rows: int) -> None:
        tensors = (*inputs.features, *(inputs.driving[name] for name in DRIVING))
        self._network, self._tensors = network, [tensor[:rows] for tensor in tensors]

    def __call__(self) -> Tensor:
        pictures: Tensor = self._network(*self._tensors)
        return pictures


class _Captured:
    """What `run` does on the device, recorded once; a call does it again on what its inputs hold by then."""

    def __init__(self, run: Callable[[], Tensor], device: torch.device, pool: Any) -> None:
        stream = _stream(device)
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for _ in range(_WARM_RUNS):
                run()
        torch.cuda.current_stream(device).wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, pool=pool, stream=stream):
            self._result = run()

    def __call__(self) -> Tensor:
        self._graph.replay()
        return self._result


def _prepare(renderer: Renderer, device: torch.device, precision: torch.dtype) -> None:
    """Convolutions and linear layers to `precision`, channels last; each casts what it is given."""

    def cast(module: nn.Module, given: tuple[Any, ...]) -> tuple[Tensor, ...]:
        return (given[0].to(precision),)

    renderer.eval().requires_grad_(False).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    for module in renderer.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.to(precision)
            module.register_forward_pre_hook(cast)


def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def _channels_last(tensor: Tensor) -> Tensor:
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor.contiguous()


def _describe(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, bf16, torch {torch.__version__}"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' * (threads > 1)}, torch {torch.__version__}"


def open_torch(
    name: str, size: str, encode: Path, render: Path, model: ModelInfo, threads: int
) -> TorchBackend:
    """`torch`: on the CPU in float32; `cuda`: on the GPU. Raises BackendUnavailable when there is none."""
    if name == "cuda":
        _check_gpu()
        torch.backends.cudnn.benchmark = True  # shapes never change: the fastest kernels are looked for once
        device, precision, batches = torch.device("cuda"), torch.bfloat16, CUDA_BATCHES
    else:
        torch.set_num_threads(threads)
        device, precision, batches = torch.device("cpu"), torch.float32, CPU_BATCHES
    return TorchBackend(name, model, read_renderer(size, encode, render), device, precision, batches)


def _check_gpu() -> None:
    if torch.version.cuda is None:
        raise BackendUnavailable(
            f"The installed torch {torch.__version__} is built without CUDA. Install a build with it (pip install torch, on "
            "Linux with the default index), or choose another --backend."
        )
    if not torch.cuda.is_available():
        raise BackendUnavailable(
            "No NVIDIA GPU can be used here: there is none, its driver is missing or too old, or the container was started "
            "without it (docker run --gpus all). Or choose another --backend."
        )
