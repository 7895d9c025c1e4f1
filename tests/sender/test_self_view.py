"""sender.self_view: what it sees, when it looks, and the keyframes that come of it."""

import logging

import numpy as np
import pytest

from models.runtime.choose import choose_backend
from sender.keyframe_policy import KeyframeKind
from sender.pipeline import FacePipeline, KeyframeDraft
from sender.reference_choice import Reference
from sender.self_view import INTERVAL_MS, SIDE_PX, Inline, SelfView, open_self_view, person_error
from sender.sources.base import PICTURE_INTERVAL_MS, SourcePicture
from sender.sources.pattern import draw_head
from shared.errors import MalformedMessage
from shared.frames import Keyframe, MotionFrame
from tests.sender.call_parts import Picture, make_pipeline

pytestmark = pytest.mark.model

EVERYWHERE = np.ones((SIDE_PX, SIDE_PX), np.float32)


def grey(level: int) -> Picture:
    return np.full((256, 256, 3), level, np.uint8)


def made(pipeline: FacePipeline) -> tuple[Keyframe, Reference, KeyframeDraft]:
    drafts = [
        draft
        for ms in range(0, 400, 40)
        if (draft := pipeline.process(SourcePicture(ms, 0, draw_head(0)), [], False).draft)
    ]
    assert drafts[-1].kind is KeyframeKind.FULL
    return *pipeline.build_keyframe(drafts[-1], 5, 2048), drafts[-1]


def test_the_error_is_that_of_luma_where_the_person_is() -> None:
    half = EVERYWHERE.copy()
    half[:, : SIDE_PX // 2] = 0
    picture = grey(100)
    picture[:, 128:] = 151
    assert person_error(grey(100), grey(100), EVERYWHERE) == 0
    assert person_error(grey(100), picture, half) == pytest.approx(0.2, abs=0.01)
    assert person_error(grey(100), picture, 1 - half) < 0.01
    assert person_error(grey(100), picture, np.zeros_like(half)) == 0


def test_a_still_face_looks_right_and_one_in_other_light_wrong() -> None:
    keyframe, reference, draft = made(make_pipeline())
    view = SelfView(choose_backend("mesh-warp"), Inline())
    view.add(keyframe)
    motion = MotionFrame(0, 5, np.zeros(46, np.int16))
    for media_ms, picture in ((0, draft.view.picture), (INTERVAL_MS, draft.view.picture // 2)):
        view.offer(MotionFrame(media_ms, 5, motion.symbols), picture, draft.view.mask)
    (one, right), (other, wrong) = view.judgements()
    assert one == other == reference.keyframe_id == 5
    assert right < 0.03 < 0.1 < wrong
    assert view.judgements() == []


def test_it_looks_once_in_an_interval_and_only_at_its_own_keyframe() -> None:
    keyframe, _, draft = made(make_pipeline())
    view = SelfView(choose_backend("mesh-warp"), Inline())
    view.add(keyframe)
    still = np.zeros(46, np.int16)
    for media_ms in range(0, 2 * INTERVAL_MS + 1, PICTURE_INTERVAL_MS):
        view.offer(MotionFrame(media_ms, 5, still), draft.view.picture, draft.view.mask)
    assert len(view.judgements()) == 3
    view.offer(MotionFrame(4 * INTERVAL_MS, 6, still), draft.view.picture, draft.view.mask)
    assert view.judgements() == []


def test_a_keyframe_that_cannot_be_looked_at_is_said_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    keyframe, _, draft = made(make_pipeline())
    broken = Keyframe(
        **{name: getattr(keyframe, name) for name in keyframe.__slots__} | {"image": b"no picture"}
    )
    view = SelfView(choose_backend("mesh-warp"), Inline())
    with caplog.at_level(logging.WARNING, "facewire.sender"):
        view.add(broken)
    assert MalformedMessage.__name__ in caplog.text
    view.offer(MotionFrame(0, 5, np.zeros(46, np.int16)), draft.view.picture, draft.view.mask)
    assert view.judgements() == []


def drafts_when_the_light_halves(spare: bool) -> list[int]:
    """Return when keyframes were begun: half the light from 4 s on, the mesh where it was, so only its look can tell."""
    pipeline = make_pipeline(SelfView(choose_backend("mesh-warp"), Inline()))
    _, reference, _ = made(pipeline)
    drafts = []
    for media_ms in range(400, 8000, PICTURE_INTERVAL_MS):
        rgb = draw_head(0) if media_ms < 4000 else (draw_head(0) * 0.55).astype(np.uint8)
        if pipeline.process(SourcePicture(media_ms, 0, rgb), [reference], False, spare=spare).draft:
            drafts.append(media_ms)
    return drafts


def test_the_pipeline_makes_a_keyframe_when_the_light_changes_and_not_before() -> None:
    (begun,) = drafts_when_the_light_halves(spare=True)
    assert 4000 + INTERVAL_MS <= begun <= 4000 + 3 * INTERVAL_MS


def test_a_keyframe_that_is_only_worth_it_waits_until_the_rate_has_room() -> None:
    assert drafts_when_the_light_halves(spare=False) == []


def test_the_shipped_network_can_be_looked_through() -> None:
    view = open_self_view()
    assert view is not None
    view.add(made(make_pipeline())[0])
