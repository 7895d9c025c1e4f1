from pathlib import Path

import pytest

from models.networks.sizes import SIZES
from models.training.settings import LossWeights, Settings, read_settings
from shared.errors import UserError


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        (tmp_path / "run.yaml").write_text(text)
        return tmp_path / "run.yaml"

    return write


def test_without_a_file_the_defaults_hold() -> None:
    assert read_settings(None) == Settings()


def test_an_empty_file_changes_nothing(written) -> None:
    assert read_settings(written("")) == Settings()


def test_a_file_holds_differences_only(written) -> None:
    settings = read_settings(written("size: nano\nlosses:\n  mouth: 9\n"))
    assert settings == Settings(size="nano", losses=LossWeights(mouth=9))


def test_parts_to_leave_out_are_a_list(written) -> None:
    assert read_settings(written("without: [mesh, blend]\n")).without == ("mesh", "blend")
    with pytest.raises(UserError, match="no list"):
        read_settings(written("without: mesh\n"))


@pytest.mark.parametrize(("text", "name"), [("sizes: nano\n", "sizes"), ("losses:\n  moth: 1\n", "moth")])
def test_an_unknown_key_is_refused_by_name(written, text: str, name: str) -> None:
    with pytest.raises(UserError, match=f"sets {name}, which no run knows"):
        read_settings(written(text))


def test_a_file_that_is_no_yaml_is_an_error(written) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_settings(written("size: [nano\n"))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_settings(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["- size\n- nano\n", "nano\n", "losses: 3\n"])
def test_a_file_of_another_form_is_an_error(written, text: str) -> None:
    with pytest.raises(UserError):
        read_settings(written(text))


def test_every_run_of_the_repository_can_be_read(repository: Path) -> None:
    runs = sorted((repository / "models" / "training" / "runs").rglob("*.yaml"))
    assert runs
    for run in runs:
        assert read_settings(run).size in SIZES
