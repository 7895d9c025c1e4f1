"""The largest network that this computer renders in time, found by trying before the call.

    lite --fast enough?--> lite
         --no------------> nano, where there are weights of it

Must not import an engine. Invariant: what is returned is warm; a size that was asked for by name is never exchanged.
"""

from typing import Final

from models.runtime.base import Backend
from models.runtime.choose import SIZES, choose_backend
from models.runtime.graph_backend import weight_names
from models.runtime.warm_up import warm_up
from models.weights import read_manifest

AUTO: Final = "auto"
SIZE_CHOICES: Final = (AUTO, *SIZES)
FIT_MS: Final = 14.0
"""A picture may take this long when nothing else runs. Measured with both ends on the same two cores, of which the host gave 7 to
25 % to others: `lite` at 17 to 18 ms alone left out 1 to 25 % of a call's pictures, `nano` at 13 ms none to 2 %."""
_LARGE, _SMALL = "lite", "nano"


def open_fitting(name: str, size: str, threads: int | None) -> Backend:
    """Open and warm a backend. size: AUTO, or as `choose_backend` takes it, which also says what is raised."""
    backend = choose_backend(name, _LARGE if size == AUTO else size, threads)
    fastest_ms = warm_up(backend)
    if size != AUTO or fastest_ms <= FIT_MS or not backend.model.sha256 or not _has(_SMALL):
        return backend
    smaller = choose_backend(name, _SMALL, threads)
    warm_up(smaller)
    return smaller


def _has(size: str) -> bool:
    listed = read_manifest()
    return set(weight_names(size, listed)) <= set(listed)
