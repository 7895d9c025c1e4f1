import numpy as np
import pytest

from sender.face.mesh import EYE_OUTER_LEFT, EYE_OUTER_RIGHT
from sender.face.tracker import CHECK_INTERVAL_FRAMES, FaceModels, FaceTracker, TrackState, mesh_box
from tests.sender.face_pictures import PUPILS_PX, blank, portrait, turn, two_people

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def models() -> FaceModels:
    return FaceModels.load()


@pytest.fixture
def tracker(models: FaceModels) -> FaceTracker:
    return FaceTracker(models)


def landmarks(tracker: FaceTracker, picture: np.ndarray) -> np.ndarray:
    face = tracker.update(picture)
    assert face is not None
    return face.landmarks[:, :2]


def eyes(points: np.ndarray) -> np.ndarray:
    return np.stack([points[[33, 133, 159, 145]].mean(axis=0), points[[263, 362, 386, 374]].mean(axis=0)])


def test_finds_the_face_in_the_first_picture(tracker: FaceTracker) -> None:
    face = tracker.update(portrait())
    assert face is not None
    assert tracker.state is TrackState.TRACKING
    assert face.presence > 0.99
    assert face.count == tracker.count == 1
    assert np.linalg.norm(eyes(face.landmarks[:, :2]) - PUPILS_PX, axis=1).max() < 4


def test_a_still_picture_gives_still_landmarks(tracker: FaceTracker) -> None:
    first = landmarks(tracker, portrait())
    for _ in range(10):
        last = landmarks(tracker, portrait())
    assert np.linalg.norm(last - first, axis=1).mean() < 1


def test_starts_without_a_face(tracker: FaceTracker) -> None:
    assert tracker.state is TrackState.NO_FACE
    assert tracker.count == 0


def test_a_blank_picture_has_no_face(tracker: FaceTracker) -> None:
    assert tracker.update(blank()) is None
    assert tracker.state is TrackState.NO_FACE
    assert tracker.count == 0


def test_recovers_after_blank_pictures(tracker: FaceTracker) -> None:
    before = landmarks(tracker, portrait())
    assert [tracker.update(blank()) for _ in range(5)] == [None] * 5
    assert tracker.state is TrackState.NO_FACE
    assert np.linalg.norm(landmarks(tracker, portrait()) - before, axis=1).mean() < 1


@pytest.mark.parametrize("degrees", [-25, 25])
def test_finds_a_turned_head(tracker: FaceTracker, models: FaceModels, degrees: float) -> None:
    picture, matrix = turn(degrees)
    found = landmarks(tracker, picture)
    upright = landmarks(FaceTracker(models), portrait())
    expected = upright @ matrix[:, :2].T + matrix[:, 2]
    assert np.linalg.norm(found - expected, axis=1).mean() < 2


def test_follows_a_head_as_it_turns_and_shifts(tracker: FaceTracker) -> None:
    upright = landmarks(tracker, portrait())
    for degrees in range(0, 50, 4):
        picture, matrix = turn(degrees)
        shift = degrees // 2
        found = landmarks(tracker, np.roll(picture, shift, axis=1))
        expected = upright @ matrix[:, :2].T + matrix[:, 2] + [shift, 0]
        assert np.linalg.norm(found - expected, axis=1).mean() < 2.5


def test_a_mirrored_picture_gives_mirrored_landmarks(tracker: FaceTracker, models: FaceModels) -> None:
    straight = landmarks(tracker, portrait())
    mirrored = landmarks(FaceTracker(models), np.ascontiguousarray(portrait()[:, ::-1]))
    for here, there in ((EYE_OUTER_LEFT, EYE_OUTER_RIGHT), (61, 291), (1, 1)):
        assert np.linalg.norm(mirrored[there] - [255 - straight[here, 0], straight[here, 1]]) < 2.5


def test_of_two_faces_it_follows_the_larger(tracker: FaceTracker) -> None:
    face = tracker.update(two_people(160, 256))
    assert face is not None
    assert face.count == 2
    assert mesh_box(face.landmarks)[0, 0] > 160


def test_keeps_its_face_when_a_larger_one_appears(tracker: FaceTracker) -> None:
    both = two_people(200, 256)
    alone = both.copy()
    alone[:, 200:] = 128
    landmarks(tracker, alone)
    for _ in range(CHECK_INTERVAL_FRAMES + 2):
        assert mesh_box(landmarks(tracker, both))[1, 0] < 200
    assert tracker.count == 2


def test_after_a_short_loss_it_returns_to_the_face_it_followed(tracker: FaceTracker) -> None:
    small_left = two_people(200, 256)
    alone = small_left.copy()
    alone[:, 200:] = 128
    landmarks(tracker, alone)
    assert tracker.update(np.full_like(alone, 128)) is None
    assert mesh_box(landmarks(tracker, small_left))[1, 0] < 200


def test_reset_forgets_which_face_it_followed(tracker: FaceTracker) -> None:
    small_left = two_people(200, 256)
    alone = small_left.copy()
    alone[:, 200:] = 128
    landmarks(tracker, alone)
    tracker.reset()
    assert tracker.state is TrackState.NO_FACE
    assert mesh_box(landmarks(tracker, small_left))[0, 0] > 200


def test_a_second_person_is_noticed_at_the_next_check(tracker: FaceTracker) -> None:
    both = two_people(200, 256)
    alone = both.copy()
    alone[:, :200] = 128
    landmarks(tracker, alone)
    assert tracker.count == 1
    counts = []
    for _ in range(CHECK_INTERVAL_FRAMES):
        landmarks(tracker, both)
        counts.append(tracker.count)
    assert counts == [1] * (CHECK_INTERVAL_FRAMES - 1) + [2]
