import numpy as np
import pytest

from sender.face.iris import Iris
from sender.face.mesh import FaceMesh
from sender.face.models import load_prior
from sender.face.roi import Roi
from tests.sender.face_pictures import PUPILS_PX, portrait

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def irises() -> np.ndarray:
    landmarks = FaceMesh(load_prior("face_mesh")).track(portrait(), Roi(127, 125, 160, 0.05)).landmarks
    return Iris(load_prior("iris")).locate(portrait(), landmarks)


def test_centres_lie_on_the_pupils(irises: np.ndarray) -> None:
    assert irises.shape == (2, 5, 2)
    assert np.linalg.norm(irises[:, 0] - PUPILS_PX, axis=1).max() < 1.5


def test_rims_have_the_size_of_an_iris(irises: np.ndarray) -> None:
    radius = np.linalg.norm(irises[:, 1:] - irises[:, :1], axis=2)
    assert radius.min() > 2.5
    assert radius.max() < 6
