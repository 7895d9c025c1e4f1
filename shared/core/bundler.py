"""Gathers voice and motion and cuts them into what one bundle can say.

Must not import the wire's bytes beyond its bounds. Invariant: nothing is queued past BUNDLE_STALE_MS of media time;
what leaves is in media order and representable in one bundle.
"""

from collections import deque
from collections.abc import Sequence

from shared.frames import MotionFrame, VoicePacket
from shared.limits import (
    BUNDLE_MAX_MOTION_FRAMES,
    BUNDLE_MAX_VOICE_PACKETS,
    BUNDLE_STALE_MS,
    MESSAGE_MAX_BYTES,
)
from shared.wire import MOTION_STEPS_MS, VOICE_DURATIONS_MS, VOICE_GAP_MAX_UNITS, VOICE_GAP_UNIT_MS

VOICE_BUDGET_BYTES = MESSAGE_MAX_BYTES // 2
"""Voice bytes of one bundle: beyond it (over 24 kbit/s) the rest goes into the next one."""
FRAME_MS = 40


class Bundler:
    """The voice and the motion that wait for the next bundle, and when that is due.

    A bundle leaves when the voice in it is as long as the interval, rounded to whole packets: so voice never waits
    for a timer. Without voice the motion sets the pace, and what waits longer than 1.25 intervals leaves in any case.
    """

    def __init__(self, bundle_ms: int) -> None:
        self.bundle_ms = bundle_ms
        self._voice: deque[VoicePacket] = deque()
        self._motion: deque[MotionFrame] = deque()
        self._newest_voice_ms = self._newest_motion_ms = -1
        self._oldest_us: int | None = None
        self._voice_us: int | None = None
        self.dropped = 0

    def push_voice(self, packet: VoicePacket) -> None:
        """Queue a packet; one that is not newer than the last is dropped."""
        if packet.media_ms <= self._newest_voice_ms:
            self.dropped += 1
            return
        self._newest_voice_ms = packet.media_ms
        self._voice.append(packet)
        self.dropped += _drop_stale(self._voice, packet.media_ms)

    def push_motion(self, frame: MotionFrame) -> None:
        """Queue a frame; one that is not newer than the last is dropped."""
        if frame.media_ms <= self._newest_motion_ms:
            self.dropped += 1
            return
        self._newest_motion_ms = frame.media_ms
        self._motion.append(frame)
        self.dropped += _drop_stale(self._motion, frame.media_ms)

    def due_us(self, now_us: int) -> int | None:
        """When the next bundle should leave, None: nothing waits. Call it at every poll: it notes what has arrived."""
        if not self._voice and not self._motion:
            self._oldest_us = None
            return None
        if self._oldest_us is None:
            self._oldest_us = now_us
        if self._voice:
            self._voice_us = now_us
        return now_us if self._full(now_us) else self._oldest_us + self.bundle_ms * 1250

    def _full(self, now_us: int) -> bool:
        if self._voice:
            waiting_ms = sum(packet.duration_ms for packet in self._voice)
            return waiting_ms + self._voice[-1].duration_ms / 2 > self.bundle_ms
        speaking = self._voice_us is not None and now_us - self._voice_us < 2000 * self.bundle_ms
        waiting_ms = self._newest_motion_ms - self._motion[0].media_ms + FRAME_MS
        return not speaking and waiting_ms >= self.bundle_ms

    def take(self) -> tuple[tuple[VoicePacket, ...], tuple[MotionFrame, ...]]:
        """Voice and motion for one bundle, both perhaps empty. `put_back` returns motion that did not fit."""
        self._oldest_us = None
        motion = [self._motion.popleft() for _ in range(min(len(self._motion), BUNDLE_MAX_MOTION_FRAMES))]
        return self._take_voice(), tuple(motion)

    def put_back(self, frames: Sequence[MotionFrame]) -> None:
        """Motion that did not fit the bundle stays first in the queue."""
        self._motion.extendleft(reversed(frames))

    def _take_voice(self) -> tuple[VoicePacket, ...]:
        taken: list[VoicePacket] = []
        size_bytes = 0
        while self._voice and len(taken) < BUNDLE_MAX_VOICE_PACKETS - 1:
            packet = self._voice[0]
            size_bytes += len(packet.data)
            if taken and (size_bytes > VOICE_BUDGET_BYTES or not follows(taken[-1], packet)):
                break
            taken.append(self._voice.popleft())
        return tuple(taken)


def longest_packet_ms(bundle_ms: int) -> int:
    """Duration of the longest voice packets that fill bundles evenly; 60 where none do."""
    return max((ms for ms in VOICE_DURATIONS_MS if bundle_ms % ms == 0), default=60)


def follows(packet: VoicePacket, after: VoicePacket) -> bool:
    """Whether one bundle can carry `after` behind `packet`: the gap between them is 0 to 7 times 20 ms."""
    gap_ms = after.media_ms - packet.media_ms - packet.duration_ms
    return gap_ms % VOICE_GAP_UNIT_MS == 0 and 0 <= gap_ms <= VOICE_GAP_MAX_UNITS * VOICE_GAP_UNIT_MS


def runs(frames: Sequence[MotionFrame]) -> list[list[MotionFrame]]:
    """Frames cut into runs that a motion section can say: one keyframe, one step of MOTION_STEPS_MS."""
    result: list[list[MotionFrame]] = []
    for frame in frames:
        if result and _extends(result[-1], frame):
            result[-1].append(frame)
        else:
            result.append([frame])
    return result


def _extends(run: list[MotionFrame], frame: MotionFrame) -> bool:
    step_ms = frame.media_ms - run[-1].media_ms
    steady = len(run) == 1 or step_ms == run[-1].media_ms - run[-2].media_ms
    return step_ms in MOTION_STEPS_MS and steady and frame.keyframe_id == run[0].keyframe_id


def _drop_stale(queue: deque[VoicePacket] | deque[MotionFrame], newest_ms: int) -> int:
    dropped = 0
    while queue[0].media_ms < newest_ms - BUNDLE_STALE_MS:
        queue.popleft()
        dropped += 1
    return dropped
