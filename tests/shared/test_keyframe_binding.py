"""shared.keyframe_binding: a keyframe belongs to one connection, and one that does not is found in time."""

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from shared.control import KeyframeBound
from shared.frames import Keyframe
from shared.keyframe_binding import BoundKeyframes, KeyframesToBind, NotBound, binding
from shared.keyframe_blob import pack_keyframe, parse_keyframe
from shared.limits import GALLERY_SIZE, KEYFRAME_BOUND_MAX_MS
from shared.short_authentication import End
from tests.shared.harness import keyframe

LIMIT_US = KEYFRAME_BOUND_MAX_MS * 1000


def end(name: str) -> End:
    return sha256(f"fingerprint {name}".encode()).digest(), sha256(f"nonce {name}".encode()).digest()


A, B = end("a"), end("b")


def receiver(expected: bool = True) -> BoundKeyframes:
    made = BoundKeyframes()
    made.expected = expected
    return made


def tag(one: Keyframe, sender: End = A, other: End = B) -> KeyframeBound:
    return KeyframeBound(one.keyframe_id, binding(sender, other, one).hex())


def test_what_was_bound_before_it_came_or_after_is_accepted() -> None:
    bound: list[int] = []
    ours = BoundKeyframes(lambda: bound.append(1))
    ours.expected = True
    sender = KeyframesToBind()
    assert sender.add(keyframe(1)) == ()
    ours.add(parse_keyframe(1, pack_keyframe(keyframe(1))), 0)
    ours.known(B, A)
    for message in (*sender.known(A, B), *sender.add(keyframe(2))):
        ours.take(message)
    ours.add(keyframe(2), 0)
    ours.check(10 * LIMIT_US)
    assert len(bound) == 2


def test_an_unbound_keyframe_is_found_at_its_limit_and_not_before() -> None:
    ours = receiver()
    ours.known(B, A)
    ours.add(keyframe(1), 1000)
    ours.check(1000 + LIMIT_US)
    with pytest.raises(NotBound):
        ours.check(1001 + LIMIT_US)


@pytest.mark.parametrize(
    "recorded",
    [
        tag(keyframe(1), end("another"), B),
        tag(keyframe(1), A, end("another")),
        tag(keyframe(1), (A[0], B[1]), B),
        tag(keyframe(1), (B[0], A[1]), B),
        tag(keyframe(1), B, A),
        tag(keyframe(2)),
        KeyframeBound(1, "0" * 32),
    ],
    ids=[
        "another sender",
        "another receiver",
        "nonce",
        "certificate",
        "the way back",
        "another name",
        "guess",
    ],
)
def test_the_tag_of_another_call_binds_nothing(recorded: KeyframeBound) -> None:
    ours = receiver()
    ours.known(B, A)
    ours.add(keyframe(1), 0)
    ours.take(recorded)
    with pytest.raises(NotBound):
        ours.check(LIMIT_US + 1)


def test_every_part_of_a_keyframe_is_bound() -> None:
    one = keyframe(1)
    image, shape, anchors, mask = bytearray(one.image), one.shape.copy(), one.anchors.copy(), one.mask.copy()
    image[-1] ^= 1
    shape[0] += 1
    anchors[0] += 1
    mask[0, 0] ^= 1
    others = (
        replace(one, image=bytes(image)), replace(one, shape=shape), replace(one, anchors=anchors),
        replace(one, mask=np.asarray(mask)), replace(one, media_ms=one.media_ms + 40), replace(one, keyframe_id=2),
    )  # fmt: skip
    assert len({binding(A, B, one), *(binding(A, B, other) for other in others)}) == 7


def test_one_that_takes_an_unbound_one_s_name_has_no_more_time() -> None:
    ours = receiver()
    ours.known(B, A)
    ours.add(keyframe(1), 0)
    ours.add(replace(keyframe(1), media_ms=99_960), LIMIT_US)
    with pytest.raises(NotBound):
        ours.check(LIMIT_US + 1)


def test_a_name_that_is_used_again_needs_a_tag_again() -> None:
    ours, again = receiver(), replace(keyframe(1), media_ms=99_960)
    ours.known(B, A)
    for one in (keyframe(1), again):
        ours.take(tag(one))
    ours.add(keyframe(1), 0)
    ours.add(again, 0)
    with pytest.raises(NotBound):
        ours.check(LIMIT_US + 1)
    ours.take(tag(again))
    ours.check(LIMIT_US + 1)


def test_a_peer_of_before_is_not_expected_to_bind() -> None:
    ours = receiver(expected=False)
    ours.add(keyframe(1), 0)
    ours.check(10 * LIMIT_US)


def test_a_sender_whose_peer_is_slow_binds_what_is_still_in_its_gallery() -> None:
    sender = KeyframesToBind()
    for number in range(GALLERY_SIZE + 1):
        sender.add(keyframe(number))
    assert [said.keyframe_id for said in sender.known(A, B)] == list(range(1, GALLERY_SIZE + 1))
