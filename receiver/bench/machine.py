"""Memory and power while a load runs: of this process, and of the GPU where there is one.

Must import the standard library only. Invariant: what cannot be measured here is None, never a guess.
"""

import shutil
import statistics
import subprocess
import threading
from pathlib import Path
from typing import Final

SAMPLE_S: Final = 0.5
_QUERY: Final = ("--query-gpu=memory.used,power.draw", "--format=csv,noheader,nounits", "--id=0")
_STATUS: Final = Path("/proc/self/status")


def rss_mb() -> float | None:
    """Resident memory of this process in MB (10^6 bytes); None where the system does not tell (only Linux does)."""
    if not _STATUS.exists():
        return None
    lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    kib = next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), None)
    return None if kib is None else round(kib * 1024 / 1e6, 1)


def parse_gpu(line: str) -> tuple[float | None, float | None]:
    """Memory in MB (2^20 bytes, as nvidia-smi counts) and watts of one line of nvidia-smi; None for what it does not know."""
    parts = [part.strip() for part in line.split(",")]
    values = [float(part) if part.replace(".", "", 1).isdigit() else None for part in parts]
    return (values[0], values[1]) if len(values) == 2 else (None, None)


class GpuMeter:
    """Samples the first GPU until it is closed, in a thread of its own; nothing where there is no nvidia-smi."""

    def __init__(self) -> None:
        self._tool = shutil.which("nvidia-smi")
        self._samples: list[tuple[float | None, float | None]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gpu-meter", daemon=True)
        self._thread.start()

    def close(self) -> tuple[float | None, float | None]:
        """Most memory in MB and median power in watts; None without a GPU."""
        self._over.set()
        self._thread.join()
        memory = [mb for mb, _ in self._samples if mb is not None]
        watts = [w for _, w in self._samples if w is not None]
        return (max(memory) if memory else None), (statistics.median(watts) if watts else None)

    def _run(self) -> None:
        while self._tool is not None and not self._over.wait(SAMPLE_S):
            found = subprocess.run([self._tool, *_QUERY], capture_output=True, text=True, check=False)
            if found.returncode == 0 and found.stdout.strip():
                self._samples.append(parse_gpu(found.stdout.splitlines()[0]))
