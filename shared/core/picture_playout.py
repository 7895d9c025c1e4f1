"""Pictures in playing order on a 40 ms grid of the media clock: received, interpolated or held poses.

Must not import renderers. Invariant: media time only rises; a pose is shown only with its own keyframe, and only
when that is present.
"""

from bisect import bisect_left, insort
from collections import OrderedDict

import numpy as np

from shared.coding.interpolate import interpolate_motion
from shared.coding.motion_code import dequantise_motion
from shared.coding.motion_layout import SYMBOLS
from shared.core.due import PictureDue, PictureState
from shared.core.media_clock import MediaClock
from shared.frames import MotionFrame
from shared.limits import GALLERY_SIZE, INTERPOLATE_MAX_GAP_MS, PICTURE_STEP_MS, PLAYOUT_MAX_QUEUE

NEUTRAL = dequantise_motion(np.zeros(SYMBOLS, np.int16))
"""The pose of the keyframe itself."""


class PicturePlayout:
    """The queue of poses, the keyframes that are present, and the next tick of the grid."""

    def __init__(self, clock: MediaClock) -> None:
        self._clock = clock
        self._frames: list[MotionFrame] = []
        self._pose: MotionFrame | None = None
        self._keyframes: OrderedDict[int, None] = OrderedDict()
        self._next_ms: int | None = None
        self._on_motion_grid = False
        self.skipped = 0
        self.late = 0

    def add_keyframe(self, keyframe_id: int) -> None:
        """Poses of this keyframe may be shown from now on; the oldest leaves beyond GALLERY_SIZE."""
        self._keyframes.pop(keyframe_id, None)
        self._keyframes[keyframe_id] = None
        if len(self._keyframes) > GALLERY_SIZE:
            self._keyframes.popitem(last=False)

    def begin(self, media_ms: int) -> None:
        """The clock has started with voice at media_ms: pictures are due from here, WAITING at first."""
        if self._next_ms is None:
            self._next_ms = media_ms

    def push(self, frame: MotionFrame) -> None:
        """Queue a pose; what is older than the one on show, and repeats, are dropped."""
        self._join_grid(frame.media_ms)
        place = bisect_left(self._frames, frame.media_ms, key=_media_ms)
        known = place < len(self._frames) and self._frames[place].media_ms == frame.media_ms
        if known or (self._pose is not None and frame.media_ms <= self._pose.media_ms):
            self.late += not known
            return
        insort(self._frames, frame, key=_media_ms)
        del self._frames[: max(0, len(self._frames) - PLAYOUT_MAX_QUEUE)]

    def next_due_us(self) -> int | None:
        """When the next picture is due, None before the clock started."""
        return None if self._next_ms is None else self._clock.due_us(self._next_ms)

    def at(self, now_us: int) -> PictureDue | None:
        """The newest picture that is due, None: none since the last one."""
        due_us = self.next_due_us()
        if self._next_ms is None or due_us is None or now_us < due_us:
            return None
        behind = (now_us - due_us) // (PICTURE_STEP_MS * 1000)
        self.skipped += behind
        media_ms = self._next_ms + behind * PICTURE_STEP_MS
        self._next_ms = media_ms + PICTURE_STEP_MS
        return self._picture(media_ms, due_us + behind * PICTURE_STEP_MS * 1000)

    def _join_grid(self, media_ms: int) -> None:
        """The first pose says where the grid lies: on the sender's own frame times, so that poses are shown as sent."""
        if self._next_ms is None:
            self._next_ms = media_ms
        elif not self._on_motion_grid:
            self._next_ms += (media_ms - self._next_ms) % PICTURE_STEP_MS
        self._on_motion_grid = True

    def _picture(self, media_ms: int, due_us: int) -> PictureDue:
        self._advance(media_ms)
        pose = self._pose
        if pose is None or pose.keyframe_id not in self._keyframes:
            return self._without_pose(media_ms, due_us)
        age_ms = media_ms - pose.media_ms
        values = dequantise_motion(pose.symbols)
        following = self._following(pose, media_ms)
        state = PictureState.HELD if age_ms else PictureState.FRESH
        if age_ms and following is not None:
            fraction = age_ms / (following.media_ms - pose.media_ms)
            values = interpolate_motion(values, dequantise_motion(following.symbols), fraction)
            state = PictureState.INTERPOLATED
        return PictureDue(media_ms, due_us, state, pose.keyframe_id, values, age_ms)

    def _without_pose(self, media_ms: int, due_us: int) -> PictureDue:
        if not self._keyframes:
            return PictureDue(media_ms, due_us, PictureState.WAITING)
        return PictureDue(media_ms, due_us, PictureState.HELD, next(reversed(self._keyframes)), NEUTRAL)

    def _advance(self, media_ms: int) -> None:
        """Make the newest pose up to media_ms whose keyframe is present the one on show; older ones go."""
        for place in range(bisect_left(self._frames, media_ms + 1, key=_media_ms) - 1, -1, -1):
            if self._frames[place].keyframe_id in self._keyframes:
                self._pose = self._frames[place]
                del self._frames[: place + 1]
                return

    def _following(self, pose: MotionFrame, media_ms: int) -> MotionFrame | None:
        """The pose to interpolate towards, None: there is none near enough of the same keyframe."""
        place = bisect_left(self._frames, media_ms + 1, key=_media_ms)
        if place == len(self._frames):
            return None
        frame = self._frames[place]
        near = frame.media_ms - pose.media_ms <= INTERPOLATE_MAX_GAP_MS
        return frame if near and frame.keyframe_id == pose.keyframe_id else None


def _media_ms(frame: MotionFrame) -> int:
    return frame.media_ms
