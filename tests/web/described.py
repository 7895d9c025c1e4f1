"""Values of the codec as JSON, and bytes damaged on purpose: what both writers of Python's answers need."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from shared.errors import FacewireError
from shared.wire import Unknown
from tests.shared.golden_wire import describe


def plain(value: Any) -> Any:
    """As `describe`, arrays as lists."""
    if isinstance(value, np.ndarray):
        return value.tobytes().hex() if value.dtype == np.uint8 else value.tolist()
    if isinstance(value, Unknown):
        return {"type": "Unknown", "code": value.type}
    if hasattr(value, "__dataclass_fields__"):
        fields = {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
        return {"type": type(value).__name__, **fields}
    return [plain(item) for item in value] if isinstance(value, (tuple, list)) else describe(value)


def outcome(act: Callable[[], Any]) -> Any:
    """What `act` returns as JSON, or the name of the error it raises."""
    try:
        return plain(act())
    except FacewireError as error:
        return type(error).__name__


def mutated(rng: random.Random, data: bytes) -> bytes:
    """A few bytes changed, added or cut off."""
    changed = bytearray(data)
    for _ in range(rng.randint(0, 3)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    end = rng.choice([len(changed)] * 6 + [rng.randrange(len(changed) + 1)])
    return bytes(changed[:end]) + (rng.randbytes(2) if rng.random() < 0.05 else b"")
