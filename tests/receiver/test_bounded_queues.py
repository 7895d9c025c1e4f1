"""Queues in front of what may be slow: as long as their limit, and not one longer."""

import threading
from pathlib import Path

import numpy as np
import pytest

from models.runtime.base import Reference
from models.runtime.mesh_warp import MeshWarpBackend, WarpState
from receiver.render_call import ReferenceDone
from receiver.render_worker import RenderWorker
from receiver.sinks.base import PictureState
from receiver.sinks.open import open_sink
from receiver.sinks.writer import FileSink
from receiver.video_decoder import DecodedPicture
from shared.frames import VideoKind, VideoUnit
from shared.limits import (
    PICTURE_SIZE_PX,
    REFERENCE_QUEUE,
    SINK_QUEUE_PICTURES,
    SINK_QUEUE_PICTURES_LOSSLESS,
    VIDEO_QUEUE,
)
from tests.receiver.coded_pictures import units
from tests.receiver.keyframes import keyframe
from tests.receiver.sinks.test_writer import Gate
from tests.receiver.test_render_worker import Results

PICTURE = np.zeros((PICTURE_SIZE_PX, PICTURE_SIZE_PX, 3), np.uint8)


@pytest.mark.parametrize(
    ("kind", "limit"), [("mp4", SINK_QUEUE_PICTURES), ("lossless", SINK_QUEUE_PICTURES_LOSSLESS)]
)
def test_a_recording_lets_as_many_pictures_wait_as_its_limit(tmp_path: Path, kind: str, limit: int) -> None:
    sink = open_sink(f"{kind}:{tmp_path / 'film'}")
    assert isinstance(sink, FileSink)
    encoder, gate = sink._recorder, Gate()
    sink._recorder = gate
    sink.write_picture(PICTURE, 0, PictureState.FRESH)
    gate.entered.wait()
    for index in range(limit):
        sink.write_picture(PICTURE, index, PictureState.FRESH)
    assert sink.dropped_pictures == 0
    sink.write_picture(PICTURE, limit, PictureState.FRESH)
    assert sink.dropped_pictures == 1
    gate.go.set()
    sink.close()
    encoder.finish()


def test_as_many_keyframes_wait_for_the_network_as_the_limit_and_the_oldest_goes() -> None:
    class Held(MeshWarpBackend):
        go, entered = threading.Event(), threading.Event()

        def encode_reference(self, reference: Reference) -> WarpState:
            self.entered.set()
            self.go.wait()
            return super().encode_reference(reference)

    worker = RenderWorker(Held())
    results = Results(worker)
    results.call.add_reference(keyframe(0))
    Held.entered.wait()
    for keyframe_id in range(1, REFERENCE_QUEUE + 2):
        results.call.add_reference(keyframe(keyframe_id))
    Held.go.set()
    done = [results.next() for _ in range(1 + REFERENCE_QUEUE)]
    assert all(isinstance(item, ReferenceDone) and item.error is None for item in done)
    assert [item.keyframe_id for item in done] == [0, *range(2, REFERENCE_QUEUE + 2)]
    worker.close()


def lost_pictures(count: int) -> int:
    """How many of `count` coded pictures that come while the first is being decoded are reported as lost."""
    worker = RenderWorker(MeshWarpBackend())
    results = Results(worker)
    decoder, gate, entered = results.call._decoders[VideoKind.VIDEO], threading.Event(), threading.Event()
    decode = decoder.decode

    def slow(unit: VideoUnit) -> list[DecodedPicture]:
        entered.set()
        gate.wait()
        return decode(unit)

    decoder.decode = slow  # type: ignore[method-assign]
    first, *others = units(1 + count)
    results.call.add_video(first)
    entered.wait()
    for unit in others:
        results.call.add_video(unit)
    gate.set()
    with worker._videos._changed:
        worker._videos._changed.wait_for(lambda: not any(worker._videos._queues.values()), 5)
    worker.close()
    return results.queue.qsize()


def test_as_many_coded_pictures_wait_as_the_limit_and_one_more_asks_for_a_fresh_start() -> None:
    assert lost_pictures(VIDEO_QUEUE) == 0
    assert lost_pictures(VIDEO_QUEUE + 1) > 0
