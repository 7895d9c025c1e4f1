import numpy as np
import pytest

from sender.face.detector import FaceDetector, anchor_centers, overlap, weighted_suppression
from sender.face.models import load_prior
from tests.sender.face_pictures import PUPILS_PX, blank, portrait, two_people

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector(load_prior("face_detector"))


def test_finds_the_face_and_its_eyes(detector: FaceDetector) -> None:
    (face,) = detector.detect(portrait())
    left, top, right, bottom = face.box_px
    assert 0.5 < face.score <= 1
    assert left < PUPILS_PX[0, 0] < PUPILS_PX[1, 0] < right
    assert top < 100 < 150 < bottom
    assert np.abs(face.keypoints_px[:2] - PUPILS_PX).max() < 4


def test_finds_nobody_in_a_blank_picture(detector: FaceDetector) -> None:
    assert detector.detect(blank()) == []


def test_reports_pixels_of_pictures_that_are_not_square(detector: FaceDetector) -> None:
    wide = np.full((256, 448, 3), 128, np.uint8)
    wide[:, 150:406] = portrait()
    (face,) = detector.detect(wide)
    # An input pixel is 3.5 picture pixels here, so the eyes are only known to about two of them.
    assert np.abs(face.keypoints_px[:2] - PUPILS_PX - [150, 0]).max() < 7


def test_sorts_two_faces_by_size(detector: FaceDetector) -> None:
    small, large = 160, 256
    faces = detector.detect(two_people(small, large))
    assert len(faces) == 2
    assert faces[0].area_px > faces[1].area_px
    assert faces[0].box_px[0] > small > faces[1].box_px[2]


def test_a_tiny_picture_is_no_error(detector: FaceDetector) -> None:
    assert detector.detect(np.zeros((1, 1, 3), np.uint8)) == []


def test_anchors_cover_the_input_in_the_networks_order() -> None:
    centers = anchor_centers()
    assert centers.shape == (896, 2)
    assert centers[0].tolist() == centers[1].tolist() == [4, 4]
    assert centers[2].tolist() == [12, 4]
    assert centers[512].tolist() == [8, 8]
    assert centers[-1].tolist() == [120, 120]


def test_overlap_is_intersection_over_union() -> None:
    box = np.array([[0, 0], [2, 2]], np.float32)
    others = np.array([[[0, 0], [2, 2]], [[1, 0], [3, 2]], [[5, 5], [6, 6]]], np.float32)
    assert overlap(box, others) == pytest.approx([1, 1 / 3, 0])


def test_candidates_of_one_face_are_averaged_by_score() -> None:
    points = np.zeros((3, 8, 2), np.float32)
    points[:, 1] = 10
    points[1] += 1
    points[2] += 50
    faces = weighted_suppression(points, np.array([0.9, 0.6, 0.7], np.float32))
    assert [score for _, score in faces] == pytest.approx([0.9, 0.7])
    assert faces[0][0][0] == pytest.approx([0.4, 0.4])
    assert faces[1][0][0] == pytest.approx([50, 50])
