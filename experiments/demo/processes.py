"""The demo's child processes: start, listen, watch their memory, end them cleanly.

Must not import anything of the call itself. Invariant: every child that was started is ended, whatever
happens, and what it said last on stderr can be shown in one line.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

REPOSITORY: Final = Path(__file__).resolve().parents[2]
STDERR_LINES: Final = 20
"""Last lines of a child's stderr that are kept."""
INTERRUPT_GRACE_S: Final = 8.0
"""A child may take this long to close its files after SIGINT."""
TERMINATE_GRACE_S: Final = 2.0
CORES_WINDOW_S: Final = 3.0
"""Of a child's processor time: the newest that is looked at, so that its start is not in it."""

Report = dict[str, object]


class Child:
    """One `python -m ...` process. Lines of JSON on its stdout go to `on_report`; others are ignored."""

    def __init__(self, name: str, arguments: Sequence[str], on_report: Callable[[Report], None]) -> None:
        self.name = name
        self.peak_rss_bytes = 0
        self._spent: deque[tuple[float, float]] = deque()
        """Time and the processor time spent until then, in seconds, over CORES_WINDOW_S."""
        self._errors: deque[str] = deque(maxlen=STDERR_LINES)
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": _python_path()}
        self._process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches the demo only, which ends its children in order
        )
        self._threads = [
            threading.Thread(target=self._read_reports, args=(on_report,), daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Exit status, None while it runs."""
        return self._process.poll()

    @property
    def last_words(self) -> str:
        """The last line of its stderr that says something, or its exit status."""
        lines = [line for line in self._errors if line.strip()]
        return lines[-1].strip() if lines else f"ended with status {self.status} and said nothing"

    @property
    def cores(self) -> float | None:
        """Processor cores in use over the last CORES_WINDOW_S seconds that were sampled; None before there are as many."""
        if not self._spent or self._spent[-1][0] - self._spent[0][0] < 0.9 * CORES_WINDOW_S:
            return None
        (start_s, before_s), (end_s, after_s) = self._spent[0], self._spent[-1]
        return (after_s - before_s) / (end_s - start_s)

    def sample_use(self) -> None:
        """Keep the largest resident size seen and the processor time spent, its own children included."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self._process.pid)
            family = [process, *process.children(recursive=True)]
            self.peak_rss_bytes = max(self.peak_rss_bytes, sum(p.memory_info().rss for p in family))
            now_s, times = time.monotonic(), [p.cpu_times() for p in family]
            self._spent.append((now_s, sum(one.user + one.system for one in times)))
            while now_s - self._spent[0][0] > CORES_WINDOW_S:
                self._spent.popleft()

    def wait(self, timeout_s: float) -> bool:
        """True when it has ended within the time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        return self.status is not None

    def stop(self) -> None:
        """SIGINT, then SIGTERM, then SIGKILL; returns when it is gone and everything it said was read."""
        for number, grace_s in ((signal.SIGINT, INTERRUPT_GRACE_S), (signal.SIGTERM, TERMINATE_GRACE_S)):
            if self.status is None:
                self._process.send_signal(number)
                self.wait(grace_s)
        if self.status is None:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(TERMINATE_GRACE_S)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _read_reports(self, on_report: Callable[[Report], None]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with contextlib.suppress(ValueError):
                report = json.loads(line)
                if isinstance(report, dict):
                    on_report(report)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._errors.append(line)


class Children:
    """Children in the order of their start; left as a context, they are ended, the last started first."""

    def __init__(self) -> None:
        self._children: list[Child] = []

    def start(
        self, name: str, arguments: Sequence[str], on_report: Callable[[Report], None] = lambda _: None
    ) -> Child:
        """Start `python -m ARGUMENTS`."""
        child = Child(name, arguments, on_report)
        self._children.append(child)
        return child

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _deaf_to_interrupts():
            for child in reversed(self._children):
                child.stop()


def wait_until(ready: Callable[[], bool], timeout_s: float, step_s: float = 0.05) -> bool:
    """Ask until it is true or the time is over."""
    end = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > end:
            return False
        time.sleep(step_s)
    return True


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """A second Ctrl-C must not leave children behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _python_path() -> str:
    return os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])
