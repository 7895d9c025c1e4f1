"""Keeps freed memory for the next tensors instead of giving it back to the system after every operation.

Must import the standard library only. Invariant: changes how fast memory is had again, never what is computed. glibc gives a
block of more than a few MiB its own mapping and unmaps it when it is freed, so that each feature map of a training step begins
as untouched pages: each is a fault and has to be zeroed. Kept, the same pages serve every step (docs/LOG.md has the measurement).
"""

import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_LARGEST: Final = 2**31 - 1
"""Bytes, the most that mallopt(3) takes: in effect neither a mapping of its own nor a return to the system."""


def keep_freed_memory() -> bool:
    """For the rest of this process; False where the C library is not glibc and nothing was changed."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl, macOS, Windows
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_M_TRIM_THRESHOLD, _LARGEST))
