"""The steps, ranges and probability tables of the bitstream, read once from motion_tables.json.

Must import numpy, the standard library and the coding modules below it only. Invariant: both ends of a call use the
same file (`CodingTables.identity` says which); everything in it that the coder computes with is an integer. The
file's fields are described in README.md beside this file, section 3.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.coding.motion_layout import ANCHOR_SYMBOLS, SHAPE_SYMBOLS, SYMBOLS
from shared.coding.range_coder import BIT_PROBABILITY_MIN, BIT_RATE_MAX, CDF_TOTAL
from shared.coding.value_code import DIRECT_MAX, ESCAPE, TABLE_SYMBOLS, Rung, value_bits
from shared.errors import UserError
from shared.limits import MOTION_DELTA_MAX, MOTION_SYMBOL_MAX

TABLES_FORMAT: Final = 1
COST_ONE_BIT: Final = 256
"""Costs are integers in 1/256 bit, so that every encoder makes the same choice."""
MASK_CONTEXTS: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class SymbolPlan:
    """How n numbers become n symbols. step: float64 (n,), value = symbol * step. minimum, maximum: int64 (n,),
    symbols outside are clamped. absolute: int64 (n,), rung of the ladder when a symbol is coded as it is."""

    step: NDArray[np.float64]
    minimum: NDArray[np.int64]
    maximum: NDArray[np.int64]
    absolute: NDArray[np.int64]

    @property
    def size(self) -> int:
        """n, the number of symbols."""
        return len(self.step)


@dataclass(frozen=True, slots=True, eq=False)
class DeltaPlan:
    """How motion differences are coded. distance_limits: upper end, in frames of 40 ms, of every distance class but
    the last. rungs: int64 (classes, 46). activity_shifts: rungs added to all of a bundle, one per activity.
    activity_cdf: table of the activity. activity_costs: int64, its price in 1/256 bit."""

    distance_limits: tuple[int, ...]
    rungs: NDArray[np.int64]
    activity_shifts: NDArray[np.int64]
    activity_cdf: tuple[int, ...]
    activity_costs: NDArray[np.int64]

    def distance_class(self, distance: int) -> int:
        """Row of `rungs` for a difference against a frame `distance` frames of 40 ms away."""
        for index, limit in enumerate(self.distance_limits):
            if distance <= limit:
                return index
        return len(self.distance_limits)


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """The rungs, narrow to wide, and costs: int64 (rungs, 2 * MOTION_DELTA_MAX + 1), price of value v in 1/256 bit at
    column v + MOTION_DELTA_MAX."""

    rungs: tuple[Rung, ...]
    costs: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MaskPlan:
    """Where the 16 mask contexts start. probability: of a 1, in 1/2**15. rate: their first adaptation rate."""

    probability: tuple[int, ...]
    rate: int


@dataclass(frozen=True, slots=True, eq=False)
class CodingTables:
    """Everything in one motion_tables.json. identity: 8 hex digits that differ when anything else in the file
    does."""

    identity: str
    ladder: Ladder
    motion: SymbolPlan
    delta: DeltaPlan
    shape: SymbolPlan
    anchors: SymbolPlan
    mask: MaskPlan


@cache
def load_tables() -> CodingTables:
    """The tables that ship with facewire, read at the first call."""
    text = files("shared.coding").joinpath("motion_tables.json").read_text(encoding="utf-8")
    return parse_tables(json.loads(text))


def table_identity(tables: dict[str, Any]) -> str:
    """First 8 hex digits of the SHA-256 of everything but the field `identity`, as JSON with sorted keys and no
    spaces."""
    rest = {key: value for key, value in tables.items() if key != "identity"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:8]


def parse_tables(tables: dict[str, Any]) -> CodingTables:
    """Checked tables from the parsed JSON. Raises UserError naming the field that is missing or wrong."""
    try:
        _check(tables["format"] == TABLES_FORMAT, f"format is not {TABLES_FORMAT}")
        _check(tables["identity"] == table_identity(tables), "they were changed after they were made")
        ladder = ladder_of(tables["ladder"])
        return CodingTables(
            identity=tables["identity"],
            ladder=ladder,
            motion=_symbol_plan(tables["motion"], "motion", SYMBOLS, len(ladder.rungs)),
            delta=_delta_plan(tables["motion"], len(ladder.rungs)),
            shape=_symbol_plan(tables["shape"], "shape", SHAPE_SYMBOLS, len(ladder.rungs)),
            anchors=_symbol_plan(tables["anchors"], "anchors", ANCHOR_SYMBOLS, len(ladder.rungs)),
            mask=_mask_plan(tables["mask"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(f"a field is missing or of the wrong kind ({error!r})") from error


def _broken(what: str) -> UserError:
    return UserError(
        f"The coding tables cannot be used: {what}. Make them again with python -m models.training.motion_tables."
    )


def _check(condition: bool, what: str) -> None:
    if not condition:
        raise _broken(what)


def _integers(values: Any, *shape: int) -> NDArray[np.int64]:
    array = np.array(values, dtype=np.float64)
    _check(array.shape == shape, f"expected {shape} integers, found {array.shape}")
    _check(bool(np.all(array == np.rint(array))), "a table of integers has fractions")
    integers = array.astype(np.int64)
    integers.setflags(write=False)
    return integers


def _cdf(values: Any, symbols: int) -> tuple[int, ...]:
    cdf = tuple(int(value) for value in _integers(values, symbols + 1))
    rising = all(left < right for left, right in pairwise(cdf))
    _check(rising and cdf[0] == 0 and cdf[-1] == CDF_TOTAL, "a cdf does not rise from 0 to 32768")
    return cdf


def ladder_of(rows: list[dict[str, Any]]) -> Ladder:
    """The ladder from the JSON's rows. Raises UserError when a table is broken."""
    _check(len(rows) > 0, "the ladder is empty")
    _check(all(0 <= row["low_bits"] <= 5 for row in rows), "low_bits is not 0..5")
    rungs = tuple(Rung(_cdf(row["cdf"], TABLE_SYMBOLS), int(row["low_bits"])) for row in rows)
    prices = [_integers(row["cost"], TABLE_SYMBOLS) for row in rows]
    costs = np.stack([_value_costs(rung.low_bits, price) for rung, price in zip(rungs, prices, strict=True)])
    costs.setflags(write=False)
    return Ladder(rungs, costs)


def _value_costs(low_bits: int, price: NDArray[np.int64]) -> NDArray[np.int64]:
    high = np.arange(-MOTION_DELTA_MAX, MOTION_DELTA_MAX + 1) >> low_bits
    symbols = np.where(np.abs(high) <= DIRECT_MAX, high + DIRECT_MAX, ESCAPE)
    return np.asarray(price[symbols] + COST_ONE_BIT * _raw_bits(low_bits), dtype=np.int64)


@cache
def _raw_bits(low_bits: int) -> NDArray[np.int64]:
    return np.array([value_bits(value, low_bits) for value in range(-MOTION_DELTA_MAX, MOTION_DELTA_MAX + 1)])


def _symbol_plan(fields: dict[str, Any], name: str, size: int, rungs: int) -> SymbolPlan:
    step = np.array(fields["step"], dtype=np.float64)
    _check(
        step.shape == (size,) and bool(np.all(np.isfinite(step) & (step > 0))),
        f"{name}.step is not {size} steps",
    )
    step.setflags(write=False)
    minimum = _integers(fields["minimum"], size)
    maximum = _integers(fields["maximum"], size)
    bounded = np.all(
        (minimum >= -MOTION_SYMBOL_MAX) & (minimum <= 0) & (maximum >= 0) & (maximum <= MOTION_SYMBOL_MAX)
    )
    _check(bool(bounded), f"{name} has a range beyond {MOTION_SYMBOL_MAX} or without 0")
    return SymbolPlan(step, minimum, maximum, _rung_indices(fields["absolute"], rungs, size))


def _rung_indices(values: Any, rungs: int, *shape: int) -> NDArray[np.int64]:
    indices = _integers(values, *shape)
    _check(bool(np.all((indices >= 0) & (indices < rungs))), "a rung is not on the ladder")
    return indices


def _delta_plan(fields: dict[str, Any], rungs: int) -> DeltaPlan:
    limits = tuple(int(limit) for limit in fields["distance_limits"])
    _check(all(left < right for left, right in pairwise((0, *limits))), "distance_limits do not rise")
    shifts = fields["activity_shifts"]
    return DeltaPlan(
        distance_limits=limits,
        rungs=_rung_indices(fields["delta"], rungs, len(limits) + 1, SYMBOLS),
        activity_shifts=_integers(shifts, len(shifts)),
        activity_cdf=_cdf(fields["activity_cdf"], len(shifts)),
        activity_costs=_integers(fields["activity_cost"], len(shifts)),
    )


def _mask_plan(fields: dict[str, Any]) -> MaskPlan:
    probability = _integers(fields["probability"], MASK_CONTEXTS)
    legal = (probability >= BIT_PROBABILITY_MIN) & (probability <= CDF_TOTAL - BIT_PROBABILITY_MIN)
    _check(bool(np.all(legal)), "a mask probability is out of range")
    _check(fields["rate"] in range(1, BIT_RATE_MAX + 1), "mask.rate is out of range")
    return MaskPlan(tuple(int(value) for value in probability), int(fields["rate"]))
