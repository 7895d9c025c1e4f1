"""Fixtures for all tests: where the repository is, and the clips beside it that only developers have."""

from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

# The same examples in every run, nothing remembered between runs, and no deadline that a busy machine could miss.
settings.register_profile("facewire", derandomize=True, database=None, deadline=None)
settings.load_profile("facewire")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of clips and portraits; skips the test where it is not there."""
    if not SHARED_DATA.is_dir():
        pytest.skip(
            "the clips are not here: they lie in ../shared/data of a developer's machine and are not published"
        )
    return SHARED_DATA


@pytest.fixture(scope="session")
def validation_clips(shared_data: Path) -> list[Path]:
    """The clips of people whom no model was trained on, by name."""
    return sorted((shared_data / "val").glob("*.mp4"))
