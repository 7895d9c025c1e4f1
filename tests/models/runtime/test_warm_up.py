"""models.runtime.warm_up: the network has run before the call begins."""

import numpy as np
import pytest

from models.runtime.choose import choose_backend
from models.runtime.mesh_warp import MeshWarpBackend
from models.runtime.warm_up import mean_face, warm_up

pytestmark = pytest.mark.model


def test_the_mean_face_lies_in_the_picture() -> None:
    face = mean_face()
    assert face.points.shape == (468, 2) and np.abs(face.points).max() < 1


def test_every_backend_that_is_here_can_be_warmed() -> None:
    warm_up(MeshWarpBackend())
    warm_up(choose_backend("auto", "lite", 1))
