"""Where a number comes from: the machine, without its name, the commit, and how much of its processors it really had."""

import os
import platform
import subprocess
from pathlib import Path


def machine() -> str:
    """Processor, cores, memory, system and Python, as far as the system tells."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def commit() -> str:
    """The short hash of the checkout's commit, with + when files differ from it; 'unknown' outside of one."""
    folder = Path(__file__).parent
    try:
        head = _git(folder, "rev-parse", "--short", "HEAD")
        return head + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


class StolenTime:
    """How much of the processors' time the host gave to others since this was made; timings taken then say little."""

    def __init__(self) -> None:
        self._before = _ticks()

    def share(self) -> float | None:
        """0..1; None where the system does not tell (only Linux does)."""
        now = _ticks()
        if self._before is None or now is None or now[1] == self._before[1]:
            return None
        return (now[0] - self._before[0]) / (now[1] - self._before[1])


def _ticks() -> tuple[int, int] | None:
    """Stolen and all ticks of all processors so far (proc(5), /proc/stat)."""
    try:
        fields = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    except (OSError, ValueError, IndexError):
        return None
    return (fields[7], sum(fields)) if len(fields) == 8 else None


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
