"""Training, top to bottom.

    python -m models.training --cache DIR --out DIR [--clips DIR] [--config FILE.yaml] [--minutes N] [--device auto]
                              [--resume] [--workers N] [--profile]

Ctrl-C at any moment writes a checkpoint; `--resume` goes on from it with the same samples in the same order.
"""

import argparse
import signal
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.allocator import keep_freed_memory
from models.export.read_back import shipped_codec
from models.losses.perceptual import Vgg19, default_vgg_path
from models.networks.codec import Codec
from models.training.adversary import Adversary, wants_adversary
from models.training.checkpoint import (
    SHIPPED,
    codec_of,
    detector_of,
    load_checkpoint,
    save_checkpoint,
    settings_dict,
    start_from,
)
from models.training.clock import StageClock
from models.training.dataset import open_cache, open_stills
from models.training.leave_out import leave_out
from models.training.loader import prefetched
from models.training.report import Reporter, append_row
from models.training.samples import Sampler
from models.training.settings import Settings, read_settings
from models.training.step import Step, repeat, to_tensors
from models.training.validation import Validation
from models.training.voice_branch import load_voice
from shared.errors import UserError

CHECKPOINT_S = 120
WARM_STEPS = 3
"""Steps that a profile leaves out: memory and kernels are set up in them."""


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m models.training", description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="made by `python -m models.training.cache`")
    parser.add_argument("--clips", type=Path, help="clips to put into the cache first, if they are not there")
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
    parser.add_argument("--workers", type=int, default=1, help="threads that prepare batches (default 1)")
    parser.add_argument("--profile", action="store_true", help="say at the end where a step's time went")
    parser.add_argument(
        "--vgg", type=Path, default=default_vgg_path(), help="VGG19 weights for the perceptual loss"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Train; returns the exit status."""
    options = parse_arguments(arguments)
    keep_freed_memory()
    try:
        if options.clips is not None:
            _fill_cache(options.clips, options.cache)
        Run(options).train()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _fill_cache(clips: Path, cache: Path) -> None:
    # Not at the top: a machine that trains from a cache made elsewhere has no decoder of video.
    from models.training.cache import main as make_cache

    if make_cache(["--clips", str(clips), "--out", str(cache)]) == 2:
        raise UserError(f"The clips of {clips} could not be cached; the reason stands above.")


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
        self.sampler = Sampler(
            [clip for clip in clips if clip.split == "train"], self.settings, open_stills(options.cache)
        )
        vgg = _load_vgg(options.vgg, self.device)
        teacher = codec_of(self.settings.teacher, "lite").to(self.device) if self.settings.teacher else None
        self.adversary = Adversary(self.settings, self.device) if wants_adversary(self.settings) else None
        exact = options.profile and self.device.type == "cuda"
        self.clock = StageClock(torch.cuda.synchronize if exact else None)
        self.step = Step(self.settings, vgg, teacher, self.adversary, self.clock)
        self.validation = Validation([clip for clip in clips if clip.split == "val"], vgg, options.out)
        self.reporter = Reporter(self.settings, options.out, options.minutes)
        self.progress = Progress()
        self.stop = False
        if options.resume:
            self._restore(load_checkpoint(options.out / "checkpoint.pt"))

    def train(self) -> None:
        """Train until the time, the steps or the person says stop."""
        signal.signal(signal.SIGINT, self._interrupt)
        signal.signal(signal.SIGTERM, self._interrupt)
        begun = saved = validated = time.monotonic()
        previous, first = self.progress.seconds, self.progress.step
        coming = prefetched(self.sampler, self.progress.step, self.options.workers)
        with closing(coming), self.reporter:
            while not self.stop and self.progress.step < self.settings.steps:
                with self.clock.stage("data"):
                    data = to_tensors(next(coming), self.device)
                losses = self._advance(data)
                now = time.monotonic()
                self.progress.seconds = previous + now - begun
                self._report(losses, now - begun)
                if self.progress.step == first + WARM_STEPS:
                    self.clock.seconds.clear()
                self.stop = self.stop or now - begun > self.options.minutes * 60
                if now - saved > CHECKPOINT_S:
                    self._save()
                    saved = now
                if now - validated > self.options.validate_minutes * 60:
                    self._validate()
                    validated = time.monotonic()
        self._save()
        self._validate()
        if self.options.profile:
            self.reporter.say(self.clock.table(self.progress.step - first - WARM_STEPS))

    def _advance(self, data: dict[str, Tensor]) -> dict[str, Tensor]:
        self._set_learning_rate()
        number = self.progress.step
        with self.clock.stage("forward"), torch.autocast(self.device.type, dtype=torch.bfloat16):
            rebuilt = self.step(self.codec, data, number)
            total = self.step.total(rebuilt.losses)
        with self.clock.stage("backward"):
            self.optimiser.zero_grad(set_to_none=True)
            total.backward()
        with self.clock.stage("optimiser"):
            torch.nn.utils.clip_grad_norm_(self.codec.parameters(), 1.0)
            self.optimiser.step()
            self._update_average()
        if self.adversary is not None and self.adversary.plays(number):
            with self.clock.stage("discriminator"):
                self._teach_adversary(rebuilt.picture, data)
        self.progress.step += 1
        return {name: value.detach() for name, value in rebuilt.losses.items()}

    def _teach_adversary(self, picture: Tensor, data: dict[str, Tensor]) -> None:
        sharpness = repeat(data["sharpness"], data["target"].shape[1])[:, 0]
        rate = self.optimiser.param_groups[0]["lr"]
        self.adversary.learn(picture, data["target"].flatten(0, 1), sharpness, rate)

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
        step, seconds = self.progress.step, self.progress.seconds
        self.reporter.step(step, seconds, elapsed)
        if self.reporter.due(step):
            values = {name: float(value) for name, value in losses.items()}
            self.reporter.losses(step, seconds, elapsed, values)

    def _validate(self) -> None:
        codec = leave_out(Codec(self.settings.size), self.settings.without).to(self.device)
        codec.load_state_dict(self.average)
        scores = self.validation.run(codec.eval(), self.progress.step)
        self.reporter.say("validation | " + " ".join(f"{name} {value:.3f}" for name, value in scores.items()))
        append_row(self.options.out / "validation.csv",
                   {"step": self.progress.step, "seconds": round(self.progress.seconds, 1), **scores})  # fmt: skip

    def _save(self) -> None:
        adversary = {} if self.adversary is None else {"adversary": self.adversary.state()}
        save_checkpoint(self.options.out / "checkpoint.pt", adversary | {
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
        if self.adversary is not None and "adversary" in state:
            self.adversary.restore(state["adversary"])
        self.progress = Progress(state["step"], state["seconds"])

    def _interrupt(self, *_: object) -> None:
        self.stop = True


def _device_name(asked: str) -> str:
    if asked == "cuda" and not torch.cuda.is_available():
        raise UserError("No CUDA device is usable here. Use --device cpu, or install a CUDA build of torch.")
    return ("cuda" if torch.cuda.is_available() else "cpu") if asked == "auto" else asked


def _initial_codec(settings: Settings) -> Codec:
    codec = Codec(settings.size)
    if settings.start_from == SHIPPED:
        codec.load_state_dict(shipped_codec(settings.size).state_dict())
    elif settings.start_from:
        start_from(codec, Path(settings.start_from))
    if settings.detector_from:
        detector_of(settings.detector_from, codec)
        codec.analyser.requires_grad_(False)
    if settings.voice_from:
        codec.voice.load_state_dict(load_voice(Path(settings.voice_from)))
    return leave_out(codec, settings.without)


def _load_vgg(path: Path, device: torch.device) -> Vgg19 | None:
    if not path.is_file():
        print(f"no VGG19 weights at {path}: training without the perceptual losses")
        return None
    return Vgg19(path).to(device, memory_format=torch.channels_last)


if __name__ == "__main__":
    raise SystemExit(main())
