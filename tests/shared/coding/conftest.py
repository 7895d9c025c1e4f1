"""Synthetic motion, shapes and masks for the coding tests: no clip of a person is needed to run them.

Invariant: seeded, so that every run sees the same samples. The numbers (spread, step-to-step change, tracker noise) are
round figures close to what face meshes of real talking heads show at the provisional steps.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.coding.make_tables import Quantisers, build_tables, symbol_ranges
from shared.coding.tables import CodingTables, parse_tables
from shared.frames import MotionFrame

CLIPS, FRAMES = 24, 240
SPREAD = np.array([8, 10, 16, 11, 9, 14] + [14 / (1 + 0.45 * i) for i in range(16)] + [5.0] * 16 + [3.0] * 8)
"""Standard deviation of each motion symbol."""
CHANGE = np.array(
    [1.4, 1.6, 1.4, 1.5, 1.7, 1.4] + [1.7 / (1 + 0.25 * i) for i in range(16)] + [0.9] * 16 + [0.8] * 8
)
"""Mean change of each motion symbol from frame to frame, of a head that neither rests nor shakes."""


def synthetic_clip(rng: np.random.Generator) -> NDArray[np.int64]:
    """Symbols (FRAMES, 46): an autoregressive walk whose speed changes every few frames, plus white tracker noise."""
    speed = np.repeat(np.exp(rng.normal(0.0, 0.7, FRAMES // 8 + 1)), 8)[:FRAMES]
    state = rng.normal(0.0, SPREAD)
    memory = np.sqrt(np.maximum(0.0, 1 - (CHANGE / np.maximum(SPREAD, CHANGE)) ** 2))
    rows = []
    for step in speed:
        state = memory * state + rng.laplace(0.0, 0.7 * CHANGE * step)
        rows.append(state + rng.normal(0.0, 0.2 * CHANGE))
    return np.clip(np.rint(rows), -120, 120).astype(np.int64)


def synthetic_mask(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Head and shoulders, (32, 32): two ellipses that touch, a little ragged."""
    y, x = np.mgrid[0:32, 0:32]
    centre, top, width = rng.uniform(13, 19), rng.uniform(10, 15), rng.uniform(5, 7.5)
    head = ((x - centre) / width) ** 2 + ((y - top) / (1.35 * width)) ** 2
    shoulders = ((x - centre - rng.normal()) / rng.uniform(13, 17)) ** 2 + (
        (y - 34) / rng.uniform(9, 13)
    ) ** 2
    ragged = rng.normal(0.0, 0.04, (32, 32))
    return np.asarray(np.minimum(head, shoulders) + ragged < 1, dtype=np.uint8)


def synthetic_tables() -> dict[str, Any]:
    """Contents of a motion_tables.json fitted to nothing but the functions above."""
    rng = np.random.default_rng(20)
    coefficients = 40 / (1 + 0.3 * np.arange(64))
    return build_tables(
        [synthetic_clip(rng) for _ in range(CLIPS)],
        np.clip(
            np.rint(rng.laplace(0.0, np.r_[np.full(6, 25.0), coefficients], (200, 70))), -500, 500
        ).astype(int),
        np.rint(rng.normal(0.0, np.r_[np.full(16, 25.0), np.full(8, 3.0)], (200, 24))).astype(int),
        np.stack([synthetic_mask(rng) for _ in range(200)]),
        Quantisers(),
        "synthetic autoregressive motion (tests/shared/coding/conftest.py); provisional",
    )


@pytest.fixture(scope="session")
def synthetic_json() -> dict[str, Any]:
    """Tables fitted to synthetic samples, as JSON."""
    return synthetic_tables()


@pytest.fixture(scope="session")
def synthetic(synthetic_json: dict[str, Any]) -> CodingTables:
    """Tables fitted to synthetic samples."""
    return parse_tables(synthetic_json)


@pytest.fixture
def clip() -> list[MotionFrame]:
    """A synthetic clip that the tables were not fitted to."""
    symbols = synthetic_clip(np.random.default_rng(77))
    maximum = motion_limits()
    return [
        MotionFrame(40 * i, 0, np.clip(row, -maximum, maximum).astype(np.int16))
        for i, row in enumerate(symbols)
    ]


def motion_limits() -> NDArray[np.int64]:
    """Largest motion symbols of the provisional quantisers."""
    return np.array(symbol_ranges(*Quantisers().motion()))
