"""Keeps a codec library from making this process a real-time one.

Must import the standard library only. Invariant: after `ordinary_priority` every thread of the process has the scheduling policy
that the calling thread had before.

Workaround. Cause: SVT-AV1 (4.1), when it runs as root, gives the thread that opens an encoder and its own threads the policy
SCHED_FIFO at priority 99; children inherit it, and two such processes starve all else on a machine of two cores (containers
often run as root). Cost: one look at /proc/self/task per encoder, about 20 microseconds. Remove it when SVT-AV1 asks first.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_TASKS: Final = Path("/proc/self/task")


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
