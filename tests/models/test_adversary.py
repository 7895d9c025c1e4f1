from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import torch
import yaml

from models.training.__main__ import main
from models.training.adversary import Adversary, wants_adversary
from models.training.checkpoint import load_checkpoint
from models.training.settings import LossWeights, Settings
from tests.models.test_training import same, signals  # noqa: F401  (a fixture)

pytestmark = pytest.mark.model

PLAYING = LossWeights(adversarial=0.1, feature_matching=1.0)


@pytest.fixture
def adversary() -> Adversary:
    return Adversary(Settings(losses=PLAYING, adversarial_from_step=3), torch.device("cpu"))


@pytest.fixture
def train(cache_folder: Path, tmp_path: Path) -> Callable[..., dict]:
    """Train a tiny codec whose adversary begins at step 2; returns the checkpoint."""

    def run(name: str, *options: str, losses: dict[str, float]) -> dict:
        config = tmp_path / "run.yaml"
        config.write_text(
            yaml.safe_dump(
                {
                    "size": "tiny",
                    "references": 1,
                    "warmup": 2,
                    "steps": 4,
                    "adversarial_from_step": 2,
                    "losses": losses,
                }
            )
        )
        main(["--cache", str(cache_folder), "--out", str(tmp_path / name), "--config", str(config),
              "--device", "cpu", "--vgg", str(tmp_path / "none"), "--minutes", "5", *options])  # fmt: skip
        return load_checkpoint(tmp_path / name / "checkpoint.pt")

    return run


def test_it_plays_from_its_step_on(adversary: Adversary) -> None:
    assert [adversary.plays(number) for number in (0, 2, 3, 4)] == [False, False, True, True]


def test_nobody_wants_it_without_weight() -> None:
    assert not wants_adversary(Settings())
    assert wants_adversary(Settings(losses=PLAYING))


def test_asking_for_losses_changes_nothing_in_it(adversary: Adversary) -> None:
    before = {name: value.clone() for name, value in adversary.discriminator.state_dict().items()}
    rebuilt = torch.rand(2, 3, 64, 64, requires_grad=True)
    losses = adversary.losses(rebuilt, torch.rand(2, 3, 64, 64), torch.ones(2))
    torch.stack(list(losses.values())).sum().backward()
    assert rebuilt.grad is not None and rebuilt.grad.abs().sum() > 0
    assert same(before, dict(adversary.discriminator.state_dict()))
    assert all(parameter.grad is None for parameter in adversary.discriminator.parameters())


def test_its_state_restored_learns_on_to_the_bit(adversary: Adversary) -> None:
    real, rebuilt = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)
    adversary.learn(rebuilt, real, torch.ones(2), 1e-3)
    other = Adversary(Settings(seed=5, losses=PLAYING), torch.device("cpu"))
    other.restore(deepcopy(adversary.state()))
    for one in (adversary, other):
        one.learn(rebuilt, real, torch.ones(2), 1e-3)
    assert same(dict(adversary.discriminator.state_dict()), dict(other.discriminator.state_dict()))


def test_training_with_it_resumes_to_the_bit_and_its_losses_join_the_curve(
    train: Callable[..., dict], tmp_path: Path
) -> None:
    losses = {"adversarial": 0.1, "feature_matching": 1.0}
    whole = train("whole", losses=losses)
    for _ in range(3):
        train(
            "parts", "--minutes", "0", *(["--resume"] if (tmp_path / "parts").exists() else []), losses=losses
        )
    parts = train("parts", "--resume", losses=losses)
    assert whole["step"] == parts["step"] == 4
    assert [key for key in whole if key != "seconds" and not same(whole[key], parts[key])] == []
    rows = [line.split(",") for line in (tmp_path / "whole" / "curve.csv").read_text().splitlines()]
    column = rows[0].index("adversarial")
    assert [bool(row[column]) for row in rows[1:]] == [False, False, True]


def test_until_it_plays_the_codec_trains_as_without_it(train: Callable[..., dict]) -> None:
    one = train("with", "--minutes", "0", losses={"adversarial": 0.1})
    other = train("without", "--minutes", "0", losses={})
    assert same(one["codec"], other["codec"])
    assert "adversary" in one and "adversary" not in other
