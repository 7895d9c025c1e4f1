"""The networks of a sender, loaded once."""

import pytest

from sender.face.models import load_prior
from sender.face.segmentation import PersonSegmenter
from sender.face.tracker import FaceModels
from sender.motion_encoder import MotionEncoder
from tests.e2e.calls import Networks


@pytest.fixture(scope="session")
def networks() -> Networks:
    return Networks(FaceModels.load(), PersonSegmenter(load_prior("segmentation")), MotionEncoder())
