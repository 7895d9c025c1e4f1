"""What the tests of models share: the project's own sample as a cached clip, and inputs of the right shapes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.sample import SAMPLE_PATH
from models.training.cache import cache_clip
from models.training.clips import Clip
from models.training.dataset import CachedClip, open_cache
from tests.models.clips import FRAMES, part_of_sample


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def clip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first FRAMES frames of the sample with their sound, as a file."""
    return part_of_sample(tmp_path_factory.mktemp("clips") / "sample.mp4", FRAMES)


@pytest.fixture(scope="session")
def cache_folder(clip_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of that file as training person `ana` and, the same pictures, as validation person `ben`."""
    folder = tmp_path_factory.mktemp("cache")
    cache_clip(Clip(clip_file, "ana", "train", True, "own", 256), folder / "ana")
    (folder / "ben").mkdir()
    for file in (folder / "ana").iterdir():
        (folder / "ben" / file.name).write_bytes(file.read_bytes())
    about = folder / "ben" / "clip.json"
    about.write_text(about.read_text().replace('"ana"', '"ben"').replace('"train"', '"val"'))
    return folder


@pytest.fixture(scope="session")
def cached(cache_folder: Path) -> list[CachedClip]:
    return open_cache(cache_folder)


@pytest.fixture(scope="session")
def mesh(cached: list[CachedClip]) -> np.ndarray:
    """A real face mesh, float32 (468, 2) in -1..1."""
    return np.array(cached[0].points[0])


@pytest.fixture(scope="session")
def sample_file() -> Path:
    return SAMPLE_PATH


@pytest.fixture(scope="session")
def vgg_weights() -> Path:
    from models.losses.perceptual import default_vgg_path

    if not default_vgg_path().is_file():
        pytest.skip("the VGG19 weights are not on this machine (../shared/perceptual)")
    return default_vgg_path()
