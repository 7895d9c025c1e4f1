from pathlib import Path

import pytest

import models.weights
from sender.face.models import load_prior
from shared.errors import UserError


def test_sessions_run_on_one_thread() -> None:
    options = load_prior("face_detector").get_session_options()
    assert options.intra_op_num_threads == options.inter_op_num_threads == 1


def test_a_missing_file_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(models.weights, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(UserError, match=r"face prior 'iris' is missing.*models/priors/convert\.py"):
        load_prior("iris")
