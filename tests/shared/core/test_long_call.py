"""Two hours of a call in virtual time, with loss and a new keyframe every minute: nothing is kept that the call does not need."""

import gc

import psutil
import pytest

from shared.control import Disclosure
from tests.shared.harness import Call, keyframe, messy

HOURS = 2.0
SLICE_MS = 60_000
SETTLED_MIN = 10
GROWTH_MAX = 0.03
CHANGES_MAX = 1.5
"""Objects of Python, afterwards over settled: what waits to be collected comes and goes."""


def _forget(call: Call) -> None:
    """What the harness collected, not the call."""
    for kept in (call.sent_frames, call.sent, call.returned, call.events, call.pictures, call.voices):
        kept.clear()


@pytest.mark.slow
def test_two_hours_take_no_more_memory_than_ten_minutes() -> None:
    call, process = Call(messy, messy), psutil.Process()
    call.encoder.push_keyframe(keyframe(0))
    sizes, objects, pictures = [], [], 0
    for minute in range(1, round(60 * HOURS) + 1):
        call.run(minute * SLICE_MS)
        pictures += len(call.pictures)
        _forget(call)
        call.keyframe_id = minute % 256
        call.encoder.push_keyframe(keyframe(call.keyframe_id, media_ms=call.now_ms))
        call.encoder.push_control(Disclosure("rebuilt"))
        gc.collect()
        sizes.append(process.memory_info().rss / 1e6)
        objects.append(len(gc.get_objects()))
    settled, last = sizes[SETTLED_MIN - 1], sizes[-1]
    print(
        f"\n{settled:.1f} MB after {SETTLED_MIN} minutes, {last:.1f} MB after {HOURS:g} hours, {pictures} pictures"
    )
    assert pictures > 0.9 * HOURS * 3600 * 25
    assert last < (1 + GROWTH_MAX) * settled
    assert objects[-1] < CHANGES_MAX * objects[SETTLED_MIN - 1]
