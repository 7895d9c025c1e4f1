"""sender.crop: call-like framing, steadiness, and a cut that is exact at the edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sender.crop import OUTSIDE_FRAMES, Crop, FaceExtent, SteadyCrop, cut, face_extent, to_crop


def face(x: float, y: float, width: float) -> FaceExtent:
    return FaceExtent(x, y, width)


@pytest.mark.parametrize("width_px", [40, 90, 180, 300])
def test_a_fresh_crop_gives_the_face_its_share(width_px: int) -> None:
    update = SteadyCrop().update(1280, 720, face(600, 350, width_px))
    assert update.moved
    assert 0.45 <= width_px / update.crop.side_px <= 0.6


@given(
    width=st.integers(40, 1280),
    height=st.integers(40, 1280),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
    size=st.floats(0.02, 0.95),
)
def test_a_crop_has_the_face_in_it_and_stays_inside_when_it_can(
    width: int, height: int, x: float, y: float, size: float
) -> None:
    extent = face(x * width, y * height, max(2.0, size * min(width, height)))
    crop = SteadyCrop().update(width, height, extent).crop
    assert crop.side_px >= extent.width_px * 0.99
    assert crop.x_px - 1 <= extent.x_px <= crop.x_px + crop.side_px + 1
    assert crop.y_px - 1 <= extent.y_px <= crop.y_px + crop.side_px + 1
    if crop.side_px <= min(width, height):
        assert 0 <= crop.x_px <= width - crop.side_px and 0 <= crop.y_px <= height - crop.side_px


@pytest.mark.parametrize("share", [0.2, 0.35, 0.5, 0.75, 0.95])
def test_a_256_px_picture_is_used_whole_and_unchanged(share: float) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    crop = SteadyCrop().update(256, 256, face(120, 130, share * 256)).crop
    assert crop == Crop(0, 0, 256)
    assert (cut(picture, crop) == picture).all()


@pytest.mark.parametrize(("share", "whole"), [(0.34, False), (0.36, True), (0.74, True), (0.76, False)])
def test_a_square_picture_is_used_whole_if_its_face_is_call_like(share: float, whole: bool) -> None:
    crop = SteadyCrop().update(512, 512, face(256, 256, share * 512)).crop
    assert (crop == Crop(0, 0, 512)) is whole


def test_a_swaying_face_does_not_move_the_crop() -> None:
    steady = SteadyCrop()
    first = steady.update(1280, 720, face(640, 360, 150)).crop
    for k in range(300):
        extent = face(640 + 35 * np.sin(k / 9), 360 + 25 * np.cos(k / 7), 150 * (1 + 0.2 * np.sin(k / 11)))
        update = steady.update(1280, 720, extent)
        assert not update.moved and update.crop == first


def test_a_short_excursion_is_waited_out_and_a_lasting_one_followed() -> None:
    steady = SteadyCrop()
    first = steady.update(1280, 720, face(640, 360, 150)).crop
    away = face(700, 360, 150)
    for _ in range(OUTSIDE_FRAMES - 1):
        assert not steady.update(1280, 720, away).moved
    assert not steady.update(1280, 720, face(640, 360, 150)).moved
    moves = [steady.update(1280, 720, away).moved for _ in range(OUTSIDE_FRAMES + 20)]
    assert moves.count(True) == 1 and moves[OUTSIDE_FRAMES - 1]
    assert steady.crop is not None and steady.crop.x_px > first.x_px


def test_a_face_that_comes_nearer_gets_a_new_crop_once() -> None:
    steady = SteadyCrop()
    steady.update(1280, 720, face(640, 360, 150))
    moves = [steady.update(1280, 720, face(640, 360, 230)).moved for _ in range(50)]
    assert moves.count(True) == 1


def test_a_face_that_jumps_away_is_followed_at_once() -> None:
    steady = SteadyCrop()
    steady.update(1280, 720, face(300, 360, 150))
    assert steady.update(1280, 720, face(900, 360, 150)).moved


def test_a_face_too_large_for_the_picture_does_not_make_the_crop_restless() -> None:
    steady = SteadyCrop()
    steady.update(640, 480, face(320, 240, 420))
    assert not any(steady.update(640, 480, face(320 + k % 3, 240, 415)).moved for k in range(60))


def test_another_picture_size_starts_afresh() -> None:
    steady = SteadyCrop()
    steady.update(1280, 720, face(640, 360, 150))
    assert steady.update(640, 360, face(320, 180, 75)).moved


def test_a_crop_past_the_edges_repeats_them() -> None:
    picture = np.zeros((100, 60, 3), np.uint8)
    picture[:, 0], picture[:, -1] = 200, 100
    square = cut(picture, Crop(-20, 0, 100))
    assert square.shape == (256, 256, 3)
    assert (square[:, :48] == 200).all() and (square[:, -48:] == 100).all()


@pytest.mark.parametrize("crop", [Crop(0, 0, 1), Crop(-5, -5, 3), Crop(500, 500, 40), Crop(-300, -300, 1000)])
def test_any_crop_gives_a_picture(crop: Crop) -> None:
    picture = np.full((120, 90, 3), 77, np.uint8)
    square = cut(picture, crop)
    assert square.shape == (256, 256, 3) and (square == 77).all() and square.flags.c_contiguous


def test_landmarks_follow_the_pixels_into_the_crop() -> None:
    picture = np.zeros((400, 400, 3), np.uint8)
    picture[202:206, 130:134] = 255  # centre of these pixels: (131.5, 203.5)
    crop = Crop(80, 140, 128)
    rows, columns = np.nonzero(cut(picture, crop)[:, :, 0] > 127)
    point = to_crop(np.array([[131.5, 203.5, 4.0]], np.float32), crop)[0]
    assert point[0] == pytest.approx(columns.mean(), abs=0.1)
    assert point[1] == pytest.approx(rows.mean(), abs=0.1)
    assert point[2] == pytest.approx(8.0)


def test_the_extent_of_a_turned_face_keeps_its_size() -> None:
    straight = np.array([[0, 0, 0], [80, 100, 0]], np.float32)
    turned = np.array([[20, 0, 0], [60, 100, 0]], np.float32)
    assert face_extent(straight).width_px == pytest.approx(80)
    assert face_extent(turned).width_px == pytest.approx(80)
    assert (face_extent(turned).x_px, face_extent(turned).y_px) == (40, 50)
