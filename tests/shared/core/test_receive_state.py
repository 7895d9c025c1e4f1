"""The decoder's parts: sequence window, keyframe assembly, motion history, ack timer."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.ack_timer import AckTimer
from shared.core.keyframe_assembly import KeyframeAssembly
from shared.core.keyframe_sender import split
from shared.core.motion_history import MotionHistory
from shared.core.sequence_window import SequenceWindow
from shared.errors import MalformedMessage
from shared.frames import MotionFrame
from shared.keyframe_blob import pack_keyframe
from shared.limits import (
    ACK_HISTORY_BITS,
    ACK_URGENT_INTERVAL_MS,
    GALLERY_SIZE,
    KEYFRAME_IDLE_MS,
    KEYFRAMES_PENDING,
    MOTION_HISTORY_FRAMES,
    SEQ_WINDOW,
)
from shared.media_time import SEQ_WRAP
from shared.wire import KeyframePart, MotionSection, PartRequest
from tests.shared.harness import keyframe, motion_walk

BLOB = pack_keyframe(keyframe(0, image_bytes=3000))
WALK = motion_walk(10)


@given(st.lists(st.integers(0, 200), max_size=100))
def test_a_number_is_fresh_once_and_only_within_the_window(numbers: list[int]) -> None:
    window, accepted = SequenceWindow(), set[int]()
    for number in numbers:
        expected = number not in accepted and (not accepted or max(accepted) - number < SEQ_WINDOW)
        assert window.is_fresh(number) == expected
        if expected:
            window.add(number, usable=True)
            accepted.add(number)
    if accepted:
        newest = max(accepted)
        history = sum(1 << bit for bit in range(ACK_HISTORY_BITS) if newest - 1 - bit in accepted)
        assert window.report() == (newest, history)


def test_the_window_ends_at_its_limit() -> None:
    window = SequenceWindow()
    window.add(SEQ_WINDOW, usable=True)
    assert window.is_fresh(1) and not window.is_fresh(0)


def test_numbers_wrap() -> None:
    window = SequenceWindow()
    window.add(SEQ_WRAP - 1, usable=True)
    assert window.add(0, usable=True)
    assert window.report() == (0, 1)


def test_unusable_bundles_are_seen_but_not_reported() -> None:
    window = SequenceWindow()
    window.add(1, usable=False)
    assert window.report() is None and not window.is_fresh(1)
    window.add(2, usable=True)
    window.add(3, usable=False)
    assert window.report() == (2, 0)


def test_parts_in_any_order_make_a_keyframe() -> None:
    assembly = KeyframeAssembly()
    parts = split(5, BLOB)
    for part in (parts[2], parts[0], parts[0]):
        assert assembly.add(part, 0) is None
    received = assembly.add(parts[1], 0)
    assert received is not None and received.keyframe_id == 5
    assert assembly.held == (5,)
    assert assembly.add(parts[1], 0) is None


def test_the_same_id_may_carry_another_keyframe_later() -> None:
    assembly = KeyframeAssembly()
    for part in split(5, BLOB):
        assembly.add(part, 0)
    other = [assembly.add(part, 0) for part in split(5, pack_keyframe(keyframe(1)))]
    assert other[-1] is not None and assembly.held == (5,)


def test_parts_that_do_not_add_up_are_refused_and_forgotten() -> None:
    assembly = KeyframeAssembly()
    for lie in (replace(split(1, b"abc")[0], crc32=1), replace(split(1, b"abc")[0], total_bytes=4)):
        with pytest.raises(MalformedMessage):
            assembly.add(lie, 0)
    assert assembly.held == () and assembly.request(None, 10**9) is None


def test_only_so_many_keyframes_are_put_together_at_once() -> None:
    assembly = KeyframeAssembly()
    for keyframe_id in range(KEYFRAMES_PENDING + 1):
        assembly.add(split(keyframe_id, BLOB)[0], keyframe_id)
    for part in split(1, BLOB)[1:]:
        last = assembly.add(part, 0)
    assert last is not None
    assert all(assembly.add(part, 0) is None for part in split(0, BLOB)[1:])


def test_the_gallery_keeps_the_newest() -> None:
    assembly = KeyframeAssembly()
    for keyframe_id in range(GALLERY_SIZE + 1):
        for part in split(keyframe_id, BLOB):
            assembly.add(part, 0)
    assert assembly.held == tuple(range(1, GALLERY_SIZE + 1))


def test_what_is_missing_is_asked_for_after_a_pause() -> None:
    assembly = KeyframeAssembly()
    assembly.add(split(5, BLOB)[1], 0)
    assert assembly.request(None, KEYFRAME_IDLE_MS * 1000 - 1) is None
    assert assembly.quiet_us(0) == KEYFRAME_IDLE_MS * 1000
    assert assembly.request(None, KEYFRAME_IDLE_MS * 1000) == PartRequest(5, 0b101)
    assert assembly.request(7, 0) == PartRequest(7, 0xFFFF)
    assert assembly.request(5, 0) is None


def test_one_byte_parts_are_fine() -> None:
    assembly = KeyframeAssembly()
    part = KeyframePart(0, 0, 2, 2, 0, b"a")
    assert assembly.add(part, 0) is None


def test_the_history_keeps_the_newest_frames() -> None:
    history = MotionHistory()
    for index in range(MOTION_HISTORY_FRAMES + 1):
        history.add([MotionFrame(index * 40, 0, WALK[0])])
    assert len(history) == MOTION_HISTORY_FRAMES
    assert 0 not in history and 40 in history


def test_a_known_frame_keeps_its_symbols() -> None:
    history = MotionHistory()
    history.add([MotionFrame(1000, 0, WALK[3])])
    frames, complete = history.decode([MotionSection(0, 1000, 40, 2, 0, b"")], 1000)
    assert complete and [frame.media_ms for frame in frames] == [1040]


def test_a_section_may_rest_on_one_before_it() -> None:
    history = MotionHistory()
    sections = [MotionSection(7, 1000, 40, 1, 0, b""), MotionSection(None, 1100, 40, 1, 100, b"")]
    frames, complete = history.decode(sections, 1000)
    assert complete and len(frames) == 2
    assert [frame.keyframe_id for frame in frames] == [7, 7]
    assert len(history) == 0
    assert frames[1].symbols.dtype == np.int16


def test_the_first_acknowledgement_is_due_at_once_and_the_next_after_the_interval() -> None:
    timer = AckTimer(500)
    assert timer.due_us(None) is None
    timer.arrived()
    assert timer.due_us(None) == 0
    timer.sent(None, 1000)
    assert timer.due_us(None) is None
    timer.arrived()
    assert timer.due_us(None) == 501_000
    timer.arrived(urgent=True)
    assert timer.due_us(None) == 1000 + ACK_URGENT_INTERVAL_MS * 1000


def test_another_request_need_not_wait_for_the_first() -> None:
    timer = AckTimer(500)
    timer.sent(PartRequest(0, 1), 0)
    assert timer.due_us(PartRequest(0, 1)) == 400_000
    assert timer.due_us(PartRequest(0, 2)) == ACK_URGENT_INTERVAL_MS * 1000
