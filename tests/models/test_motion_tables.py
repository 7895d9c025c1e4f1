import numpy as np
import pytest
import torch

from models.networks.codec import Analyser
from models.training.dataset import CachedClip
from models.training.motion_tables import balanced, clip_symbols
from shared.coding.make_tables import Quantisers
from shared.coding.motion_code import dequantise_motion, quantise_motion
from shared.coding.motion_layout import ANCHOR_SYMBOLS, SHAPE_SYMBOLS, SYMBOLS

pytestmark = pytest.mark.model


def test_a_clip_becomes_the_symbols_that_a_sender_would_send(cached: list[CachedClip]) -> None:
    torch.manual_seed(0)
    motion, shape, anchors = clip_symbols(cached[0], Analyser().eval(), 5, Quantisers().motion_plan())
    assert motion.shape == (5, SYMBOLS)
    assert shape.shape == (SHAPE_SYMBOLS,)
    assert anchors.shape == (ANCHOR_SYMBOLS,)
    assert np.array_equal(quantise_motion(dequantise_motion(motion[0])), motion[0])


def test_one_clip_stands_for_each_training_person(cached: list[CachedClip]) -> None:
    assert [clip.name for clip in balanced(cached)] == ["ana"]
