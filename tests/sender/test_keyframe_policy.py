"""sender.keyframe_policy: which picture becomes a keyframe."""

import numpy as np
from numpy.typing import NDArray

from sender.keyframe_policy import (
    EYES_OPEN,
    INTERVAL_MS,
    LOST_LONG_MS,
    MOUTH_CLOSED,
    PATIENCE_MS,
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


def times(
    policy: KeyframePolicy, until_ms: int, points: Array = GOOD, start_ms: int = 0, **reasons: bool
) -> list[int]:
    given = {"moved": False, "requested": False} | reasons
    return [ms for ms in range(start_ms, until_ms, 40) if policy.decide(ms, points, **given)]


def test_open_eyes_and_a_closed_mouth_make_a_good_reference() -> None:
    assert is_good_reference(mesh(EYES_OPEN + 0.01, MOUTH_CLOSED - 0.01))
    assert not is_good_reference(mesh(EYES_OPEN - 0.01, MOUTH_CLOSED - 0.01))
    assert not is_good_reference(mesh(EYES_OPEN + 0.01, MOUTH_CLOSED + 0.01))


def test_a_good_first_face_is_taken_at_once_and_only_once() -> None:
    assert times(KeyframePolicy(), 8000) == [0]


def test_a_better_moment_is_waited_for() -> None:
    policy = KeyframePolicy()
    assert times(policy, 120, BAD) == []
    assert times(policy, 400, GOOD, start_ms=120) == [120]


def test_patience_ends() -> None:
    assert times(KeyframePolicy(), 2000, BAD) == [-(-PATIENCE_MS // 40) * 40]


def test_a_moved_crop_asks_for_one_even_if_it_moved_in_a_bad_moment() -> None:
    policy = KeyframePolicy()
    times(policy, 2000)
    assert not policy.decide(2000, BAD, moved=True, requested=False)
    assert times(policy, 4000, BAD, start_ms=2040) == [2320]


def test_requests_cannot_come_faster_than_the_interval() -> None:
    taken = times(KeyframePolicy(), 5000, requested=True)
    assert taken == list(range(0, 5000, INTERVAL_MS))


def test_who_returns_after_a_long_time_may_be_another_person() -> None:
    policy = KeyframePolicy()
    times(policy, 2000)
    assert times(policy, 5000, start_ms=1960 + LOST_LONG_MS - 40) == []
    policy = KeyframePolicy()
    times(policy, 2000)
    assert times(policy, 9000, start_ms=1960 + LOST_LONG_MS) == [1960 + LOST_LONG_MS]
