"""The clock of a call.

Must import the standard library only. Invariant: it never goes back.
"""

import time


def monotonic_us() -> int:
    """Microseconds of the machine's monotonic clock."""
    return time.monotonic_ns() // 1000
