"""Renders the pictures of many calls with one network, off the event loop.

    session --picture due--> render lane ----> Rendered --> session
    session --keyframe-----> reference lane -> ReferenceDone --> session
    session --video unit---> video lane -----> shelf of the call (VideoBroken --> session)

Must not import asyncio. Invariant: a call has at most RENDER_QUEUE pictures waiting and the latest wins; pictures of a
call come out in the order they went in; what fails in one call reaches that call only. Three lanes, so that preparing a
keyframe or decoding video does not hold up pictures.
"""

import itertools

from receiver.backends.base import Backend, Picture
from receiver.lane import Lane
from receiver.render_call import CallCallbacks, RenderCall
from receiver.voice_features import VoiceFeatures
from shared.core.due import PictureDue
from shared.frames import Keyframe, VideoUnit
from shared.limits import REFERENCE_QUEUE, RENDER_QUEUE, VIDEO_QUEUE


class RenderWorker:
    """The network and its threads; one per process."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._calls: dict[int, RenderCall] = {}
        self._ids = itertools.count()
        self._renders: Lane[PictureDue] = Lane(
            "render", RENDER_QUEUE, lambda key, due: self._calls[key].render(due)
        )
        self._references: Lane[Keyframe] = Lane(
            "reference", REFERENCE_QUEUE, lambda key, keyframe: self._calls[key].prepare(keyframe)
        )
        self._videos: Lane[VideoUnit] = Lane(
            "video", VIDEO_QUEUE, lambda key, unit: self._calls[key].decode(unit)
        )

    def open_call(
        self, callbacks: CallCallbacks, ears: VoiceFeatures | None = None, before: Picture | None = None
    ) -> RenderCall:
        """A new call that shares the network. ears: what listens to its voice, closed with it; None: nothing does.

        before: the picture to show until there is one, RGB uint8 (256, 256, 3); None: a card that says so.
        """
        call_id = next(self._ids)
        self._calls[call_id] = RenderCall(call_id, self, callbacks, ears, before)
        return self._calls[call_id]

    def put_picture(self, call_id: int, due: PictureDue) -> bool:
        """Queue a picture for a call; whether an older one had to go."""
        return self._renders.put(call_id, due) is not None

    def put_reference(self, call_id: int, keyframe: Keyframe) -> bool:
        """Queue a keyframe for a call; whether an older one had to go."""
        return self._references.put(call_id, keyframe) is not None

    def put_video(self, call_id: int, unit: VideoUnit) -> bool:
        """Queue a coded picture for a call; whether an older one had to go."""
        return self._videos.put(call_id, unit) is not None

    def close_call(self, call_id: int) -> None:
        """Forget a call; see `RenderCall.close`."""
        for lane in (self._renders, self._references, self._videos):
            lane.drop(call_id)
        self._calls.pop(call_id, None)

    def close(self) -> None:
        """End the threads."""
        for lane in (self._renders, self._references, self._videos):
            lane.close()
