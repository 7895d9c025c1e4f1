import cv2
import numpy as np
import pytest

from sender.face.models import load_prior
from sender.face.segmentation import PersonSegmenter
from tests.sender.face_pictures import portrait

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def segmenter() -> PersonSegmenter:
    return PersonSegmenter(load_prior("segmentation"))


def test_head_and_shoulders_are_the_person_and_the_corners_are_not(segmenter: PersonSegmenter) -> None:
    mask = segmenter.mask(portrait())
    assert mask.shape == (64, 64)
    assert mask.dtype == np.float32
    assert mask.min() >= 0
    assert mask.max() <= 1
    assert mask[20:44, 24:40].min() > 0.95
    assert mask[:10, :10].max() < 0.05
    assert mask[:10, -10:].max() < 0.05


@pytest.mark.parametrize("side_px", [128, 512])
def test_the_mask_hardly_depends_on_the_pictures_size(segmenter: PersonSegmenter, side_px: int) -> None:
    method = cv2.INTER_AREA if side_px < 256 else cv2.INTER_LINEAR
    other = cv2.resize(portrait(), (side_px, side_px), interpolation=method).astype(np.uint8)
    assert np.abs(segmenter.mask(other) - segmenter.mask(portrait())).mean() < 0.02
