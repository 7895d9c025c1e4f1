"""shared.core.ack_history: which frames may be predicted from, and what it remembers at most."""

import pytest

from shared.core.ack_history import AckHistory, can_be_base
from shared.errors import MalformedMessage
from shared.frames import MotionFrame
from shared.limits import (
    ACK_HISTORY_BITS,
    BASE_MAX_DISTANCE_MS,
    BASE_UNIT_MS,
    CAREFUL_BUNDLES,
    KNOWN_FRAMES,
    SENT_BUNDLES,
    TRUST_AFTER_BUNDLES,
    TRUSTED_BUNDLES,
)
from shared.wire import BundleReport
from tests.shared.harness import frame_at, motion_walk

WALK = motion_walk(400)

ALL = (1 << 32) - 1
"""A report's history: everything before its newest bundle arrived."""


def frame(index: int, keyframe_id: int = 0) -> MotionFrame:
    return frame_at(index, WALK, keyframe_id)


def sent(count: int) -> AckHistory:
    history = AckHistory()
    for index in range(count):
        history.record(index * 1000, (frame(index),))
    return history


def base_ms(history: AckHistory, index: int) -> int | None:
    base = history.base_for(frame(index))
    return None if base is None else base.media_ms


def test_nothing_is_a_base_before_it_is_acknowledged() -> None:
    history = sent(5)
    assert base_ms(history, 6) is None
    history.acknowledge(BundleReport(2, 0, 0, 0), 10_000)
    assert base_ms(history, 6) == 80


def test_without_loss_bundles_on_their_way_are_counted_on_but_not_too_many() -> None:
    acked = TRUST_AFTER_BUNDLES - 1
    history = sent(TRUST_AFTER_BUNDLES)
    history.acknowledge(BundleReport(acked, ALL, 0, 0), 1000)
    for index in range(acked + 1, acked + TRUSTED_BUNDLES + 1):
        history.record(index * 1000, (frame(index),))
    newest = acked + TRUSTED_BUNDLES
    assert base_ms(history, newest + 1) == newest * 40
    history.record(20_000, (frame(newest + 1),))
    assert base_ms(history, newest + 2) == acked * 40


def test_a_call_begins_with_bases_that_are_known_to_be_there() -> None:
    history = sent(TRUST_AFTER_BUNDLES)
    history.acknowledge(BundleReport(TRUST_AFTER_BUNDLES - 2, ALL, 0, 0), 1000)
    assert base_ms(history, TRUST_AFTER_BUNDLES) == (TRUST_AFTER_BUNDLES - 2) * 40
    history.acknowledge(BundleReport(TRUST_AFTER_BUNDLES - 1, ALL, 0, 0), 1000)
    history.record(20_000, (frame(TRUST_AFTER_BUNDLES),))
    assert base_ms(history, TRUST_AFTER_BUNDLES + 1) == TRUST_AFTER_BUNDLES * 40


@pytest.mark.parametrize("how", ["reported loss", "bases lost"])
def test_after_a_loss_only_acknowledged_frames_are_bases_for_a_while(how: str) -> None:
    history = sent(3)
    history.acknowledge(BundleReport(2, 0b01 if how == "reported loss" else 0b11, 0, 0), 1000)
    if how == "bases lost":
        history.forget_bases()
        history.acknowledge(BundleReport(2, 0b11, 0, 0), 1000)
    for index in range(3, 1 + CAREFUL_BUNDLES):
        history.record(index * 1000, (frame(index),))
        history.acknowledge(BundleReport(index, (1 << 32) - 1, 0, 0), index * 1000)
    history.record(0, (frame(1 + CAREFUL_BUNDLES),))
    assert base_ms(history, 3 + CAREFUL_BUNDLES) == CAREFUL_BUNDLES * 40
    history.record(0, (frame(2 + CAREFUL_BUNDLES),))
    assert base_ms(history, 3 + CAREFUL_BUNDLES) == (2 + CAREFUL_BUNDLES) * 40


def test_the_history_names_bundles_before_the_newest() -> None:
    history = sent(40)
    history.acknowledge(BundleReport(39, 1 << (ACK_HISTORY_BITS - 1), 0, 0), 50_000)
    history.forget_bases()
    history.acknowledge(BundleReport(38, 0, 0, 0), 50_000)
    assert base_ms(history, 41) == 38 * 40
    assert base_ms(history, 38) is None
    oldest = sent(40)
    oldest.acknowledge(BundleReport(39, 1 << (ACK_HISTORY_BITS - 1), 0, 0), 50_000)
    assert base_ms(oldest, 39) == (39 - ACK_HISTORY_BITS) * 40


def test_bundles_beyond_the_memory_are_not_known() -> None:
    history = sent(SENT_BUNDLES + 1)
    history.acknowledge(BundleReport(0, 0, 0, 0), 10**6)
    assert base_ms(history, SENT_BUNDLES + 1) is None
    history.acknowledge(BundleReport(1, 0, 0, 0), 10**6)
    assert base_ms(history, SENT_BUNDLES + 1) == 40


def test_old_frames_leave() -> None:
    history = AckHistory()
    for index in range(KNOWN_FRAMES + 1):
        history.record(index, (frame(index, keyframe_id=index == 0),))
        history.acknowledge(BundleReport(index, 0, 0, 0), index)
    assert history.base_for(frame(2, keyframe_id=True)) is None


def test_a_base_has_the_same_keyframe_and_a_distance_that_can_be_said() -> None:
    far = MotionFrame(BASE_MAX_DISTANCE_MS, 0, WALK[0])
    assert can_be_base(frame(0), far)
    assert not can_be_base(frame(0), MotionFrame(far.media_ms + BASE_UNIT_MS, 0, WALK[0]))
    assert not can_be_base(frame(0), MotionFrame(BASE_UNIT_MS + 1, 0, WALK[0]))
    assert not can_be_base(frame(0), frame(0))
    assert not can_be_base(frame(0), frame(1, keyframe_id=1))


def test_bundles_that_were_never_sent_cannot_be_acknowledged() -> None:
    with pytest.raises(MalformedMessage):
        AckHistory().check(BundleReport(0, 0, 0, 0))
    with pytest.raises(MalformedMessage):
        sent(3).check(BundleReport(3, 0, 0, 0))
    assert sent(3).check(BundleReport(2, 0xFFFFFFFF, 0, 0)) == 2


def test_an_older_report_still_teaches_but_is_not_news() -> None:
    history = sent(5)
    assert history.acknowledge(BundleReport(4, 0, 0, 0), 10_000)
    assert not history.acknowledge(BundleReport(3, 0, 0, 0), 11_000)
    history.forget_bases()
    history.acknowledge(BundleReport(3, 0, 0, 0), 11_000)
    assert base_ms(history, 5) == 120


def test_numbers_run_over_sixteen_bits() -> None:
    history = AckHistory()
    for index in range(65_540):
        history.record(index, ())
    assert history.next_seq == 4
    assert history.check(BundleReport(65_535, 0, 0, 0)) == 65_535
    assert history.check(BundleReport(3, 0, 0, 0)) == 65_539


def test_the_round_trip_leaves_out_the_receivers_own_delay() -> None:
    history = sent(2)
    history.acknowledge(BundleReport(1, 1, 30, 0), 81_000)
    assert history.rtt_ms == 50
    assert history.loss == 0


def test_loss_is_the_share_of_zeros_in_the_window() -> None:
    history = sent(40)
    history.acknowledge(BundleReport(39, 0xFFFF0000, 0, 0), 10**6)
    assert history.loss == 0.5
