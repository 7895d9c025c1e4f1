"""shared.thread_priority: encoders change no thread's policy, and a thread that stands back does so alone."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from sender.keyframe_image import Effort, encode_keyframe_image
from shared.thread_priority import ordinary_priority, stand_back

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="this system has no policies")


def policies() -> set[int]:
    return {os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir()}


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() != 0, reason="only root gets another policy")
def test_what_was_changed_is_changed_back() -> None:
    before = os.sched_getscheduler(0)
    try:
        with ordinary_priority():
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            assert os.SCHED_BATCH in policies()
        assert policies() == {before}
    finally:
        os.sched_setscheduler(0, before, os.sched_param(0))


def test_an_encoded_keyframe_leaves_ordinary_threads() -> None:
    before = policies()
    encode_keyframe_image(np.full((256, 256, 3), 90, np.uint8), 2048, Effort.QUICK)
    assert policies() == before


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def coded_niceness() -> tuple[int, int]:
    """Of this thread before and after it coded a keyframe."""
    before = niceness()
    encode_keyframe_image(np.full((256, 256, 3), 90, np.uint8), 2048, Effort.QUICK)
    return before, niceness()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness belongs to the process")
def test_a_thread_that_stands_back_does_so_alone_and_still_after_coding() -> None:
    own = niceness()
    with ThreadPoolExecutor(1, initializer=stand_back) as aside:
        assert aside.submit(coded_niceness).result() == (min(19, own + 10),) * 2
    assert niceness() == own
