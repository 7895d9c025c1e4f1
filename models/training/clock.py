"""Where the time of training goes: seconds per stage, nested stages counted once.

Must not import torch: the owner hands in what waits for the device. Invariant: entering an inner stage stops the outer one, so
the stages add up to the time spent in them.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class StageClock:
    """Seconds by stage. wait: called before each reading, so that work queued on a device counts where it belongs."""

    def __init__(self, wait: Callable[[], None] | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._wait = wait
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what runs inside to `name`."""
        self._turn()
        self._open.append(name)
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    def _turn(self) -> None:
        """Book the time since the last reading to the stage that was running."""
        if self._wait is not None:
            self._wait()
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] = self.seconds.get(self._open[-1], 0.0) + now - self._since
        self._since = now

    def table(self, steps: int) -> str:
        """Return the stages as lines: milliseconds a step and share, the longest first."""
        whole = sum(self.seconds.values()) or 1.0
        rows = sorted(self.seconds.items(), key=lambda entry: -entry[1])
        return "\n".join(
            f"{name:14} {1000 * value / max(steps, 1):9.1f} ms a step {100 * value / whole:5.1f} %"
            for name, value in rows
        )
