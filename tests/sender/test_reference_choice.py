"""sender.reference_choice: near in pose, steady, of one crop, and not one that shows how things were."""

import numpy as np
import pytest

from sender.crop import Crop
from sender.motion_encoder import ReferenceCode, normalised
from sender.reference_choice import MUCH_NEARER, NEAR_PX, Reference, ReferenceChoice, pose_distance_px
from shared.coding.mesh_motion import points_from_shape, shape_from_points
from shared.coding.motion_layout import ANCHOR_SYMBOLS, MASK_SIDE, SHAPE_SYMBOLS

WHOLE = Crop(0, 0, 256)
MEAN_PX = (points_from_shape(np.zeros(SHAPE_SYMBOLS, np.int16)) + 1) * 128 - 0.5


def landmarks(shift_px: float) -> np.ndarray:
    return (MEAN_PX + np.array([shift_px, 0.0])).astype(np.float32)


def reference(keyframe_id: int, shift_px: float, crop: Crop = WHOLE, provisional: bool = False) -> Reference:
    code = ReferenceCode(
        shape_from_points(normalised(landmarks(shift_px))),
        np.zeros(ANCHOR_SYMBOLS, np.int16),
        np.ones((MASK_SIDE, MASK_SIDE), np.uint8),
    )
    return Reference(keyframe_id, crop, code, provisional)


def chosen(choice: ReferenceChoice, usable: list[Reference], shift_px: float) -> int:
    found = choice.choose(usable, landmarks(shift_px))
    assert found is not None
    return found.keyframe_id


def test_there_is_nothing_to_choose_from_nothing() -> None:
    assert ReferenceChoice().choose([], landmarks(0)) is None


def test_distances_are_in_pixels_of_the_crop() -> None:
    assert pose_distance_px(reference(1, 0), landmarks(12)) == pytest.approx(12, abs=1)
    half = Crop(64, 64, 128)
    moved = landmarks(0) / 2 + 64
    assert pose_distance_px(reference(1, 0, half), moved) == pytest.approx(0, abs=1)


def test_the_nearest_in_pose_is_taken() -> None:
    usable = [reference(1, 0), reference(2, 40)]
    for shift_px, expected in ((0, 1), (38, 2), (4, 1)):
        assert chosen(ReferenceChoice(), usable, shift_px) == expected


def test_the_choice_does_not_flutter_between_two() -> None:
    usable, choice = [reference(1, 0), reference(2, 40)], ReferenceChoice()
    assert chosen(choice, usable, 0) == 1
    even_px = 40 / (1 + MUCH_NEARER)  # where the other's distance is just that share
    assert chosen(choice, usable, even_px - 1.5) == 1
    assert chosen(choice, usable, even_px + 1.5) == 2
    assert chosen(choice, usable, 20) == 2


def test_one_that_is_near_enough_is_kept() -> None:
    usable, choice = [reference(1, 0), reference(2, NEAR_PX - 1)], ReferenceChoice()
    assert chosen(choice, usable, 0) == 1
    assert chosen(choice, usable, NEAR_PX - 1) == 1


def test_a_new_crop_leaves_the_references_of_the_old_one_behind() -> None:
    usable = [reference(1, 0), reference(2, 40, Crop(5, 0, 256))]
    assert chosen(ReferenceChoice(), usable, 0) == 2


def test_one_that_looks_wrong_in_its_own_pose_is_outdated_and_one_in_another_pose_is_not() -> None:
    both, choice = [reference(1, 0), reference(2, 1)], ReferenceChoice()
    assert chosen(choice, both[:1], 0) == 1
    choice.looked_wrong()
    assert chosen(choice, both, 0) == 2
    turned, choice = [reference(1, 0), reference(2, 60)], ReferenceChoice()
    assert chosen(choice, turned[:1], 60) == 1
    choice.looked_wrong()
    assert chosen(choice, turned, 60) == 2 and chosen(choice, turned, 0) == 1


def test_when_all_are_outdated_the_newest_is_taken() -> None:
    usable, choice = [reference(1, 0)], ReferenceChoice()
    assert chosen(choice, usable, 0) == 1
    choice.looked_wrong()
    assert chosen(choice, usable, 0) == 1


def test_the_small_first_one_is_left_as_soon_as_there_is_another() -> None:
    usable = [reference(1, 0, provisional=True), reference(2, 40)]
    assert chosen(ReferenceChoice(), usable[:1], 0) == 1
    assert chosen(ReferenceChoice(), usable, 0) == 2


def test_after_a_new_beginning_only_what_came_later_serves() -> None:
    usable, choice = [reference(1, 0), reference(2, 40)], ReferenceChoice()
    assert chosen(choice, usable, 0) == 1
    choice.begin_anew()
    assert chosen(choice, usable, 0) == 2, "the newest, as nothing better is there yet"
    assert chosen(choice, [*usable, reference(3, 60)], 0) == 3


@pytest.mark.parametrize(
    ("count", "shift_px", "expected"), [(3, 11, True), (4, 11, False), (3, 8, False), (0, 11, False)]
)
def test_another_is_wanted_for_a_far_pose_while_there_is_room(
    count: int, shift_px: float, expected: bool
) -> None:
    choice = ReferenceChoice()
    choice.choose([reference(keyframe_id, 0) for keyframe_id in range(count)], landmarks(shift_px))
    assert choice.wants_another is expected
