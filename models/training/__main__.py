"""Training, top to bottom.

    python -m models.training --cache DIR --out DIR [--config FILE.yaml] [--minutes N] [--device auto] [--resume]

Ctrl-C at any moment writes a checkpoint; `--resume` goes on from it with the same samples in the same order.
"""

import argparse
import csv
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.losses.perceptual import Vgg19, default_vgg_path
from models.networks.codec import Codec
from models.training.checkpoint import load_checkpoint, load_codec, save_checkpoint, settings_dict
from models.training.dataset import open_cache
from models.training.samples import Batch, Sampler
from models.training.settings import Settings, read_settings
from models.training.step import Step, to_tensors
from models.training.validation import Validation
from shared.errors import UserError

CHECKPOINT_S = 120


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m models.training", description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="made by `python -m models.training.cache`")
    parser.add_argument(
        "--out", type=Path, required=True, help="checkpoint, curve (CSV) and picture grids go here"
    )
    parser.add_argument("--config", type=Path, help="YAML with the differences from the defaults")
    parser.add_argument("--minutes", type=float, default=10.0, help="stop after this long (default 10)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--resume", action="store_true", help="go on from OUT/checkpoint.pt")
    parser.add_argument(
        "--validate-minutes", type=float, default=5.0, help="time between validations (default 5)"
    )
    parser.add_argument(
        "--vgg", type=Path, default=default_vgg_path(), help="VGG19 weights for the perceptual loss"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Train; returns the exit status."""
    options = parse_arguments(arguments)
    try:
        Run(options).train()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


@dataclass
class Progress:
    """Where a run stands."""

    step: int = 0
    seconds: float = 0.0


class Run:
    """One run: networks, optimiser, moving average, data, curve."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.settings = options, read_settings(options.config)
        self.device = torch.device(_device_name(options.device))
        torch.manual_seed(self.settings.seed)
        self.codec = _initial_codec(self.settings).to(self.device, memory_format=torch.channels_last)
        self.average = {
            name: value.detach().clone().float() for name, value in self.codec.state_dict().items()
        }
        trained = [parameter for parameter in self.codec.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.AdamW(
            trained, lr=self.settings.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4
        )
        clips = open_cache(options.cache)
        self.sampler = Sampler([clip for clip in clips if clip.split == "train"], self.settings)
        vgg = _load_vgg(options.vgg, self.device)
        teacher = load_codec(Path(self.settings.teacher)).to(self.device) if self.settings.teacher else None
        self.step = Step(self.settings, vgg, teacher)
        self.validation = Validation([clip for clip in clips if clip.split == "val"], vgg, options.out)
        self.progress = Progress()
        self.stop = False
        if options.resume:
            self._restore(load_checkpoint(options.out / "checkpoint.pt"))

    def train(self) -> None:
        """Train until the time, the steps or the person says stop."""
        signal.signal(signal.SIGINT, self._interrupt)
        signal.signal(signal.SIGTERM, self._interrupt)
        begun = saved = validated = time.monotonic()
        previous = self.progress.seconds
        with ThreadPoolExecutor(1) as loader:
            coming = loader.submit(self.sampler.batch, self.progress.step)
            while not self.stop and self.progress.step < self.settings.steps:
                batch, coming = coming.result(), loader.submit(self.sampler.batch, self.progress.step + 1)
                losses = self._advance(batch)
                now = time.monotonic()
                self.progress.seconds = previous + now - begun
                self._report(losses, now - begun)
                self.stop = self.stop or now - begun > self.options.minutes * 60
                if now - saved > CHECKPOINT_S:
                    self._save()
                    saved = now
                if now - validated > self.options.validate_minutes * 60:
                    self._validate()
                    validated = time.monotonic()
        self._save()
        self._validate()

    def _advance(self, batch: Batch) -> dict[str, Tensor]:
        self._set_learning_rate()
        data = to_tensors(batch, self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            rebuilt = self.step(self.codec, data, self.progress.step)
            total = self.step.total(rebuilt.losses)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.codec.parameters(), 1.0)
        self.optimiser.step()
        self._update_average()
        self.progress.step += 1
        return {name: value.detach() for name, value in rebuilt.losses.items()}

    def _set_learning_rate(self) -> None:
        settings, step = self.settings, self.progress.step
        warm = min(1.0, (step + 1) / settings.warmup)
        cool = min(1.0, max(0.02, (settings.steps - step) / (0.4 * settings.steps)))
        for group in self.optimiser.param_groups:
            group["lr"] = settings.learning_rate * warm * cool

    def _update_average(self) -> None:
        keep = min(self.settings.ema, (self.progress.step + 1) / (self.progress.step + 10))
        for name, value in self.codec.state_dict().items():
            self.average[name].lerp_(value.float(), 1 - keep)

    def _report(self, losses: dict[str, Tensor], elapsed: float) -> None:
        step = self.progress.step
        if step % 50 and step > 3:
            return
        values = {name: float(value) for name, value in losses.items()}
        samples = self.settings.references * self.settings.frames * step / max(self.progress.seconds, 1e-6)
        left = max(0.0, self.options.minutes * 60 - elapsed)
        line = " ".join(f"{name} {value:.3f}" for name, value in values.items())
        print(f"step {step} | {samples:.2f} samples/s | {left / 60:.1f} min left | {line}", flush=True)
        _append_row(
            self.options.out / "curve.csv",
            {"step": step, "seconds": round(self.progress.seconds, 1), **values},
        )

    def _validate(self) -> None:
        codec = Codec(self.settings.size).to(self.device)
        codec.load_state_dict(self.average)
        scores = self.validation.run(codec.eval(), self.progress.step)
        print("validation | " + " ".join(f"{name} {value:.3f}" for name, value in scores.items()), flush=True)
        _append_row(self.options.out / "validation.csv",
                    {"step": self.progress.step, "seconds": round(self.progress.seconds, 1), **scores})  # fmt: skip

    def _save(self) -> None:
        save_checkpoint(self.options.out / "checkpoint.pt", {
            "settings": settings_dict(self.settings), "codec": self.codec.state_dict(), "average": self.average,
            "optimiser": self.optimiser.state_dict(), "step": self.progress.step, "seconds": self.progress.seconds,
        })  # fmt: skip

    def _restore(self, state: dict[str, Any]) -> None:
        if state["settings"]["size"] != self.settings.size:
            raise UserError(
                "The checkpoint is of another size than the settings ask for. Use the same --config."
            )
        self.codec.load_state_dict(state["codec"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.progress = Progress(state["step"], state["seconds"])

    def _interrupt(self, *_: object) -> None:
        self.stop = True


def _device_name(asked: str) -> str:
    if asked == "cuda" and not torch.cuda.is_available():
        raise UserError("No CUDA device is usable here. Use --device cpu, or install a CUDA build of torch.")
    return ("cuda" if torch.cuda.is_available() else "cpu") if asked == "auto" else asked


def _initial_codec(settings: Settings) -> Codec:
    codec = Codec(settings.size)
    if settings.start_from:
        codec.load_state_dict(load_codec(Path(settings.start_from)).state_dict())
    if settings.detector_from:
        source = load_codec(Path(settings.detector_from))
        codec.analyser.load_state_dict(source.analyser.state_dict())
        codec.voice.load_state_dict(source.voice.state_dict())
        codec.analyser.requires_grad_(False)
    return codec


def _load_vgg(path: Path, device: torch.device) -> Vgg19 | None:
    if not path.is_file():
        print(f"no VGG19 weights at {path}: training without the perceptual losses")
        return None
    return Vgg19(path).to(device, memory_format=torch.channels_last)


def _append_row(path: Path, row: dict[str, float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = not path.exists()
    with path.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    raise SystemExit(main())
