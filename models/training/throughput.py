"""How many samples a second training makes on this machine, where the time goes, and what its arithmetic would allow.

    python -m models.training.throughput [--config FILE.yaml] [--steps 8] [--device auto] [--vgg FILE] [--out FILE.json]

Needs no cache: batches are noise of the right shapes with the mean face, made beforehand, so that only networks, losses and
optimiser are timed. The bound is samples x R / M: M is the multiply-accumulates of one step, forward and backward (torch's
FlopCounterMode: convolutions and matrix products), R the rate that a large bfloat16 matrix product reaches here with the same
threads. Nothing reaches it: the count leaves out warps, resizes, activations and the optimiser, and small convolutions run slower
than large products.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from models.allocator import keep_freed_memory
from models.losses.perceptual import Vgg19, default_vgg_path
from models.networks.codec import Codec
from models.training.clock import StageClock
from models.training.settings import Settings, read_settings
from models.training.step import Step
from shared.coding.mesh_motion import points_from_shape
from shared.coding.motion_layout import SHAPE_SYMBOLS
from shared.errors import UserError
from shared.provenance import commit, machine

WARM: Final = 2
GEMM_SIDE: Final = 2048
GEMM_TRIES: Final = 5


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m models.training.throughput", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    add = parser.add_argument
    add("--config", type=Path, help="YAML of a run (default: the defaults)")
    add("--steps", type=int, default=8, help="steps timed after two that are not (default 8)")
    add("--device", default="auto", choices=("auto", "cpu", "cuda"))
    add(
        "--vgg",
        type=Path,
        default=default_vgg_path(),
        help="VGG19 weights; without them the perceptual losses are left out",
    )
    add("--out", type=Path, help="JSON file of the result")
    options = parser.parse_args(arguments)
    if options.steps < 1:
        parser.error("--steps is 1 or more")
    keep_freed_memory()
    try:
        result = measure(read_settings(options.config), _device(options.device), options.steps, options.vgg)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(lines(result))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    return 0


def _device(asked: str) -> torch.device:
    if asked == "cuda" and not torch.cuda.is_available():
        raise UserError("No CUDA device is usable here. Use --device cpu, or install a CUDA build of torch.")
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if asked == "auto" else asked)


def measure(settings: Settings, device: torch.device, steps: int, vgg_path: Path) -> dict[str, Any]:
    """Return samples a second, milliseconds a step by stage, and the bound."""
    clock = StageClock(torch.cuda.synchronize if device.type == "cuda" else None)
    vgg = Vgg19(vgg_path).to(device, memory_format=torch.channels_last) if vgg_path.is_file() else None
    work = _Work(settings, device, Step(settings, vgg, clock=clock), clock)
    with FlopCounterMode(display=False) as counter:
        work.step(0)
    for number in range(WARM):
        work.step(number)
    clock.seconds.clear()
    begun = time.perf_counter()
    for number in range(steps):
        work.step(number)
    seconds = (time.perf_counter() - begun) / steps
    macs, rate = counter.get_total_flops() // 2, gemm_macs_per_s(device)
    samples = settings.references * settings.frames
    return {
        "machine": machine(), "commit": commit(),
        "size": settings.size, "samples_a_step": samples, "crop_px": settings.crop_px, "perceptual": vgg is not None,
        "device": device.type, "threads": torch.get_num_threads(), "torch": torch.__version__,
        "samples_per_s": round(samples / seconds, 2), "step_ms": round(1000 * seconds, 1),
        "stages_ms": {name: round(1000 * value / steps, 1) for name, value in clock.seconds.items()},
        "gmac_a_step": round(macs / 1e9, 3), "gemm_gmac_per_s": round(rate / 1e9, 1),
        "bound_samples_per_s": round(samples * rate / macs, 2),
    }  # fmt: skip


class _Work:
    """One step as the training takes it, without data and without the adversary."""

    def __init__(self, settings: Settings, device: torch.device, step: Step, clock: StageClock) -> None:
        torch.manual_seed(settings.seed)
        self._codec = Codec(settings.size).to(device, memory_format=torch.channels_last)
        if settings.detector_from:  # the checkpoint need not be here: what counts is that nothing learns
            self._codec.analyser.requires_grad_(False)
        self._optimiser = torch.optim.AdamW([p for p in self._codec.parameters() if p.requires_grad])
        self._data = {name: value.to(device) for name, value in noise(settings).items()}
        self._device, self._step, self._clock = device, step, clock

    def step(self, number: int) -> None:
        """Forward, backward, optimiser."""
        with self._clock.stage("forward"), torch.autocast(self._device.type, dtype=torch.bfloat16):
            total = self._step.total(self._step(self._codec, self._data, number).losses)
        with self._clock.stage("backward"):
            self._optimiser.zero_grad(set_to_none=True)
            total.backward()
        with self._clock.stage("optimiser"):
            torch.nn.utils.clip_grad_norm_(self._codec.parameters(), 1.0)
            self._optimiser.step()


def noise(settings: Settings) -> dict[str, Tensor]:
    """Return a batch (see `models.training.samples.Batch`) of noise, with the mean face as every mesh."""
    keyframes, frames = settings.references, settings.frames
    generator = torch.Generator().manual_seed(settings.seed)
    mean = torch.from_numpy(points_from_shape(np.zeros(SHAPE_SYMBOLS, np.int16)))

    def random(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    still, moving = mean.expand(keyframes, -1, -1), mean.expand(keyframes, frames, -1, -1)
    return {
        "image": random(keyframes, 3, 256, 256), "original": random(keyframes, 3, 256, 256),
        "mask": random(keyframes, 1, 32, 32).round(), "reference_mask": random(keyframes, 1, 64, 64),
        "reference_points": still, "true_reference_points": still,
        "target": random(keyframes, frames, 3, 256, 256), "target_mask": random(keyframes, frames, 1, 64, 64),
        "driving_points": moving + 0.01, "true_points": moving, "mel": random(keyframes, frames, 40, 32),
        "voice_present": torch.ones(keyframes, frames, 1), "thumbnail": random(keyframes, frames, 3, 64, 64),
        "thumbnail_present": torch.ones(keyframes, frames, 1), "consecutive": torch.ones(keyframes, 1),
        "sharpness": torch.ones(keyframes, 1),
    }  # fmt: skip


def gemm_macs_per_s(device: torch.device) -> float:
    """Return the best rate of a bfloat16 product of two square matrices, in multiply-accumulates a second."""
    one, other = (torch.randn(GEMM_SIDE, GEMM_SIDE, device=device).bfloat16() for _ in range(2))
    best = float("inf")
    for _ in range(GEMM_TRIES):
        begun = time.perf_counter()
        float((one @ other)[0, 0])  # reading a value waits for the device
        best = min(best, time.perf_counter() - begun)
    return GEMM_SIDE**3 / best


def lines(result: dict[str, Any]) -> str:
    """Return the result for people."""
    stages = ", ".join(f"{name} {value:g} ms" for name, value in result["stages_ms"].items())
    return (
        f"{result['size']}: {result['samples_per_s']} samples/s, {result['step_ms']} ms a step of {result['samples_a_step']} "
        f"samples ({stages})\n{result['gmac_a_step']} GMAC a step; a large bfloat16 product runs at "
        f"{result['gemm_gmac_per_s']} GMAC/s here: at most {result['bound_samples_per_s']} samples/s"
    )


if __name__ == "__main__":
    raise SystemExit(main())
