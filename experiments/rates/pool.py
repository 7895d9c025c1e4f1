"""Runs one function on many tasks: in processes of this machine, or by Ray on many; the same function, the same results.

    tasks --ProcessPoolExecutor (spawn, one thread each) | ray.remote--> (task, result), as they are done

Must import the standard library and `shared.ray_cluster` only. Invariant: a process that dies costs no run:
tasks at work when one died are tried again alone, and one that dies alone is given up with a reason; none outlives this process.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Final, TypeVar

from shared.ray_cluster import connect_ray

T = TypeVar("T")
R = TypeVar("R")
TICK_S: Final = 0.5
PARENT_WATCH_S: Final = 2.0
ONE_THREAD: Final = {
    name: "1"
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
}
DIED: Final = "its process ended; perhaps the memory was not enough: give fewer --workers or --seconds"


def run_tasks(
    function: Callable[[T], R],
    tasks: Sequence[T],
    workers: int | None,
    ray: str | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Iterator[tuple[T, R | str]]:
    """Each task with its result, or with the reason why its process ended, in the order in which they are done.

    workers: processes, None: one for each core. ray: address of a cluster, "local" for one on this machine, "auto" for the one
    that runs here; None: processes. tick: called twice a second. What the function raises is raised. UserError without Ray.
    """
    if not tasks:
        return
    if ray is not None:
        yield from _by_ray(function, tasks, ray, workers, tick)
    else:
        yield from _by_processes(function, tasks, min(workers or cores(), len(tasks)), tick)


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _by_processes(
    function: Callable[[T], R], tasks: Sequence[T], workers: int, tick: Callable[[], None]
) -> Iterator[tuple[T, R | str]]:
    waiting, suspects = deque(tasks), deque[T]()
    while waiting:
        for task, result in _together(function, waiting, workers, tick):
            if isinstance(result, BrokenProcessPool):
                suspects.append(task)
            else:
                yield task, result
        while suspects:
            for task, result in _together(function, deque([suspects.popleft()]), 1, tick):
                yield task, DIED if isinstance(result, BrokenProcessPool) else result


def _together(
    function: Callable[[T], R], waiting: deque[T], workers: int, tick: Callable[[], None]
) -> Iterator[tuple[T, R | BrokenProcessPool]]:
    """Takes from `waiting` until it is empty or a process dies; as many are handed out as there are processes."""
    executor = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _prepare, (os.getpid(),))
    futures: dict[Future[R], T] = {}
    try:
        while futures or waiting:
            while waiting and len(futures) < workers:
                task = waiting.popleft()
                try:
                    futures[executor.submit(function, task)] = task
                except BrokenProcessPool as broken:  # between two looks; those at work say so, too
                    yield task, broken
                    break
            tick()
            if not futures:
                return
            for future in wait(futures, TICK_S, FIRST_COMPLETED).done:
                task = futures.pop(future)
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    yield task, error
                    yield from ((other, error) for other in futures.values())
                    return
                yield task, future.result()
    finally:
        executor.shutdown(wait=not futures, cancel_futures=True)
        if futures:  # interrupted, or broken: nobody waits for what is still at work
            _end_children()


def _end_children() -> None:
    for process in multiprocessing.active_children():
        process.kill()
        process.join()


def _prepare(parent: int) -> None:
    """In a new process, before it imports numpy."""
    os.environ.update(ONE_THREAD)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run says goodbye, not each of its processes
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: int) -> None:
    """A process whose run was killed would wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(PARENT_WATCH_S)
    os._exit(1)


def _by_ray(
    function: Callable[[T], R],
    tasks: Sequence[T],
    address: str,
    workers: int | None,
    tick: Callable[[], None],
) -> Iterator[tuple[T, R | str]]:
    ray = connect_ray(address, workers or cores(), ONE_THREAD)
    try:
        remote = ray.remote(num_cpus=1, max_retries=1)(function)
        waiting = {remote.remote(task): task for task in tasks}
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1, timeout=TICK_S)
            tick()
            for reference in done:
                task = waiting.pop(reference)
                try:
                    yield task, ray.get(reference)
                except ray.exceptions.RayTaskError as error:
                    raise error.as_instanceof_cause() from error
                except ray.exceptions.RayError as error:
                    yield task, f"{DIED} ({type(error).__name__})"
    finally:
        ray.shutdown()
