import numpy as np
import pytest

from sender.face.mesh import EYE_OUTER_LEFT, EYE_OUTER_RIGHT, FaceMesh, roi_from_landmarks
from sender.face.models import load_prior
from sender.face.roi import Roi
from tests.sender.face_pictures import MOUTH_PX, PUPILS_PX, blank, portrait

pytestmark = pytest.mark.model

FACE = Roi(127, 125, 160, 0.05)
LEFT_EYE, RIGHT_EYE = [33, 133, 159, 145], [263, 362, 386, 374]
LIPS_INSIDE = [13, 14, 78, 308]


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh(load_prior("face_mesh"))


def test_points_lie_where_the_features_are(mesh: FaceMesh) -> None:
    result = mesh.track(portrait(), FACE)
    points = result.landmarks[:, :2]
    assert result.landmarks.shape == (468, 3)
    assert result.landmarks.dtype == np.float32
    assert result.presence > 0.99
    assert np.linalg.norm(points[LEFT_EYE].mean(axis=0) - PUPILS_PX[0]) < 4
    assert np.linalg.norm(points[RIGHT_EYE].mean(axis=0) - PUPILS_PX[1]) < 4
    assert np.linalg.norm(points[LIPS_INSIDE].mean(axis=0) - MOUTH_PX) < 4


def test_the_nose_is_nearer_than_the_cheeks(mesh: FaceMesh) -> None:
    depth = mesh.track(portrait(), FACE).landmarks[:, 2]
    assert depth[1] < depth[[234, 454]].min() - 20


def test_a_mirrored_picture_gives_mirrored_points(mesh: FaceMesh) -> None:
    straight = mesh.track(portrait(), FACE).landmarks
    mirrored_picture = np.ascontiguousarray(portrait()[:, ::-1])
    roi = Roi(255 - FACE.center_x_px, FACE.center_y_px, FACE.side_px, -FACE.angle_rad)
    mirrored = mesh.track(mirrored_picture, roi).landmarks
    for here, there in ((EYE_OUTER_LEFT, EYE_OUTER_RIGHT), (61, 291), (1, 1)):
        expected = np.array([255 - straight[here, 0], straight[here, 1]])
        assert np.linalg.norm(mirrored[there, :2] - expected) < 2.5


def test_no_face_in_the_region_means_low_presence(mesh: FaceMesh) -> None:
    assert mesh.track(blank(), FACE).presence < 0.1
    assert mesh.track(portrait(), Roi(30, 30, 60, 0)).presence < 0.5


def test_its_own_region_finds_the_face_again(mesh: FaceMesh) -> None:
    first = mesh.track(portrait(), FACE).landmarks
    second = mesh.track(portrait(), roi_from_landmarks(first)).landmarks
    assert np.linalg.norm(first - second, axis=1).mean() < 2
