"""Clips that the tests of experiments share; all from the project's own sample."""

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.measures.vgg import DEFAULT_WEIGHTS
from experiments.sample import SAMPLE_PATH

Picture = NDArray[np.uint8]


@pytest.fixture(scope="session")
def sample_pictures() -> list[Picture]:
    with av.open(str(SAMPLE_PATH)) as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


@pytest.fixture(scope="session")
def vgg_weights() -> Path:
    if not DEFAULT_WEIGHTS.is_file():
        pytest.skip("the VGG19 weights are not on this machine (../shared/perceptual)")
    return DEFAULT_WEIGHTS
