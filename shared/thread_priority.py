"""Who waits for whom among threads: what is due now goes before what may take a while, and no library jumps the queue.

Must import the standard library only. Invariant: after `ordinary_priority` every thread of the process has the scheduling policy
that the calling thread had before.

Workaround. Cause: SVT-AV1 (4.1), when it runs as root, gives the thread that opens an encoder and its own threads the policy
SCHED_FIFO at priority 99; children inherit it, and two such processes starve all else on a machine of two cores (containers
often run as root). Cost: one look at /proc/self/task per encoder, about 20 microseconds. Remove it when SVT-AV1 asks first.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_TASKS: Final = Path("/proc/self/task")
_BACK: Final = 10
"""Steps of niceness: such a thread gets about a tenth of a core that an ordinary one wants too."""


def stand_back() -> None:
    """Let the calling thread, and what it starts, take the processor when others leave it; elsewhere than on Linux nothing."""
    if sys.platform == "linux":  # there alone niceness belongs to a thread
        os.setpriority(os.PRIO_PROCESS, 0, min(19, os.getpriority(os.PRIO_PROCESS, 0) + _BACK))


@contextmanager
def ordinary_priority() -> Iterator[None]:
    """Open an encoder inside; what it changed of the threads' scheduling is undone at the end. Does nothing without Linux."""
    if not hasattr(os, "sched_getscheduler") or not _TASKS.is_dir():
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for task in _TASKS.iterdir():
            with suppress(OSError):  # a thread may end meanwhile
                if os.sched_getscheduler(int(task.name)) != policy:
                    os.sched_setscheduler(int(task.name), policy, parameters)
