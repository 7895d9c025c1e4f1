"""receiver.render_call: thumbnails, video and the voice's mouth, and what is shown when one takes over from another."""

from collections.abc import Iterator

import numpy as np
import pytest

from models.runtime.base import Array, Picture, ReferenceState
from models.runtime.mesh_warp import MeshWarpBackend
from receiver.disclosure import waiting_picture
from receiver.render_call import Rendered, VideoBroken
from receiver.render_worker import RenderWorker
from receiver.voice_features import Heard
from shared.coding.motion_layout import MotionValues
from shared.core.due import PictureDue, PictureState
from shared.errors import UnknownReference
from shared.frames import VideoKind, VoicePacket
from shared.limits import EARS_QUEUE, THUMBNAIL_MAX_AGE_MS, VIDEO_HOLD_MAX_MS, VIDEO_LEAVE_MS
from tests.models.runtime.faces import motion
from tests.receiver.coded_pictures import units
from tests.receiver.test_render_worker import Results


class Noting(MeshWarpBackend):
    """Notes what it is given."""

    def __init__(self) -> None:
        self.given: list[tuple[MotionValues, Array | None, Picture | None]] = []

    def render(
        self,
        state: ReferenceState,
        motion: MotionValues,
        voice: Array | None = None,
        thumbnail: Picture | None = None,
    ) -> Picture:
        self.given.append((motion, voice, thumbnail))
        return super().render(state, motion)


class Ears:
    """Hears whatever it is told to; notes what it is given."""

    silence = Heard(np.zeros(32, np.float32), np.zeros(16, np.float32))

    def __init__(self) -> None:
        self.heard: Heard | None = None
        self.packets: list[int] = []
        self.closed = False

    def push(self, packet: VoicePacket) -> None:
        self.packets.append(packet.media_ms)

    def listen(self, media_ms: int) -> Heard | None:
        return self.heard

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def backend() -> Noting:
    return Noting()


@pytest.fixture
def worker(backend: Noting) -> Iterator[RenderWorker]:
    worker = RenderWorker(backend)
    yield worker
    worker.close()


def due(media_ms: int, state: PictureState = PictureState.FRESH, age_ms: int = 0) -> PictureDue:
    known = state is not PictureState.WAITING
    share = 0.0 if state is PictureState.FRESH else 1.0
    values, keyframe_id = (motion(0.01), 0) if known else (None, None)
    return PictureDue(media_ms, media_ms * 1000, state, keyframe_id, values, age_ms, share)


def shown(results: Results, wanted: PictureDue) -> Rendered:
    results.call.show(wanted)
    done = results.next()
    assert isinstance(done, Rendered)
    return done


def decoded(results: Results) -> None:
    """Until the video lane is done with what it has."""
    lane = results.call._lanes._videos  # type: ignore[attr-defined]
    with lane._changed:
        lane._changed.wait_for(lambda: lane._busy is None and not any(lane._queues.values()), 5)


def with_video(results: Results, count: int = 4, kind: VideoKind = VideoKind.VIDEO) -> Results:
    for unit in units(count, kind):
        results.call.add_video(unit)
    decoded(results)
    return results


def test_video_is_shown_as_it_was_sent_before_there_is_any_keyframe(worker: RenderWorker) -> None:
    results = with_video(Results(worker))
    first = shown(results, due(0, PictureState.WAITING))
    second = shown(results, due(40, PictureState.WAITING))
    assert (first.due.state, first.reconstructed, first.compute_ms) == (PictureState.VIDEO, False, 0)
    assert first.picture.shape == (256, 256, 3) and not np.array_equal(first.picture, second.picture)


def test_video_that_stops_is_held_openly_after_its_limit(worker: RenderWorker) -> None:
    results = with_video(Results(worker), 1)
    at_limit = shown(results, due(VIDEO_HOLD_MAX_MS, PictureState.WAITING))
    past = shown(results, due(VIDEO_HOLD_MAX_MS + 1, PictureState.WAITING))
    assert (at_limit.due.state, past.due.state) == (PictureState.VIDEO, PictureState.HELD)
    assert past.picture is at_limit.picture and not past.reconstructed


def test_motion_takes_over_when_it_is_newer_and_video_again_without_an_empty_picture(
    worker: RenderWorker,
) -> None:
    results = with_video(Results(worker).with_reference(), 1)
    assert shown(results, due(VIDEO_LEAVE_MS)).due.state is PictureState.VIDEO
    taken_over = shown(results, due(VIDEO_LEAVE_MS + 1))
    assert taken_over.reconstructed and taken_over.due.state is PictureState.FRESH
    for unit in units(1, start_ms=400):
        results.call.add_video(unit)
    decoded(results)
    again = shown(results, due(400, PictureState.CONCEALED, age_ms=200))
    assert again.due.state is PictureState.VIDEO and again.picture.any()


def test_on_the_voice_rung_video_gives_way_after_its_limit(worker: RenderWorker) -> None:
    results = with_video(Results(worker).with_reference(), 1)
    assert not shown(results, due(VIDEO_HOLD_MAX_MS, PictureState.VOICE, 900)).reconstructed
    assert shown(results, due(VIDEO_HOLD_MAX_MS + 1, PictureState.VOICE, 900)).reconstructed


def test_a_missing_unit_is_reported_with_its_kind(worker: RenderWorker) -> None:
    results = Results(worker)
    results.call.add_video(units(2, VideoKind.THUMBNAIL)[1])
    broken = results.next()
    assert isinstance(broken, VideoBroken) and broken.kind is VideoKind.THUMBNAIL
    assert isinstance(broken.error, UnknownReference)


def test_the_network_gets_the_nearest_thumbnail_and_none_when_it_is_too_old(
    worker: RenderWorker, backend: Noting
) -> None:
    results = with_video(Results(worker).with_reference(), 2, VideoKind.THUMBNAIL)
    for media_ms in (0, 30, 40 + THUMBNAIL_MAX_AGE_MS, 41 + THUMBNAIL_MAX_AGE_MS):
        assert shown(results, due(media_ms)).reconstructed
    small = [thumbnail for _, _, thumbnail in backend.given]
    assert small[0] is not None and small[0].shape == (128, 128, 3)
    assert small[1] is small[2] and small[1] is not small[0] and small[3] is None


def test_without_motion_the_mouth_moves_by_what_the_voice_says_since_the_pose(
    worker: RenderWorker, backend: Noting
) -> None:
    ears = Ears()
    results = Results(worker, ears).with_reference()
    ears.heard = Heard(np.ones(32, np.float32), np.full(16, 0.2, np.float32))
    results.call.hear(VoicePacket(0, 80, b"x"))
    shown(results, due(0))
    shown(results, due(40, PictureState.CONCEALED, 40))
    ears.heard = Heard(np.ones(32, np.float32), np.full(16, 0.4, np.float32))
    shown(results, due(80, PictureState.CONCEALED, 80))
    (fresh, voice, _), (same, _, _), (concealed, _, _) = backend.given
    assert ears.packets == [0] and voice is not None and voice.sum() == 32
    assert not fresh.expression.any() and not same.expression.any(), "the pose holds what is said"
    assert concealed.expression.any()
    results.call.close()
    assert ears.closed


def test_a_held_head_is_rendered_again_only_while_its_mouth_moves(worker: RenderWorker) -> None:
    ears = Ears()
    results = Results(worker, ears).with_reference()
    moving = []
    for media_ms in (0, 40, 80):
        ears.heard = Heard(np.zeros(32, np.float32), np.full(16, media_ms / 100, np.float32))
        moving.append(shown(results, due(media_ms, PictureState.HELD, 600 + media_ms)).compute_ms)
    for media_ms in range(120, 3000, 40):
        still = shown(results, due(media_ms, PictureState.HELD, 600 + media_ms)).compute_ms
    assert min(moving) > 0 and still == 0


def test_packets_that_wait_to_be_heard_are_bounded(worker: RenderWorker) -> None:
    ears = Ears()
    results = Results(worker, ears)
    for index in range(EARS_QUEUE + 1):
        results.call.hear(VoicePacket(index * 20, 20, b"x"))
    shown(results, due(0, PictureState.WAITING))
    assert ears.packets == [index * 20 for index in range(1, EARS_QUEUE + 1)]


def test_a_call_that_goes_on_holds_its_last_picture_instead_of_the_card(worker: RenderWorker) -> None:
    before = np.full((256, 256, 3), 77, np.uint8)
    done = shown(Results(worker, before=before), due(0, PictureState.WAITING))
    assert done.picture is before and done.due.state is PictureState.HELD
    fresh = shown(Results(worker), due(0, PictureState.WAITING))
    assert fresh.due.state is PictureState.WAITING
    assert np.array_equal(fresh.picture, waiting_picture(256))
