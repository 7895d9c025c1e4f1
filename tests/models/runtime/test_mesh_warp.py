"""models.runtime.mesh_warp."""

import numpy as np
import pytest

from models.runtime.base import ReferenceState
from models.runtime.mesh_warp import GRID_SIDE, MeshWarpBackend, mesh_flow
from shared.coding.mesh_basis import default_basis
from shared.limits import COORDINATE_MAX
from tests.models.runtime.faces import motion, reference


def test_no_motion_gives_back_the_keyframe() -> None:
    backend, face = MeshWarpBackend(), reference()
    assert np.array_equal(backend.render(backend.encode_reference(face), motion()), face.picture)


@pytest.mark.parametrize(("right_px", "down_px"), [(5, 0), (0, -4), (-3, 6)])
def test_a_shifted_mesh_shifts_the_face_and_leaves_the_corners(right_px: int, down_px: int) -> None:
    backend, face = MeshWarpBackend(), reference()
    moved = backend.render(backend.encode_reference(face), motion(right_px / 128, down_px / 128))
    expected = np.roll(face.picture, (down_px, right_px), axis=(0, 1))
    inside = slice(100, 180), slice(90, 150)
    assert np.abs(moved[inside].astype(int) - expected[inside]).max() <= 2
    assert np.array_equal(moved[:4, -4:], face.picture[:4, -4:])


def test_the_flow_is_the_weighted_mean_that_the_separable_form_stands_for() -> None:
    rng = np.random.default_rng(0)
    points = default_basis().mean
    driving = points + rng.normal(0, 0.03, points.shape).astype(np.float32)
    flow = mesh_flow(points, driving)
    for x, y in ((30, 35), (22, 40)):  # inside the face nothing fades
        place = (np.array([x, y]) + 0.5) * 2 / GRID_SIDE - 1
        squared = ((driving - place) ** 2).sum(axis=1)
        narrow, wide = (np.exp(-squared / (2 * sigma**2)) for sigma in (0.12, 0.30))
        near = narrow.sum() / (narrow.sum() + 0.5)
        displacement = points - driving
        expected = near * narrow @ displacement / narrow.sum() + (1 - near) * wide @ displacement / wide.sum()
        assert flow[y, x] == pytest.approx(expected, abs=1e-5)


def test_the_flow_fades_to_zero_away_from_the_face() -> None:
    points = default_basis().mean * 0.3
    flow = mesh_flow(points + np.float32(0.1), points)
    assert np.abs(flow[0]).max() == 0 and np.abs(flow[32, 32] - 0.1).max() < 1e-4


def test_a_landmark_is_moved_as_far_as_the_limit_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []

    def watched(points: np.ndarray, driving: np.ndarray) -> np.ndarray:
        seen.append(driving)
        return mesh_flow(points, driving)

    monkeypatch.setattr("models.runtime.mesh_warp.mesh_flow", watched)
    face = reference()
    backend, furthest = MeshWarpBackend(), float(face.points[:, 0].max())
    for past in (0.0, 0.01):
        backend.render(backend.encode_reference(face), motion(COORDINATE_MAX - furthest + past))
    at_limit, past_limit = (float(driving[:, 0].max()) for driving in seen)
    assert at_limit == pytest.approx(COORDINATE_MAX, abs=1e-5) and past_limit == COORDINATE_MAX


def test_wild_motion_still_gives_a_picture() -> None:
    backend = MeshWarpBackend()
    state = backend.encode_reference(reference())
    assert backend.render(state, motion(50.0, -50.0)).shape == (256, 256, 3)
    with pytest.raises(TypeError):
        backend.render(ReferenceState(), motion())
