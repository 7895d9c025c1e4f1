"""Arrival times from the receiver's clock to the sender's rate control, and when the receiver tells them."""

from itertools import pairwise

import pytest

from shared.core.ack_history import AckHistory
from shared.core.decoder import Decoder
from shared.core.sequence_window import SequenceWindow
from shared.frames import VideoKind, VideoUnit, VoicePacket
from shared.limits import (
    ACK_AFTER_BYTES,
    ACK_DELAY_GROWTH_MS,
    ACK_URGENT_INTERVAL_MS,
    ARRIVAL_GAPS_MAX,
    ARRIVAL_TICK_US,
    SENT_BUNDLES,
)
from shared.media_time import SEQ_WRAP
from shared.wire import Ack, Bundle, BundleReport, parse
from shared.wire_ack import GAP_MAX_TICKS, TICK_WRAP


def window(*arrived: tuple[int, int], lost: tuple[int, ...] = ()) -> SequenceWindow:
    """(bundle, arrival in ticks) in order of arrival; those in lost came but could not be decoded."""
    made = SequenceWindow()
    for seq, tick in arrived:
        made.add(seq, seq not in lost, tick * ARRIVAL_TICK_US + 100)
    return made


def test_arrivals_are_told_newest_first_as_gaps() -> None:
    assert window((5, 100), (6, 120), (8, 175)).arrivals() == (175, (55, 20))


def test_what_was_not_decoded_is_not_told() -> None:
    assert window((5, 100), (6, 120), (7, 130), lost=(6,)).arrivals() == (130, (30,))


def test_so_many_gaps_are_told_and_no_more() -> None:
    ticks, gaps = window(*((seq, 20 * seq) for seq in range(ARRIVAL_GAPS_MAX + 5))).arrivals()
    assert (ticks, gaps) == (20 * (ARRIVAL_GAPS_MAX + 4), (20,) * ARRIVAL_GAPS_MAX)


def test_a_gap_that_does_not_fit_ends_the_list() -> None:
    assert window((1, 0), (2, GAP_MAX_TICKS), (3, GAP_MAX_TICKS + 1)).arrivals()[1] == (1, GAP_MAX_TICKS)
    assert window((1, 0), (2, GAP_MAX_TICKS + 1), (3, GAP_MAX_TICKS + 2)).arrivals()[1] == (1,)
    assert window((1, 0), (3, 40), (2, 50), (4, 60)).arrivals() == (60, (20,)), "bundle 2 came after 3"


def told(made: SequenceWindow) -> BundleReport:
    report = made.report()
    assert report is not None
    return BundleReport(*report, 0, 0, *made.arrivals())


def test_the_sender_learns_when_each_bundle_arrived_once() -> None:
    history, receiver = AckHistory(), SequenceWindow()
    start = TICK_WRAP - 50
    for seq in range(12):
        history.record(seq * 80_000, (), 100 + seq)
        receiver.add(seq, True, (start + 20 * seq) * ARRIVAL_TICK_US)
        if seq in (3, 7, 11):
            history.acknowledge(told(receiver), seq * 80_000 + 50_000)
            history.acknowledge(told(receiver), seq * 80_000 + 50_000)
    arrivals = history.take_arrivals()
    assert [arrival.number for arrival in arrivals] == list(range(12))
    assert [arrival.size_bytes for arrival in arrivals] == [100 + seq for seq in range(12)]
    assert {later.arrived_us - sooner.arrived_us for sooner, later in pairwise(arrivals)} == {80_000}
    assert history.take_arrivals() == []


def test_what_is_under_way_is_what_was_sent_after_the_newest_arrival() -> None:
    history = AckHistory()
    for seq in range(5):
        history.record(seq, (), 10)
    assert history.in_flight_bytes == 50
    history.acknowledge(BundleReport(3, 0, 0, 0), 9)
    assert history.in_flight_bytes == 10


def test_arrivals_that_nobody_takes_are_bounded() -> None:
    history = AckHistory()
    for seq in range(3 * SENT_BUNDLES):
        history.record(seq, (), 10)
        history.acknowledge(BundleReport(seq % SEQ_WRAP, 0, 0, 0, seq), seq)
    assert len(history.take_arrivals()) == SENT_BUNDLES


def bundle(seq: int, media_ms: int, size_bytes: int = 10) -> bytes:
    return bytes(Bundle(seq, (VoicePacket(media_ms, 80, bytes(size_bytes)),)))


def answers(decoder: Decoder, now_us: int) -> int:
    return len([Ack for outgoing in decoder.poll(now_us) if isinstance(parse(outgoing.data), Ack)])


@pytest.mark.parametrize(
    ("growth_ms", "expected"), [(ACK_DELAY_GROWTH_MS - 1, 0), (ACK_DELAY_GROWTH_MS + 6, 1)]
)
def test_a_transit_that_grows_is_told_at_once(growth_ms: int, expected: int) -> None:
    """6 ms: twice the jitter that this one step makes."""
    decoder = Decoder()
    decoder.receive(bundle(0, 0), 20_000)
    assert answers(decoder, 20_000) == 1
    now_us = (80 + 80 + 20 + growth_ms) * 1000
    decoder.receive(bundle(2, 160), now_us)
    assert answers(decoder, now_us) == expected


@pytest.mark.parametrize(("missing_bytes", "expected"), [(1, 0), (0, 1)])
def test_so_many_bytes_are_told_at_once_but_not_too_often(missing_bytes: int, expected: int) -> None:
    decoder = Decoder()
    decoder.receive(bundle(0, 0), 0)
    assert answers(decoder, 0) == 1
    unit = VideoUnit(VideoKind.VIDEO, 0, 80, True, 256, bytes(700))
    first = bytes(Bundle(1, video=(unit,)))
    rest = ACK_AFTER_BYTES - missing_bytes - len(first) - 11
    second = bytes(Bundle(2, video=(VideoUnit(VideoKind.VIDEO, 1, 120, False, 256, bytes(rest)),)))
    decoder.receive(first, 80_000)
    decoder.receive(second, 120_000)
    assert answers(decoder, ACK_URGENT_INTERVAL_MS * 1000 - 1) == 0
    assert answers(decoder, 120_000) == expected
