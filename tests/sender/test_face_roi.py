import math

import numpy as np
import pytest

from sender.face.roi import Roi, crop, crop_to_picture, enclosing_roi, to_picture
from tests.sender.face_pictures import portrait


def test_an_upright_region_of_the_whole_picture_is_the_picture() -> None:
    picture = portrait()
    cut = crop(picture, Roi(128, 128, 256, 0.0), 256)
    assert cut.shape == (1, 256, 256, 3)
    assert np.array_equal(np.rint(cut[0] * 255), picture)


def test_points_return_to_where_the_crop_took_them_from() -> None:
    roi = Roi(100, 90, 80, math.radians(30))
    points = np.array([[96, 96, 0], [192, 96, 12]], np.float32)
    back = to_picture(points, roi, 192)
    assert back[0] == pytest.approx([100, 90, 0], abs=1e-4)
    assert back[1] == pytest.approx([100 + 40 * math.cos(math.radians(30)), 90 + 40 * 0.5, 5], abs=1e-4)


def test_a_turned_region_shows_the_face_upright() -> None:
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[100:, :] = 255
    cut = crop(picture, Roi(100, 100, 60, math.pi / 2), 64)[0, :, :, 0]
    # Down on the screen is to the right in a region turned by a quarter clockwise.
    assert cut[:, 40:].min() == 1
    assert cut[:, :24].max() == 0


def test_outside_the_picture_the_edge_is_repeated() -> None:
    picture = np.full((50, 50, 3), 77, np.uint8)
    assert np.allclose(crop(picture, Roi(0, 0, 100, 0.3), 32), 77 / 255)


def test_the_enclosing_square_takes_the_longer_side_and_the_eyes_slope() -> None:
    points = np.array([[10, 20, 5], [50, 40, -5]], np.float32)
    roi = enclosing_roi(points, np.array([0, 0]), np.array([1, 1]), 1.5)
    assert (roi.center_x_px, roi.center_y_px, roi.side_px) == (30, 30, 60)
    assert roi.angle_rad == pytest.approx(math.pi / 4)


def test_a_region_of_no_size_is_no_error() -> None:
    assert np.isfinite(crop(portrait(), Roi(10, 10, 0, 0), 32)).all()
    assert np.isfinite(crop_to_picture(Roi(10, 10, 0, 0), 32)).all()
