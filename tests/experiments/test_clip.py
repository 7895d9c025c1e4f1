"""experiments.measures.clip and .face: whole clips at both ends."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.measures.clip import Tools, compare, compare_many, load_tools
from experiments.measures.face import FaceMeasure, distance, shape_distance

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def tools() -> Tools:
    return load_tools(None)


@pytest.mark.model
def test_a_clip_against_itself_is_perfect(sample_pictures: list[Picture], tools: Tools) -> None:
    quality = compare(sample_pictures[::25], sample_pictures[::25], tools)
    means = quality.means
    assert (means.landmark_px, means.mouth_px, means.eye_px, means.temporal_error) == (0, 0, 0, 0)
    assert (means.ssim_y, means.flicker, means.sharp_ratio) == pytest.approx((1, 1, 1))
    assert means.vgg is None
    assert quality.faces_missed == 0


@pytest.mark.model
def test_a_held_frame_stands_still_and_misses_the_face(sample_pictures: list[Picture], tools: Tools) -> None:
    clip = sample_pictures[::25]
    means = compare(clip, [clip[0]] * len(clip), tools).means
    assert means.flicker is not None and means.flicker < 0.01
    assert means.landmark_px is not None and means.landmark_px > 1.5
    assert means.mouth_px is not None and means.mouth_px > 0.3


@pytest.mark.model
def test_a_picture_without_a_face_has_no_distance_and_is_counted(
    sample_pictures: list[Picture], tools: Tools
) -> None:
    clip = sample_pictures[:2]
    quality = compare(clip, [np.full_like(clip[0], 90)] * 2, tools)
    assert quality.faces_missed == 1  # the first picture is the keyframe and is not measured
    assert quality.means.landmark_px is None
    assert np.isnan(quality.mouth_px).all()


@pytest.mark.model
def test_a_shifted_face_is_as_far_as_it_was_shifted_and_keeps_its_mouths_shape(
    sample_pictures: list[Picture], tools: Tools
) -> None:
    assert tools.faces is not None
    follow = FaceMeasure(tools.faces)
    region = follow.region(sample_pictures[0])
    assert region is not None
    shifted = np.roll(sample_pictures[0], (4, 3), axis=(0, 1))
    apart = distance(follow.points(sample_pictures[0], region), follow.points(shifted, region))
    assert apart.landmark_px == pytest.approx(5, abs=0.4)
    assert apart.mouth_px < 0.3
    assert apart.eye_px < 0.3


def test_measuring_needs_no_torch() -> None:
    code = (
        "import sys, experiments.measures.clip, experiments.measures.voice, experiments.rivals.av1, "
        "experiments.demo.measure; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_shape_distance_ignores_the_place() -> None:
    points = np.random.default_rng(4).random((16, 2)).astype(np.float32)
    assert shape_distance(points, points + 7) == pytest.approx(0, abs=1e-5)


def test_every_nth_frame_after_the_keyframe_is_measured(sample_pictures: list[Picture]) -> None:
    clip = sample_pictures[:7]
    quality = compare(clip, clip, Tools(None, None), every=3)
    assert quality.index.tolist() == [1, 4]
    assert quality.means.landmark_px is None


def test_clips_of_another_length_are_refused(sample_pictures: list[Picture]) -> None:
    with pytest.raises(ValueError, match="frames"):
        compare_many(sample_pictures[:3], {"short": sample_pictures[:2]}, Tools(None, None))
    with pytest.raises(ValueError, match="frames"):
        compare_many([], {"empty": []}, Tools(None, None))
