"""How well the mesh code carries a real face: errors of the whole wire on the project's sample."""

import numpy as np
import pytest

from models.training.dataset import CachedClip
from models.training.motion_basis import errors_px, learn
from shared.coding import mesh_motion
from shared.coding.mesh_basis import default_basis
from shared.coding.motion_code import dequantise_motion, quantise_motion
from shared.coding.motion_layout import CODES, KEYPOINTS, SHAPE_SYMBOLS, MotionValues

pytestmark = pytest.mark.model

WIRE_ERROR_PX = 0.8
SHAPE_ERROR_PX = 0.3


def distance_px(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b, axis=-1).mean() * 128)


def on_the_wire(reference: np.ndarray, points: np.ndarray) -> np.ndarray:
    pose, expression = mesh_motion.fit_pose_and_expression(reference, points)
    values = MotionValues(pose, expression, np.zeros((KEYPOINTS, 2), np.float32), np.zeros(CODES, np.float32))
    return mesh_motion.driving_points(reference, dequantise_motion(quantise_motion(values)))


def test_the_references_shape_survives_the_wire(cached: list[CachedClip]) -> None:
    symbols = mesh_motion.shape_from_points(np.array(cached[0].points[0]))
    assert symbols.shape == (SHAPE_SYMBOLS,)
    assert distance_px(mesh_motion.points_from_shape(symbols), cached[0].points[0]) < SHAPE_ERROR_PX


def test_every_frames_mesh_survives_the_wire(cached: list[CachedClip]) -> None:
    points = np.array(cached[0].points)
    reference = mesh_motion.points_from_shape(mesh_motion.shape_from_points(points[0]))
    errors = [distance_px(on_the_wire(reference, now), now) for now in points]
    assert np.mean(errors) < WIRE_ERROR_PX


def test_the_pose_is_handed_out_as_the_wire_rounds_it(mesh: np.ndarray) -> None:
    pose, _ = mesh_motion.fit_pose_and_expression(mesh, mesh * 1.07 + 0.013)
    values = MotionValues(
        pose, np.zeros(16, np.float32), np.zeros((8, 2), np.float32), np.zeros(8, np.float32)
    )
    assert np.array_equal(dequantise_motion(quantise_motion(values)).affine, pose)


def test_the_expression_mends_what_the_rounding_of_the_pose_costs(cached: list[CachedClip]) -> None:
    points = np.array(cached[0].points)
    with_expression, pose_alone = [], []
    for now in points[1::4]:
        pose, expression = mesh_motion.fit_pose_and_expression(points[0], now)
        for found, e in ((with_expression, expression), (pose_alone, expression * 0)):
            values = MotionValues(pose, e, np.zeros((8, 2), np.float32), np.zeros(8, np.float32))
            found.append(distance_px(mesh_motion.driving_points(points[0], values), now))
    assert np.mean(with_expression) < np.mean(pose_alone)


def test_a_basis_can_be_learned_and_explains_its_people(cached: list[CachedClip]) -> None:
    learned = learn([clip for clip in cached if clip.split == "train"])
    errors = errors_px(cached[:1], learned)
    assert errors["mesh_code"] < errors["pose"]
    assert errors["shape_code"] < 0.2
    assert learned.expression.shape == default_basis().expression.shape
