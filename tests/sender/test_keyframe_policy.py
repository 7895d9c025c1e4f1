"""sender.keyframe_policy: which picture becomes a keyframe."""

import numpy as np
from numpy.typing import NDArray

from sender.keyframe_policy import (
    EYES_OPEN,
    INTERVAL_MS,
    LOST_LONG_MS,
    MOUTH_CLOSED,
    PATIENCE_MS,
    KeyframeKind,
    KeyframePolicy,
    is_good_reference,
)

Array = NDArray[np.float32]


def mesh(eyes: float = 0.3, mouth: float = 0.02) -> Array:
    """A mesh in which only what the policy looks at is placed: eyes and lips of width 100."""
    points = np.zeros((468, 3), np.float32)
    for lower, right in ((145, 133), (374, 263)):
        points[right, 0], points[lower, 1] = 100, 100 * eyes
    points[308, 0], points[14, 1] = 100, 100 * mouth
    return points


GOOD, BAD = mesh(), mesh(eyes=0.05)


def begun() -> KeyframePolicy:
    """A policy that has given its first keyframe at 0."""
    policy = KeyframePolicy()
    assert policy.decide(0, BAD, moved=False, requested=False) is KeyframeKind.FIRST
    return policy


def times(
    policy: KeyframePolicy, until_ms: int, points: Array = GOOD, start_ms: int = 40, **reasons: bool
) -> list[int]:
    """Media times of the full keyframes."""
    given = {"moved": False, "requested": False} | reasons
    kinds = {ms: policy.decide(ms, points, **given) for ms in range(start_ms, until_ms, 40)}
    assert KeyframeKind.FIRST not in kinds.values()
    return [ms for ms, kind in kinds.items() if kind is not None]


def test_open_eyes_and_a_closed_mouth_make_a_good_reference() -> None:
    assert is_good_reference(mesh(EYES_OPEN + 0.01, MOUTH_CLOSED - 0.01))
    assert not is_good_reference(mesh(EYES_OPEN - 0.01, MOUTH_CLOSED - 0.01))
    assert not is_good_reference(mesh(EYES_OPEN + 0.01, MOUTH_CLOSED + 0.01))


def test_the_first_face_is_taken_at_once_whatever_it_does() -> None:
    assert KeyframePolicy().decide(0, BAD, moved=True, requested=False) is KeyframeKind.FIRST


def test_the_full_keyframe_follows_at_the_first_good_moment_and_only_once() -> None:
    assert times(begun(), 8000) == [40]


def test_a_better_moment_is_waited_for() -> None:
    policy = begun()
    assert times(policy, 120, BAD) == []
    assert times(policy, 400, GOOD, start_ms=120) == [120]


def test_patience_ends() -> None:
    assert times(begun(), 2000, BAD) == [-(-PATIENCE_MS // 40) * 40]


def test_while_one_is_being_built_the_reason_waits() -> None:
    policy = begun()
    assert times(policy, 2000, free=False) == []
    assert times(policy, 4000, start_ms=2000) == [2000]
    policy = KeyframePolicy()
    assert policy.decide(0, GOOD, moved=False, requested=False, free=False) is None
    assert policy.decide(40, GOOD, moved=False, requested=False) is KeyframeKind.FIRST


def test_a_moved_crop_asks_for_one_even_if_it_moved_in_a_bad_moment() -> None:
    policy = begun()
    times(policy, 2000)
    assert not policy.decide(2000, BAD, moved=True, requested=False)
    assert times(policy, 4000, BAD, start_ms=2040) == [2320]


def test_requests_cannot_come_faster_than_the_interval() -> None:
    taken = times(begun(), 5000, requested=True)
    assert taken == list(range(40, 5000, INTERVAL_MS))


def test_who_returns_after_a_long_time_may_be_another_person() -> None:
    policy = begun()
    times(policy, 2000)
    assert times(policy, 5000, start_ms=1960 + LOST_LONG_MS - 40) == []
    policy = begun()
    times(policy, 2000)
    assert times(policy, 9000, start_ms=1960 + LOST_LONG_MS) == [1960 + LOST_LONG_MS]
