"""sender.pipeline: face states, drafts, and motion that stays with the reference the receiver has."""

import time
from dataclasses import replace

import numpy as np
import pytest

from sender.crop import Crop
from sender.face.tracker import TrackedFace
from sender.keyframe_policy import INTERVAL_MS, KeyframeKind
from sender.pipeline import (
    FIRST_IMAGE_MAX_BYTES,
    LOST_AFTER_PICTURES,
    FacePipeline,
    FaceState,
    Processed,
    warm_up,
)
from sender.reference_choice import Reference
from sender.sources.base import SourcePicture
from sender.sources.pattern import draw_head
from shared.core.keyframe_sender import split
from shared.keyframe_blob import pack_keyframe, parse_keyframe
from tests.sender.call_parts import Picture, make_pipeline

pytestmark = pytest.mark.model

EMPTY = np.full((512, 512, 3), 120, np.uint8)


@pytest.fixture
def pipeline() -> FacePipeline:
    return make_pipeline()


def wide(media_ms: int, shift_px: int) -> Picture:
    """The head in a 1280x720 picture, moved to the right."""
    picture = np.full((720, 1280, 3), 120, np.uint8)
    picture[100:612, 100 + shift_px : 612 + shift_px] = draw_head(media_ms)
    return picture


def show(
    pipeline: FacePipeline,
    media_ms: int,
    rgb: Picture,
    active: Reference | None = None,
    requested: bool = False,
) -> Processed:
    return pipeline.process(SourcePicture(media_ms, 0, rgb), [active] if active else [], requested)


def first_reference(pipeline: FacePipeline, rgb: Picture) -> Reference:
    """The first full keyframe; the small one before it is not built."""
    for media_ms in range(0, 400, 40):
        done = show(pipeline, media_ms, rgb)
        assert done.motion is None
        if done.draft is not None and done.draft.kind is KeyframeKind.FULL:
            return pipeline.build_keyframe(done.draft, 7, 2048)[1]
    raise AssertionError("no keyframe within the patience")


def test_the_first_keyframe_fits_one_part(pipeline: FacePipeline) -> None:
    draft = show(pipeline, 0, draw_head(0)).draft
    assert draft is not None and draft.kind is KeyframeKind.FIRST
    keyframe, _ = pipeline.build_keyframe(draft, 3, 2048)
    assert len(split(3, pack_keyframe(keyframe))) == 1


def test_a_keyframe_survives_its_own_wire_format(pipeline: FacePipeline) -> None:
    drafts = [d for ms in range(0, 400, 40) if (d := show(pipeline, ms, draw_head(0)).draft)]
    assert [draft.kind for draft in drafts] == [KeyframeKind.FIRST, KeyframeKind.FULL]
    keyframe, reference = pipeline.build_keyframe(drafts[1], 3, 2048)
    assert FIRST_IMAGE_MAX_BYTES < len(keyframe.image) <= 2048
    received = parse_keyframe(3, pack_keyframe(keyframe))
    assert received.image == keyframe.image and (received.shape == reference.code.shape).all()
    assert 100 < received.mask.sum() < 900


def test_the_state_follows_the_face(pipeline: FacePipeline) -> None:
    assert show(pipeline, 0, EMPTY).state is FaceState.WAITING_FACE
    assert show(pipeline, 40, EMPTY).crop_picture is None
    assert show(pipeline, 80, draw_head(0)).state is FaceState.RUNNING
    states = [show(pipeline, 120 + 40 * k, EMPTY).state for k in range(LOST_AFTER_PICTURES)]
    assert states == [FaceState.RUNNING] * (LOST_AFTER_PICTURES - 1) + [FaceState.FACE_LOST]
    assert show(pipeline, 400, draw_head(0)).state is FaceState.RUNNING


def test_landmarks_that_are_no_numbers_are_no_face(
    pipeline: FacePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = first_reference(pipeline, draw_head(0))
    update = pipeline._tracker.update

    def broken(rgb: Picture) -> TrackedFace | None:
        face = update(rgb)
        return None if face is None else replace(face, landmarks=face.landmarks * np.nan)

    monkeypatch.setattr(pipeline._tracker, "update", broken)
    done = [
        show(pipeline, 1000 + 40 * i, draw_head(0), reference, requested=True)
        for i in range(LOST_AFTER_PICTURES)
    ]
    assert all(one.motion is None and one.draft is None for one in done)
    assert done[-1].state is FaceState.FACE_LOST
    monkeypatch.undo()
    assert show(pipeline, 2000, draw_head(0), reference).motion is not None


def test_motion_names_the_reference_and_rests_at_it(pipeline: FacePipeline) -> None:
    reference = first_reference(pipeline, draw_head(0))
    still = show(pipeline, 440, draw_head(0), reference).motion
    moved = show(pipeline, 480, draw_head(1000), reference).motion
    assert still is not None and moved is not None
    assert (still.keyframe_id, still.media_ms, still.symbols.shape) == (7, 440, (46,))
    assert np.abs(still.symbols.astype(int)).sum() < np.abs(moved.symbols.astype(int)).sum()


def test_a_moved_crop_waits_for_its_own_keyframe(pipeline: FacePipeline) -> None:
    reference = first_reference(pipeline, wide(0, 0))
    drafts, crops = [], set()
    for media_ms in range(INTERVAL_MS + 400, INTERVAL_MS + 2000, 40):
        done = show(pipeline, media_ms, wide(0, 300), reference)
        assert done.motion is not None and done.motion.keyframe_id == 7
        drafts += [done.draft] if done.draft else []
        crops.add(pipeline._crop.crop)
    assert len(drafts) == 1
    fresh = drafts[0].view.crop
    assert fresh.x_px - reference.crop.x_px == pytest.approx(300, abs=40)
    newer = pipeline.build_keyframe(drafts[0], 8, 2048)[1]
    motion = show(pipeline, 9000, wide(0, 300), newer).motion
    assert motion is not None and motion.keyframe_id == 8


def test_what_is_recorded_is_the_crop_of_the_active_reference(pipeline: FacePipeline) -> None:
    reference = first_reference(pipeline, draw_head(0))
    assert reference.crop == Crop(0, 0, 512)
    done = show(pipeline, 440, EMPTY, reference)
    assert done.crop_picture is not None and (done.crop_picture == 120).all()


def test_warming_up_leaves_the_first_picture_quick() -> None:
    pipeline = make_pipeline()
    warm_up(pipeline)
    start_s = time.perf_counter()
    show(pipeline, 80, draw_head(80))
    assert time.perf_counter() - start_s < 0.3


def test_a_request_makes_a_draft(pipeline: FacePipeline) -> None:
    reference = first_reference(pipeline, draw_head(0))
    for media_ms in range(440, 2040, 40):
        assert show(pipeline, media_ms, draw_head(0), reference).draft is None
    later = [
        show(pipeline, 2040 + 40 * k, draw_head(0), reference, requested=k == 0).draft for k in range(10)
    ]
    assert sum(draft is not None for draft in later) == 1
