"""Pictures in playing order on a 40 ms grid of the media clock: received, interpolated, concealed or held poses.

Must not import renderers. Invariant: media time only rises; a pose is shown only with its own keyframe, and only
when that is present; a guess neither begins nor ends with a jump.
"""

from bisect import bisect_left, insort
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from shared.coding.interpolate import interpolate_motion
from shared.coding.motion_code import dequantise_motion
from shared.coding.motion_layout import SYMBOLS, MotionValues
from shared.core.concealment import DampedMotion, Estimate, values_of, vector_of
from shared.core.due import PictureDue, PictureState
from shared.core.media_clock import MediaClock
from shared.core.pose_blend import PoseBlend
from shared.frames import MotionFrame
from shared.limits import (
    GALLERY_SIZE,
    HEAD_CONCEAL_MAX_MS,
    INTERPOLATE_MAX_GAP_MS,
    MOTION_BLEND_MS,
    PICTURE_STEP_MS,
    PLAYOUT_MAX_QUEUE,
)

NEUTRAL = dequantise_motion(np.zeros(SYMBOLS, np.int16))
"""The pose of the keyframe itself."""
RESTING = Estimate(vector_of(NEUTRAL), 1.0)
"""A keyframe without any pose: its own face, whose mouth follows the voice."""


@dataclass(frozen=True, slots=True)
class _Guess:
    """The last picture, when it was not received. pose_ms: of the pose that it rests on, None: on the keyframe itself."""

    media_ms: int
    pose_ms: int | None
    keyframe_id: int


class PicturePlayout:
    """The queue of poses, the keyframes that are present, and the next tick of the grid."""

    def __init__(self, clock: MediaClock) -> None:
        self._clock = clock
        self._frames: list[MotionFrame] = []
        self._pose: MotionFrame | None = None
        self._keyframes: OrderedDict[int, None] = OrderedDict()
        self._next_ms: int | None = None
        self._on_motion_grid = False
        self._motion = DampedMotion()
        self._blend = PoseBlend()
        self._guess: _Guess | None = None
        self.motion_expected = True
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

    def join_grid(self, media_ms: int) -> None:
        """The first pose or video picture says where the grid lies: on the sender's own times, to show them as sent."""
        if self._next_ms is None:
            self._next_ms = media_ms
        elif not self._on_motion_grid:
            self._next_ms += (media_ms - self._next_ms) % PICTURE_STEP_MS
        self._on_motion_grid = True

    def push(self, frame: MotionFrame) -> None:
        """Queue a pose; what is older than the one on show, and repeats, are dropped."""
        self.join_grid(frame.media_ms)
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

    def _picture(self, media_ms: int, due_us: int) -> PictureDue:
        guessed = self._guessed(media_ms)
        self._advance(media_ms)
        pose = self._pose
        if pose is None or pose.keyframe_id not in self._keyframes:
            return self._without_pose(media_ms, due_us)
        age_ms = media_ms - pose.media_ms
        exact, state = self._exact(pose, media_ms)
        target = self._motion.at(age_ms) if exact is None else Estimate(vector_of(exact), 0.0)
        if guessed is not None and (exact is not None or self._rests_on_another(pose)):
            self._fade(guessed, target, pose)
        self._guess = _Guess(media_ms, pose.media_ms, pose.keyframe_id) if exact is None else None
        if exact is not None and self._blend.left(media_ms) == 0.0:
            return PictureDue(media_ms, due_us, state, pose.keyframe_id, exact, age_ms)
        shown = self._blend.apply(target, media_ms)
        state = self._guess_state(age_ms) if exact is None else PictureState.BLENDED
        values = values_of(shown.vector)
        return PictureDue(media_ms, due_us, state, pose.keyframe_id, values, age_ms, shown.voice_share)

    def _exact(self, pose: MotionFrame, media_ms: int) -> tuple[MotionValues | None, PictureState]:
        """What was received for this moment, or lies between two received poses; None: nothing."""
        values = dequantise_motion(pose.symbols)
        if media_ms == pose.media_ms:
            return values, PictureState.FRESH
        following = self._following(pose, media_ms)
        if following is None:
            return None, PictureState.CONCEALED
        fraction = (media_ms - pose.media_ms) / (following.media_ms - pose.media_ms)
        between = interpolate_motion(values, dequantise_motion(following.symbols), fraction)
        return between, PictureState.INTERPOLATED

    def _guess_state(self, age_ms: int) -> PictureState:
        if not self.motion_expected:
            return PictureState.VOICE
        return PictureState.CONCEALED if age_ms <= HEAD_CONCEAL_MAX_MS else PictureState.HELD

    def _guessed(self, media_ms: int) -> Estimate | None:
        """What would be shown now if nothing had come, None unless the last picture was a guess."""
        if self._guess is None:
            return None
        pose_ms = self._guess.pose_ms
        return (
            RESTING if pose_ms is None else self._blend.apply(self._motion.at(media_ms - pose_ms), media_ms)
        )

    def _rests_on_another(self, pose: MotionFrame) -> bool:
        return self._guess is not None and self._guess.pose_ms != pose.media_ms

    def _fade(self, guessed: Estimate, target: Estimate, pose: MotionFrame) -> None:
        """Begin to fade because something came that ends a guess; a new keyframe ends all fading."""
        if self._guess is None or self._guess.keyframe_id != pose.keyframe_id:
            self._blend.clear()
            return
        pose_ms, start_ms = self._guess.pose_ms, self._guess.media_ms
        guessing_ms = MOTION_BLEND_MS if pose_ms is None else start_ms - pose_ms
        self._blend.start(guessed, target, start_ms, guessing_ms)

    def _without_pose(self, media_ms: int, due_us: int) -> PictureDue:
        if not self._keyframes:
            return PictureDue(media_ms, due_us, PictureState.WAITING)
        newest = next(reversed(self._keyframes))
        self._guess = _Guess(media_ms, None, newest)
        self._blend.clear()
        state = PictureState.HELD if self.motion_expected else PictureState.VOICE
        return PictureDue(media_ms, due_us, state, newest, NEUTRAL, 0, RESTING.voice_share)

    def _advance(self, media_ms: int) -> None:
        """Make the newest pose up to media_ms whose keyframe is present the one on show; older ones go."""
        count = bisect_left(self._frames, media_ms + 1, key=_media_ms)
        usable = [place for place in range(count) if self._frames[place].keyframe_id in self._keyframes]
        if not usable:
            return
        for place in usable:
            self._motion.received(self._frames[place])
        self._pose = self._frames[usable[-1]]
        del self._frames[: usable[-1] + 1]

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
