"""sender.face.models."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import models.weights
from sender.face.models import load_prior
from shared.errors import UserError


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder in place of the weights, under the real manifest."""
    (tmp_path / "priors").mkdir()
    monkeypatch.setattr(models.weights, "WEIGHTS_DIR", tmp_path)
    models.weights.open_verified.cache_clear()
    yield tmp_path
    models.weights.open_verified.cache_clear()


def test_sessions_run_on_one_thread() -> None:
    options = load_prior("face_detector").get_session_options()
    assert options.intra_op_num_threads == options.inter_op_num_threads == 1


def test_a_missing_file_says_what_to_do(weights: Path) -> None:
    with pytest.raises(UserError, match=r"priors/iris\.onnx are listed but missing.*git checkout"):
        load_prior("iris")


def test_an_altered_file_is_refused_before_any_engine_reads_it(weights: Path) -> None:
    honest = (models.weights.MANIFEST.parent / "priors" / "iris.onnx").read_bytes()
    (weights / "priors" / "iris.onnx").write_bytes(honest[:-1] + bytes([honest[-1] ^ 1]))
    with pytest.raises(UserError, match="not the ones in the manifest"):
        load_prior("iris")
