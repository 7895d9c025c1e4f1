"""shared.core.keyframe_sender: pace, repair, patience, gallery."""

from itertools import pairwise

from shared.core.keyframe_sender import PART_MIN_BYTES, KeyframeSender, split
from shared.limits import (
    GALLERY_SIZE,
    KEYFRAME_MAX_BYTES,
    KEYFRAME_MAX_PARTS,
    KEYFRAME_PART_PAYLOAD_BYTES,
    KEYFRAME_RESEND_MIN_MS,
    KEYFRAME_TIMEOUT_MAX_MS,
    KEYFRAME_TIMEOUT_MS,
)
from shared.wire import PartRequest

BLOB = bytes(3 * KEYFRAME_PART_PAYLOAD_BYTES)


def drain(sender: KeyframeSender, until_us: int, start_us: int = 0) -> list[tuple[int, int, int]]:
    """(time, keyframe id, index) of the parts sent, polled every millisecond."""
    times = range(start_us, until_us, 1000)
    return [(now_us, part.keyframe_id, part.index) for now_us in times for part in sender.poll(now_us)]


def test_parts_are_paced() -> None:
    sender = KeyframeSender(100)
    sender.push(0, BLOB)
    times = [now_us for now_us, _, _ in drain(sender, 1_000_000)]
    assert times == [0, 89_000, 178_000]


def test_a_slow_pace_holds_from_the_next_part_and_makes_later_keyframes_parts_small() -> None:
    sender = KeyframeSender(100)
    sender.push(0, BLOB)
    sender.pace(10)
    times = [now_us for now_us, _, _ in drain(sender, 2_500_000)]
    assert times == [0, 888_000, 1_776_000]
    sender.push(1, BLOB)
    assert len(drain(sender, 9_000_000, 2_700_000)) >= len(BLOB) // PART_MIN_BYTES


def test_the_largest_keyframe_has_no_more_parts_than_allowed() -> None:
    parts = split(0, bytes(KEYFRAME_MAX_BYTES))
    assert len(parts) <= KEYFRAME_MAX_PARTS
    assert {len(part.payload) for part in parts[:-1]} == {KEYFRAME_PART_PAYLOAD_BYTES}


def test_only_missing_parts_are_repeated_and_not_too_soon() -> None:
    sender = KeyframeSender(100)
    sender.push(0, BLOB)
    drain(sender, 200_000)
    sender.take_request(PartRequest(0, 0b010), 89_000 + KEYFRAME_RESEND_MIN_MS * 1000 - 1, None)
    assert drain(sender, 400_000, 280_000) == []
    sender.take_request(PartRequest(0, 0b010), 89_000 + KEYFRAME_RESEND_MIN_MS * 1000, None)
    sender.take_request(PartRequest(0, 0b010), 89_000 + KEYFRAME_RESEND_MIN_MS * 1000, None)
    assert drain(sender, 600_000, 400_000) == [(400_000, 0, 1)]
    assert sender.parts_resent == 1


def test_a_long_round_trip_gives_parts_more_time() -> None:
    sender = KeyframeSender(100)
    sender.push(0, b"small")
    sender.poll(0)
    sender.take_request(PartRequest(0, 1), 400_000, 500.0)
    assert sender.poll(400_000) == []
    sender.take_request(PartRequest(0, 1), 500_000, 500.0)
    assert len(sender.poll(500_000)) == 1


def test_an_unacknowledged_keyframe_is_repeated_with_growing_patience() -> None:
    sender = KeyframeSender(100)
    sender.push(0, b"small")
    times = [now_us // 1000 for now_us, _, _ in drain(sender, 60_000_000)]
    waits = [after - before for before, after in pairwise(times)]
    assert waits == [KEYFRAME_TIMEOUT_MS * factor for factor in (1, 2, 4)] + [KEYFRAME_TIMEOUT_MAX_MS] * 4
    assert sender.next_us() is not None


def test_a_held_keyframe_is_left_alone() -> None:
    sender = KeyframeSender(100)
    sender.push(0, b"small")
    sender.poll(0)
    sender.take_held((0,))
    sender.take_request(PartRequest(0, 1), 1_000_000, None)
    assert drain(sender, 20_000_000, 1_000_000) == []
    assert sender.next_us() is None


def test_before_any_is_held_a_keyframe_is_usable_once_sent() -> None:
    sender = KeyframeSender(100)
    sender.push(0, BLOB)
    drain(sender, 100_000)
    assert not sender.usable(0) and sender.all_usable() == ()
    drain(sender, 200_000, 100_000)
    assert sender.usable(0)


def test_once_one_is_held_only_held_ones_are_usable() -> None:
    sender = KeyframeSender(10_000)
    sender.push(0, b"first")
    drain(sender, 10_000)
    sender.take_held((0,))
    sender.push(1, b"second")
    drain(sender, 20_000, 10_000)
    assert not sender.usable(1) and sender.all_usable() == (0,)
    sender.take_held((0, 1))
    assert sender.all_usable()[-1] == 1


def test_a_keyframe_cannot_be_held_before_it_was_sent() -> None:
    sender = KeyframeSender(100)
    sender.push(0, BLOB)
    sender.take_held((0,))
    assert not sender.usable(0)
    assert len(drain(sender, 1_000_000)) == 3


def test_the_gallery_is_limited() -> None:
    sender = KeyframeSender(10_000)
    for keyframe_id in range(GALLERY_SIZE + 1):
        sender.push(keyframe_id, b"x")
    drain(sender, 100_000)
    assert [sender.usable(keyframe_id) for keyframe_id in range(GALLERY_SIZE + 1)] == [False] + [
        True
    ] * GALLERY_SIZE


def test_whatever_is_asked_for_the_pace_holds() -> None:
    sender = KeyframeSender(100)
    sender.push(0, BLOB)
    sent = 0
    for now_us in range(0, 10_000_000, 5000):
        sender.take_request(PartRequest(0, 0xFFFF), now_us, None)
        sent += sum(len(bytes(part)) for part in sender.poll(now_us))
    assert sent * 8 / 10_000 <= 101
