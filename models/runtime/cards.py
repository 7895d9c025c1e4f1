"""Whether an NVIDIA GPU is there, asked of its driver, without loading any engine.

Must import the standard library only. Invariant: never raises; without a driver there are no cards.
"""

import ctypes
import sys
from functools import cache

_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


@cache
def nvidia_cards() -> tuple[str, ...]:
    """Names of the GPUs that the driver lets this process use (CUDA driver API, cuDeviceGetCount and cuDeviceGetName)."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return ()
    count = ctypes.c_int()
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return ()
    return tuple(_name(driver, place) for place in range(count.value))


def _name(driver: ctypes.CDLL, place: int) -> str:
    device, name = ctypes.c_int(), ctypes.create_string_buffer(128)
    known = driver.cuDeviceGet(ctypes.byref(device), place) == 0
    known = known and driver.cuDeviceGetName(name, len(name), device) == 0
    return name.value.decode("ascii", "replace") if known else "NVIDIA GPU"
