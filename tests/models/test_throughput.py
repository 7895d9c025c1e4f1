import json
from pathlib import Path

import pytest
import torch

from models.training.samples import Batch, Sampler
from models.training.settings import Settings
from models.training.throughput import gemm_macs_per_s, lines, main, noise

pytestmark = pytest.mark.model


def test_noise_has_the_shapes_of_a_batch(cached: list) -> None:
    settings = Settings(size="tiny", references=2, frames=2)
    batch, made = Sampler(cached, settings).batch(0), noise(settings)
    assert set(made) == set(Batch.__slots__)
    assert {name: tuple(value.shape) for name, value in made.items()} == {
        name: getattr(batch, name).shape for name in made
    }


def test_the_command_reports_rate_stages_and_bound(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("size: tiny\nreferences: 1\nframes: 1\n")
    status = main(["--config", str(tmp_path / "run.yaml"), "--steps", "1", "--device", "cpu",
                   "--vgg", str(tmp_path / "none"), "--out", str(tmp_path / "out.json")])  # fmt: skip
    assert status == 0
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["samples_per_s"] > 0 and set(result["stages_ms"]) == {"forward", "backward", "optimiser"}
    assert sum(result["stages_ms"].values()) == pytest.approx(result["step_ms"], rel=0.2)
    # The bound is rounded to hundredths.
    assert result["bound_samples_per_s"] == pytest.approx(
        result["gemm_gmac_per_s"] / result["gmac_a_step"], rel=0.5
    )
    assert "GMAC a step" in lines(result)


def test_a_product_of_matrices_takes_time() -> None:
    assert 1e8 < gemm_macs_per_s(torch.device("cpu")) < 1e15
