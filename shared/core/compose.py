"""Makes one bundle of gathered voice and motion: repeats, sections, prediction bases, and the size limit.

Must not import queues or clocks. Invariant: a composed bundle is at most MESSAGE_MAX_BYTES, and every section's base is one
that `AckHistory.base_for` allows or stands earlier in the same bundle.
"""

from collections.abc import Sequence
from dataclasses import replace

from shared.coding.motion_code import encode_motion
from shared.core.ack_history import AckHistory, can_be_base
from shared.core.bundler import follows, runs
from shared.frames import MotionFrame, VoicePacket
from shared.limits import BUNDLE_MAX_MOTION_FRAMES, BUNDLE_MAX_VOICE_PACKETS, MESSAGE_MAX_BYTES
from shared.media_time import wrap_ms
from shared.wire import (
    MOTION_HEADER_MAX_BYTES,
    MOTION_OFFSET_MAX_MS,
    MOTION_OFFSET_MIN_MS,
    Ack,
    Bundle,
    MotionSection,
)

LENGTH_BYTES = 2
MOTION_ALONE_BYTES = MESSAGE_MAX_BYTES - 64
"""Room for motion when no voice travels with it: the rest is for the bundle's header and an acknowledgement."""
DEFAULT_STEP_MS = 40
"""Step named for a run of one frame, where it has no meaning."""


def compose(
    voice: Sequence[VoicePacket], frames: Sequence[MotionFrame], ack: Ack | None, history: AckHistory
) -> tuple[Bundle, tuple[MotionFrame, ...]]:
    """The next bundle, and the frames of `frames` that it carries (a prefix of them; the others did not fit).

    voice: in order, each following the one before. frames: in order, at most BUNDLE_MAX_MOTION_FRAMES. One is not
    empty.
    """
    wire_voice = tuple(replace(packet, media_ms=wrap_ms(packet.media_ms)) for packet in voice)
    room = MOTION_ALONE_BYTES
    if voice:
        room = MESSAGE_MAX_BYTES - len(bytes(Bundle(history.next_seq, wire_voice, (), ack)))
    bundle_ms = voice[0].media_ms if voice else frames[0].media_ms
    sections, count = _sections(frames, bundle_ms, room, history)
    return Bundle(history.next_seq, wire_voice, sections, ack), tuple(frames[:count])


def with_repeated_voice(last: VoicePacket | None, voice: tuple[VoicePacket, ...]) -> tuple[VoicePacket, ...]:
    """`voice` behind a repeat of the packet sent before it, where one bundle can say both."""
    if last is None or not voice or not follows(last, voice[0]) or len(voice) >= BUNDLE_MAX_VOICE_PACKETS:
        return voice
    return (last, *voice)


def with_repeated_motion(
    last: tuple[MotionFrame, ...], frames: tuple[MotionFrame, ...]
) -> tuple[MotionFrame, ...]:
    """`frames` behind as many of the frames sent before them as fit, if they are of the same keyframe."""
    if not frames:
        return frames
    free = BUNDLE_MAX_MOTION_FRAMES - len(frames)
    repeats = [frame for frame in last if frame.keyframe_id == frames[0].keyframe_id]
    return (*repeats[max(0, len(repeats) - free) :], *frames)


def _sections(
    frames: Sequence[MotionFrame], bundle_ms: int, room: int, history: AckHistory
) -> tuple[tuple[MotionSection, ...], int]:
    """Sections of the longest prefix of `frames` that fits into `room` bytes, and its length."""
    sections: list[MotionSection] = []
    count = 0
    for run in runs(frames):
        if not MOTION_OFFSET_MIN_MS <= run[0].media_ms - bundle_ms <= MOTION_OFFSET_MAX_MS:
            break
        previous = frames[count - 1] if count else None
        base = previous if previous and can_be_base(previous, run[0]) else history.base_for(run[0])
        section = _longest(run, base, room)
        if section is None:
            break
        sections.append(section)
        count += section.count
        room -= MOTION_HEADER_MAX_BYTES + LENGTH_BYTES + len(section.coded)
        if section.count < len(run):
            break
    return tuple(sections), count


def _longest(run: list[MotionFrame], base: MotionFrame | None, room: int) -> MotionSection | None:
    """The longest start of `run` whose section fits into `room` bytes, None when not even one frame does."""
    for count in range(len(run), 0, -1):
        coded = encode_motion(run[:count], base)
        if MOTION_HEADER_MAX_BYTES + LENGTH_BYTES + len(coded) <= room:
            first = run[0]
            step_ms = run[1].media_ms - first.media_ms if count > 1 else DEFAULT_STEP_MS
            distance_ms = first.media_ms - base.media_ms if base else 0
            named = None if base else first.keyframe_id
            return MotionSection(named, wrap_ms(first.media_ms), step_ms, count, distance_ms, coded)
    return None
