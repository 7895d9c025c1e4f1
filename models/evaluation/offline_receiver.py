"""The receiver's half of a call without a network: what was coded arrives at once and is rendered as a call would.

    Coded --keyframes, motion--> PicturePlayout --due--> RenderCall --> pictures
          --voice, thumbnails------------------------->

Must not import the sender. Invariant: nothing reaches the renderer but what is in `Coded`, and nothing of it before its time:
motion and thumbnails when they were captured, voice with the packet that a bundle carries beside them.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.evaluation.offline_call import FRAME_MS, VOICE_MS, Coded
from models.runtime.base import Backend
from receiver.render_call import CallCallbacks, ReferenceDone, RenderCall, Rendered, VideoBroken
from receiver.voice_features import VoiceFeatures
from shared.core.due import PictureDue
from shared.core.media_clock import MediaClock
from shared.core.picture_playout import PicturePlayout
from shared.frames import Keyframe, VideoUnit

Picture = NDArray[np.uint8]


class DirectLanes:
    """A worker's lanes without threads: what is put is done before `put` returns. The first failure is raised by `check`."""

    def __init__(self, backend: Backend, ears: VoiceFeatures | None) -> None:
        self.backend = backend
        self.pictures: list[Picture] = []
        self.now_ms = 0
        """Media time: the limits of a call are meant for its own pace, not for that of this computer."""
        self._failure: Exception | None = None
        self.call = RenderCall(
            0,
            self,
            CallCallbacks(self._rendered, self._reference, self._failed, self._broken),
            ears,
            None,
            lambda: self.now_ms * 1000,
        )

    def put_picture(self, call_id: int, due: PictureDue) -> bool:
        """Render."""
        self.call.render(due)
        return False

    def put_reference(self, call_id: int, keyframe: Keyframe) -> bool:
        """Prepare."""
        self.call.prepare(keyframe)
        return False

    def put_video(self, call_id: int, unit: VideoUnit) -> bool:
        """Decode."""
        self.call.decode(unit)
        return False

    def close_call(self, call_id: int) -> None:
        """Nothing waits."""

    def check(self) -> None:
        """Raises what failed: offline, nothing may."""
        if self._failure is not None:
            raise self._failure

    def _rendered(self, rendered: Rendered) -> None:
        self.pictures.append(rendered.picture)

    def _reference(self, done: ReferenceDone) -> None:
        self._failure = self._failure or done.error

    def _failed(self, error: Exception) -> None:
        self._failure = self._failure or error

    def _broken(self, broken: VideoBroken) -> None:
        self._failure = self._failure or broken.error


def rebuild(
    coded: Coded, backend: Backend, count: int, *, muted: bool = False,
    ears: Callable[[], VoiceFeatures] = VoiceFeatures,
) -> list[Picture]:  # fmt: skip
    """Render `count` frames, RGB uint8 (256, 256, 3), from what was coded; before the first keyframe its picture is held.

    muted: the voice is not listened to, neither by the network nor, where motion is missing, by the mouth. ears: makes what
    listens to a call.
    """
    lanes = DirectLanes(backend, None if muted else ears())
    clock, start_ms = MediaClock(), coded.keyframes[0].media_ms
    clock.arrived(start_ms, start_ms * 1000, voice=False)
    playout = PicturePlayout(clock)
    playout.motion_expected = coded.rung != "voice"
    playout.join_grid(start_ms)
    arriving = _Arriving(coded)
    for now_ms in range(start_ms, count * FRAME_MS, FRAME_MS):
        lanes.now_ms = now_ms
        arriving.hand_over(now_ms, lanes.call, playout)
        due_us = clock.due_us(now_ms)
        due = None if due_us is None else playout.at(due_us)
        if due is not None:
            lanes.call.show(due)
        lanes.check()
    lanes.call.close()
    return lanes.pictures[:1] * (count - len(lanes.pictures)) + lanes.pictures


class _Arriving:
    """What was coded and has not been handed over yet, oldest first."""

    def __init__(self, coded: Coded) -> None:
        self._keyframes, self._motion = list(coded.keyframes), list(coded.motion)
        self._voice, self._thumbnails = list(coded.voice), list(coded.thumbnails)

    def hand_over(self, now_ms: int, call: RenderCall, playout: PicturePlayout) -> None:
        """Give the receiver everything up to now_ms, keyframes first."""
        while self._keyframes and self._keyframes[0].media_ms <= now_ms:
            keyframe = self._keyframes.pop(0)
            call.add_reference(keyframe)
            playout.add_keyframe(keyframe.keyframe_id)
        while self._motion and self._motion[0].media_ms <= now_ms:
            playout.push(self._motion.pop(0))
        while self._voice and self._voice[0].media_ms <= now_ms + VOICE_MS:
            call.hear(self._voice.pop(0))
        while self._thumbnails and self._thumbnails[0].media_ms <= now_ms:
            call.add_video(self._thumbnails.pop(0))
