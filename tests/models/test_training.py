import csv
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
import torch
import yaml
from torch import nn

from models.export.__main__ import main as export
from models.export.read_back import shipped_codec
from models.losses.perceptual import TAPS
from models.networks.codec import Codec
from models.training.__main__ import main
from models.training.checkpoint import load_checkpoint, load_codec
from models.training.dataset import CachedClip, open_cache
from models.training.samples import Sampler
from models.training.settings import LossWeights, Settings
from models.training.step import Step, to_tensors
from tests.models.clips import grey_clip, part_of_sample

pytestmark = pytest.mark.model

ROOT = Path(__file__).resolve().parents[2]
TINY = {"size": "tiny", "references": 1, "frames": 2, "warmup": 2}


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """The training takes over Ctrl-C; give it back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def train(cache_folder: Path, tmp_path: Path) -> Callable[..., int]:
    """Train TINY into tmp_path / name; returns the exit status."""

    def run(name: str, *options: str, steps: int = 4, **extra: object) -> int:
        config = tmp_path / "run.yaml"
        config.write_text(yaml.safe_dump(TINY | {"steps": steps} | extra))
        return main(["--cache", str(cache_folder), "--out", str(tmp_path / name), "--config", str(config),
                     "--device", "cpu", "--vgg", str(tmp_path / "none"), "--minutes", "5", *options])  # fmt: skip

    return run


def same(one: object, other: object) -> bool:
    """Equal to the last bit, however deep."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same(one[k], other[k]) for k in one)
        )
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_a_run_leaves_checkpoint_curve_scores_and_pictures(
    train: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("run") == 0
    said = capsys.readouterr().out
    assert "training without the perceptual losses" in said
    assert "samples/s" in said
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt")["step"] == 4
    with (tmp_path / "run" / "curve.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["step"] for row in rows] == ["1", "2", "3"]
    assert all(float(row["pixel"]) > 0 for row in rows)
    with (tmp_path / "run" / "validation.csv").open() as stream:
        scores = list(csv.DictReader(stream))[-1]
    assert float(scores["rebuilt_psnr"]) > 10 and float(scores["frozen_psnr"]) > 10
    grid = cv2.imread(str(tmp_path / "run" / "grid_000004.png"))
    assert grid.shape == (256, 4 * 256, 3)


def test_the_weights_change_and_the_average_follows(train: Callable[..., int], tmp_path: Path) -> None:
    train("run")
    state = load_checkpoint(tmp_path / "run" / "checkpoint.pt")
    name = "renderer.generator.head.bias"
    assert not torch.equal(state["codec"][name], state["average"][name])
    assert load_codec(tmp_path / "run" / "checkpoint.pt").renderer.size.name == "tiny"


def test_a_resumed_run_equals_an_uninterrupted_one_to_the_bit(
    train: Callable[..., int], tmp_path: Path
) -> None:
    assert train("whole") == 0
    assert train("parts", "--minutes", "0") == 0
    assert load_checkpoint(tmp_path / "parts" / "checkpoint.pt")["step"] == 1
    assert train("parts", "--minutes", "0", "--resume") == 0
    assert train("parts", "--resume") == 0
    whole, parts = (load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert [key for key in whole if key != "seconds" and not same(whole[key], parts[key])] == []


def test_another_seed_gives_other_weights(train: Callable[..., int], tmp_path: Path) -> None:
    train("one", steps=1)
    train("other", steps=1, seed=1)
    one, other = (load_checkpoint(tmp_path / name / "checkpoint.pt")["codec"] for name in ("one", "other"))
    assert not same(one, other)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_writes_a_checkpoint(cache_folder: Path, tmp_path: Path, number: int) -> None:
    """In a process of its own: a signal to this one may meet any thread of the libraries that other tests loaded."""
    config, out = tmp_path / "run.yaml", tmp_path / "run"
    config.write_text(yaml.safe_dump(TINY | {"steps": 100_000}))
    command = [sys.executable, "-u", "-m", "models.training", "--cache", str(cache_folder), "--out", str(out),
               "--config", str(config), "--device", "cpu", "--vgg", str(tmp_path / "none")]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if line.startswith("step 2 "))
        process.send_signal(number)
        process.stdout.read()
        assert process.wait(60) == 0
    assert 2 <= load_checkpoint(out / "checkpoint.pt")["step"] < 1000


def test_resuming_without_a_checkpoint_is_an_error(
    train: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("new", "--resume") == 2
    assert "There is no checkpoint" in capsys.readouterr().err


def test_resuming_another_size_is_an_error(
    train: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    train("run", steps=1)
    assert train("run", "--resume", size="nano") == 2
    assert "another size" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_an_error_and_stays_as_it_is(
    train: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"damaged")
    assert train("run", "--resume") == 2
    assert "damaged" in capsys.readouterr().err
    assert (tmp_path / "run" / "checkpoint.pt").read_bytes() == b"damaged"


def test_an_empty_cache_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cache", str(tmp_path), "--out", str(tmp_path / "run"), "--device", "cpu"]) == 2
    assert "No cache in" in capsys.readouterr().err


def test_a_folder_of_clips_is_cached_first_and_what_shows_nobody_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips, cache = tmp_path / "clips", tmp_path / "cache"
    clips.mkdir()
    for name in ("one", "two"):
        part_of_sample(clips / f"{name}.mp4", 6)
    grey_clip(clips / "nobody.mp4")
    config = tmp_path / "run.yaml"
    config.write_text(yaml.safe_dump(TINY | {"steps": 1}))
    arguments = ["--clips", str(clips), "--cache", str(cache), "--out", str(tmp_path / "run"), "--device", "cpu",
                 "--config", str(config), "--vgg", str(tmp_path / "none")]  # fmt: skip
    assert main(arguments) == 0
    assert "left out nobody" in capsys.readouterr().out
    assert {clip.name for clip in open_cache(cache)} == {"one", "two"}
    assert (tmp_path / "run" / "checkpoint.pt").is_file()


def test_a_folder_without_clips_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--clips", str(tmp_path), "--cache", str(tmp_path / "c"), "--out", str(tmp_path / "run")]
    assert main(arguments) == 2
    assert "could not be cached" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_without_a_cuda_device_asking_for_one_is_an_error(
    train: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("run", "--device", "cuda") == 2
    assert "No CUDA device" in capsys.readouterr().err


def test_the_analyser_of_another_run_is_taken_over_and_stays(
    train: Callable[..., int], tmp_path: Path
) -> None:
    train("first", steps=2)
    source = tmp_path / "first" / "checkpoint.pt"
    train("second", steps=2, detector_from=str(source), seed=9)
    first, second = (load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("first", "second"))
    names = [name for name in first["codec"] if name.startswith(("analyser.", "voice."))]
    assert all(torch.equal(first["average"][name], second["codec"][name]) for name in names)
    assert all(torch.equal(first["average"][name], second["average"][name]) for name in names)


def test_a_run_can_begin_with_what_is_shipped(train: Callable[..., int], tmp_path: Path) -> None:
    assert train("run", steps=1, size="nano", start_from="shipped", detector_from="shipped") == 0
    shipped, found = shipped_codec("nano").state_dict(), load_codec(tmp_path / "run" / "checkpoint.pt")
    moved = {name for name, value in found.state_dict().items() if not torch.allclose(value, shipped[name])}
    assert moved, "one step was made"
    assert not any(name.startswith(("analyser.", "voice.")) for name in moved), "the bitstream stays the same"
    largest = max(float((found.state_dict()[name] - shipped[name]).abs().max()) for name in moved)
    assert largest < 0.05


def test_a_voice_branch_is_brought_in_and_stays(train: Callable[..., int], tmp_path: Path) -> None:
    torch.manual_seed(5)
    voice = Codec("tiny").voice.state_dict()
    torch.save(voice, tmp_path / "voice.pt")
    train("first", steps=1)
    train("run", steps=2, voice_from=str(tmp_path / "voice.pt"),
          detector_from=str(tmp_path / "first" / "checkpoint.pt"))  # fmt: skip
    found = load_checkpoint(tmp_path / "run" / "checkpoint.pt")["average"]
    assert all(torch.equal(value, found[f"voice.{name}"]) for name, value in voice.items())


def test_a_missing_voice_branch_is_an_error(
    train: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("run", voice_from="none.pt") == 2
    assert "There is no voice branch" in capsys.readouterr().err


@pytest.mark.parametrize(("perceptual", "feature", "used"), [(0, 0, False), (1, 0, True), (0, 1, True)])
def test_vgg_runs_only_for_losses_that_count(
    cached: list[CachedClip], perceptual: float, feature: float, used: bool
) -> None:
    calls = []

    class Watched(nn.Module):
        def forward(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
            calls.append(picture.shape)
            return {name: picture for name in TAPS}

    settings = Settings(size="tiny", references=1, frames=1, crop_px=64,
                        losses=LossWeights(perceptual=perceptual, feature=feature))  # fmt: skip
    data = to_tensors(Sampler(cached, settings).batch(0), torch.device("cpu"))
    losses = Step(settings, Watched())(Codec("tiny"), data, 0).losses
    assert bool(calls) is used
    assert ("perceptual" in losses) is used


def test_a_network_without_a_part_is_not_exported(
    train: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("run", steps=1, without=["blend"])
    capsys.readouterr()
    checkpoint = str(tmp_path / "run" / "checkpoint.pt")
    assert export(["--checkpoint", checkpoint, "--out", str(tmp_path / "weights")]) == 2
    assert "trained without blend" in capsys.readouterr().err
    assert not list((tmp_path / "weights").rglob("*.onnx"))
