"""receiver.reference_store."""

import numpy as np
import pytest

from models.runtime.keyframe import decode_reference
from models.runtime.mesh_warp import MeshWarpBackend
from receiver.reference_store import ReferenceStore
from shared.coding.mesh_basis import default_basis
from shared.errors import MalformedMessage
from shared.limits import GALLERY_SIZE
from tests.models.runtime.faces import reference
from tests.receiver.keyframes import image, keyframe


def test_a_keyframe_becomes_a_reference_in_the_networks_units() -> None:
    found = decode_reference(keyframe(2))
    assert np.abs(found.picture.astype(float) - reference(2).picture).mean() < 8
    assert np.abs(found.points - default_basis().mean).max() < 0.02
    assert found.keypoints.shape == (8, 2) and found.codes.shape == (8,) and found.mask.all()


def test_another_picture_size_is_brought_to_the_networks() -> None:
    assert decode_reference(keyframe(0, side_px=128)).picture.shape == (256, 256, 3)


def test_the_gallery_is_bounded_and_the_oldest_leaves() -> None:
    store = ReferenceStore(MeshWarpBackend())
    for keyframe_id in range(GALLERY_SIZE):
        store.add(keyframe(keyframe_id))
    assert store.get(0) is not None and len(store) == GALLERY_SIZE
    store.add(keyframe(GALLERY_SIZE))
    assert store.get(0) is None and store.get(1) is not None and len(store) == GALLERY_SIZE


@pytest.mark.parametrize("data", [b"", b"not AV1", image(0)[:40], bytes(500)])
def test_a_broken_picture_changes_nothing(data: bytes) -> None:
    store = ReferenceStore(MeshWarpBackend())
    store.add(keyframe(0))
    kept = store.get(0)
    with pytest.raises(MalformedMessage):
        store.add(keyframe(0, data=data))
    assert store.get(0) is kept
