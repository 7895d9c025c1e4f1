"""Fits the tables of the bitstream to samples: for every symbol the rung that gives the fewest bits.

Must import numpy and the coding modules below it only; used when tables are made, never in a call. Invariant: the
same samples give the same tables; what it returns passes `tables.parse_tables`.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.coding.make_ladder import build_ladder
from shared.coding.mask_code import context_index
from shared.coding.motion_layout import ANCHOR_SYMBOLS, MASK_SIDE, SHAPE_SYMBOLS, SYMBOLS
from shared.coding.range_coder import BIT_PROBABILITY_MIN, CDF_TOTAL
from shared.coding.tables import (
    COST_ONE_BIT,
    MASK_CONTEXTS,
    TABLES_FORMAT,
    Ladder,
    SymbolPlan,
    ladder_of,
    parse_tables,
    table_identity,
)
from shared.errors import UserError
from shared.limits import COORDINATE_MAX, MOTION_DELTA_MAX, MOTION_SYMBOL_MAX

DISTANCE_LIMITS: Final = (1, 2, 4, 8, 16)
"""Upper ends of the distance classes, in frames of 40 ms; one more class holds everything beyond."""
FIT_DISTANCES: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24)
"""Distances to the acknowledged frame that the fit looks at."""
FIT_BUNDLES: Final = (2, 4)
"""Frames per bundle that the fit looks at: 80 and 160 ms."""
FIT_STRIDE: Final = 3
"""Only every third bundle is looked at: neighbours are alike, and memory is (frames * 6 * 46) numbers."""
ACTIVITY_SHIFTS: Final = (-8, -6, -4, -2, 0, 2, 4, 6)
ACTIVITY_FLOOR: Final = 0.01
"""Share added to every activity, so that one unseen in the samples (a picture held still) costs 7 bits, not 15."""
FIT_ROUNDS: Final = 4
TAIL_WEIGHTS: Final = (0.0, 0.03, 0.06, 0.1, 0.15, 0.2)
MASK_START_RATE: Final = 4
"""The starting probabilities are already learned, so masks begin with slow adaptation."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Quantisers:
    """Steps and largest absolute values, in the units of the values. affine: the four linear numbers, translation:
    the two others. The ranges follow: largest value / step, at most MOTION_SYMBOL_MAX."""

    affine_step: float = 1 / 192
    translation_step: float = 1 / 320
    expression_step: float = 0.03
    keypoint_step: float = 1 / 40
    code_step: float = 1 / 8
    shape_affine_step: float = 1 / 512
    shape_coefficient_step: float = 0.01
    anchor_keypoint_step: float = 1 / 64
    anchor_code_step: float = 1 / 8
    affine_max: float = 1.0
    translation_max: float = 2.0
    code_max: float = 2.0
    anchor_code_max: float = 1.0

    def motion(self) -> tuple[list[float], list[float]]:
        """Steps and largest values of the 46 motion symbols."""
        steps = self._affine(self.affine_step, self.translation_step)
        steps += [self.expression_step] * 16 + [self.keypoint_step] * 16 + [self.code_step] * 8
        largest = self._affine(self.affine_max, self.translation_max)
        largest += (
            [MOTION_SYMBOL_MAX * self.expression_step] * 16 + [2 * COORDINATE_MAX] * 16 + [self.code_max] * 8
        )
        return steps, largest

    def motion_plan(self) -> SymbolPlan:
        """How motion becomes symbols before there are tables; what only tables know (`absolute`) is zero."""
        steps, largest = self.motion()
        ranges = np.array(symbol_ranges(steps, largest))
        return SymbolPlan(np.array(steps), -ranges, ranges, np.zeros(len(steps), np.int64))

    def shape(self) -> tuple[list[float], list[float]]:
        """Steps and largest values of the 70 shape symbols."""
        steps = [self.shape_affine_step] * 6 + [self.shape_coefficient_step] * 64
        largest = self._affine(self.affine_max, self.translation_max)
        return steps, largest + [MOTION_SYMBOL_MAX * self.shape_coefficient_step] * 64

    def anchors(self) -> tuple[list[float], list[float]]:
        """Steps and largest values of the 24 anchor symbols."""
        steps = [self.anchor_keypoint_step] * 16 + [self.anchor_code_step] * 8
        return steps, [COORDINATE_MAX] * 16 + [self.anchor_code_max] * 8

    @staticmethod
    def _affine(linear: float, translation: float) -> list[float]:
        return [linear, linear, translation, linear, linear, translation]


def symbol_ranges(steps: list[float], largest: list[float]) -> list[int]:
    """Largest symbol of each number: floor(largest / step), between 1 and MOTION_SYMBOL_MAX."""
    ratios = np.array(largest) / np.array(steps) + 1e-9
    return [int(limit) for limit in np.clip(np.floor(ratios), 1, MOTION_SYMBOL_MAX)]


def build_tables(
    motion_samples: Sequence[NDArray[np.integer[Any]]],
    shape_samples: NDArray[np.integer[Any]],
    anchor_samples: NDArray[np.integer[Any]],
    mask_samples: NDArray[np.integer[Any]],
    quantisers: Quantisers,
    source: str,
) -> dict[str, Any]:
    """The contents of motion_tables.json.

    motion_samples: one array (T, 46) of symbols per clip, consecutive frames 40 ms apart; give every person the same
    number of frames. shape_samples (N, 70), anchor_samples (N, 24): symbols of keyframes. mask_samples (N, 32, 32):
    0 or 1. quantisers: those that made the symbols. source: a sentence about the samples, kept in the file.
    Raises UserError when samples are missing, of the wrong shape or outside MOTION_SYMBOL_MAX.
    """
    clips = [_samples(clip, SYMBOLS, "motion") for clip in motion_samples]
    bundles = _Bundles.of(clips)
    shapes = _samples(shape_samples, SHAPE_SYMBOLS, "shape")
    anchors = _samples(anchor_samples, ANCHOR_SYMBOLS, "anchors")
    fits = [_fit_tail(weight, clips, bundles, shapes, anchors) for weight in TAIL_WEIGHTS]
    _, fields = min(fits, key=lambda fit: fit[0])
    for name, (steps, largest) in (
        ("motion", quantisers.motion()),
        ("shape", quantisers.shape()),
        ("anchors", quantisers.anchors()),
    ):
        ranges = symbol_ranges(steps, largest)
        fields[name] |= {"step": steps, "maximum": ranges, "minimum": [-limit for limit in ranges]}
    tables = {
        "format": TABLES_FORMAT,
        "source": source,
        **fields,
        "mask": _fit_mask(np.asarray(mask_samples)),
    }
    tables["identity"] = table_identity(tables)
    parse_tables(tables)
    return tables


def tables_text(tables: dict[str, Any]) -> str:
    """The text of motion_tables.json: one line per list of numbers, so that changes can be read."""
    text = json.dumps(tables, sort_keys=True, indent=1)
    lines: list[str] = []
    for line in text.splitlines():
        number = line.strip().rstrip(",").lstrip("-").replace(".", "").replace("e-", "").isdigit()
        inside = (
            bool(lines) and (number or line.strip() in ("]", "],")) and lines[-1].rstrip()[-1] not in "]}"
        )
        lines[-1:] = [lines[-1] + line.strip()] if inside else [*lines[-1:], line]
    return "\n".join(lines) + "\n"


def _samples(samples: NDArray[np.integer[Any]], size: int, name: str) -> Integers:
    array = np.asarray(samples)
    if array.ndim != 2 or array.shape[1] != size or len(array) == 0 or array.dtype.kind not in "iu":
        raise UserError(f"The {name} samples are {array.dtype} {array.shape}; expected integers (N, {size}).")
    if np.abs(array.astype(np.int64)).max() > MOTION_SYMBOL_MAX:
        raise UserError(
            f"The {name} samples go beyond {MOTION_SYMBOL_MAX}: quantise them with the same steps first."
        )
    return array.astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Bundles:
    """Differences of simulated bundles. deltas: (frames, 46). classes: (frames,) distance class. owner: (frames,)
    bundle."""

    deltas: Integers
    classes: Integers
    owner: Integers

    @classmethod
    def of(cls, clips: list[Integers]) -> "_Bundles":
        deltas, classes, owner = [], [], []
        for bundle, (frames, first_class) in enumerate(_simulated(clips)):
            deltas.append(np.diff(frames, axis=0))
            classes.append([first_class] + [0] * (len(frames) - 2))
            owner.append([bundle] * (len(frames) - 1))
        if not deltas:
            raise UserError("The motion samples are too short: at least one clip needs 3 frames.")
        return cls(np.concatenate(deltas), np.concatenate(classes), np.concatenate(owner))


def _simulated(clips: list[Integers]) -> Iterator[tuple[Integers, int]]:
    """Base and frames of bundles at every distance and length of the fit, and their distance class."""
    for clip in clips:
        for distance in FIT_DISTANCES:
            first_class = int(np.searchsorted(DISTANCE_LIMITS, distance))
            for count in FIT_BUNDLES:
                for start in range(distance, len(clip) - count + 1, FIT_STRIDE * count):
                    frames = [start - distance, *range(start, start + count)]
                    yield clip[frames], first_class


def _histograms(values: Integers, keys: Integers, keys_count: int) -> NDArray[np.float64]:
    """Counts (keys, columns, 2 * MOTION_DELTA_MAX + 1) of values (rows, columns) by the rows' keys."""
    width = 2 * MOTION_DELTA_MAX + 1
    columns = values.shape[1]
    index = (keys[:, None] * columns + np.arange(columns)) * width + values + MOTION_DELTA_MAX
    counts = np.bincount(index.ravel(), minlength=keys_count * columns * width)
    return counts.reshape(keys_count, columns, width).astype(np.float64)


def _best_rungs(values: Integers, ladder: Ladder) -> tuple[Integers, int]:
    prices = _histograms(values, np.zeros(len(values), np.int64), 1)[0] @ ladder.costs.T.astype(np.float64)
    return prices.argmin(axis=1), int(prices.min(axis=1).sum())


def _fit_tail(
    tail_weight: float, clips: list[Integers], bundles: _Bundles, shapes: Integers, anchors: Integers
) -> tuple[float, dict[str, Any]]:
    """Price (motion bits only) and the JSON fields of the best fit with one weight of the tail."""
    rows = build_ladder(tail_weight)
    ladder = ladder_of(rows)
    motion, price = _fit_deltas(bundles, ladder)
    motion["absolute"] = _best_rungs(np.concatenate(clips), ladder)[0].tolist()
    return price, {
        "tail_weight": tail_weight,
        "ladder": rows,
        "motion": motion,
        "shape": {"absolute": _best_rungs(shapes, ladder)[0].tolist()},
        "anchors": {"absolute": _best_rungs(anchors, ladder)[0].tolist()},
    }


def _fit_deltas(bundles: _Bundles, ladder: Ladder) -> tuple[dict[str, Any], float]:
    """Alternate: rungs for given activities, activities for given rungs."""
    shifts = np.array(ACTIVITY_SHIFTS)
    activity = np.full(bundles.owner[-1] + 1, ACTIVITY_SHIFTS.index(0))
    activity_bits = np.full(len(shifts), np.log2(len(shifts)))
    price = 0.0
    for _ in range(FIT_ROUNDS):
        rungs = _fit_rungs(bundles, activity, ladder)
        prices = _activity_prices(bundles, rungs, ladder) + COST_ONE_BIT * activity_bits
        activity = prices.argmin(axis=1)
        price = float(prices.min(axis=1).sum())
        counts = np.bincount(activity, minlength=len(shifts)) + ACTIVITY_FLOOR * len(activity)
        activity_bits = -np.log2(counts / counts.sum())
    cdf = [0, *np.cumsum(_activity_counts(activity_bits)).tolist()]
    cost = np.rint(-COST_ONE_BIT * np.log2(np.diff(cdf) / CDF_TOTAL)).astype(int)
    return {
        "distance_limits": list(DISTANCE_LIMITS),
        "delta": rungs.tolist(),
        "activity_shifts": list(ACTIVITY_SHIFTS),
        "activity_cdf": cdf,
        "activity_cost": cost.tolist(),
    }, price


def _activity_counts(bits: NDArray[np.float64]) -> Integers:
    counts = np.maximum(np.floor(2.0**-bits * CDF_TOTAL), 1).astype(np.int64)
    counts[counts.argmax()] += CDF_TOTAL - counts.sum()
    return counts


def _fit_rungs(bundles: _Bundles, activity: Integers, ladder: Ladder) -> Integers:
    """Rungs (classes, 46) with the lowest price, each bundle's activity given."""
    classes, shifts, last = len(DISTANCE_LIMITS) + 1, np.array(ACTIVITY_SHIFTS), len(ladder.rungs) - 1
    prices = np.zeros((classes, SYMBOLS, last + 1))
    costs = ladder.costs.T.astype(np.float64)
    for index, shift in enumerate(shifts):
        rows = activity[bundles.owner] == index
        counts = _histograms(bundles.deltas[rows], bundles.classes[rows], classes)
        shifted = np.clip(np.arange(last + 1) + shift, 0, last)
        prices += (counts @ costs)[..., shifted]
    return np.asarray(prices.argmin(axis=2), dtype=np.int64)


def _activity_prices(bundles: _Bundles, rungs: Integers, ladder: Ladder) -> NDArray[np.float64]:
    """Price (bundles, activities) of every bundle with every activity, in 1/256 bit."""
    prices = []
    for shift in ACTIVITY_SHIFTS:
        shifted = np.clip(rungs[bundles.classes] + shift, 0, len(ladder.rungs) - 1)
        frames = ladder.costs[shifted, bundles.deltas + MOTION_DELTA_MAX].sum(axis=1)
        prices.append(np.bincount(bundles.owner, weights=frames))
    return np.stack(prices, axis=1)


def _fit_mask(masks: NDArray[np.integer[Any]]) -> dict[str, Any]:
    """Share of ones in each context over all masks."""
    if masks.ndim != 3 or masks.shape[1:] != (MASK_SIDE, MASK_SIDE) or not np.isin(masks, (0, 1)).all():
        raise UserError(f"The mask samples are {masks.shape}; expected (N, 32, 32) zeros and ones.")
    seen = np.full((MASK_CONTEXTS, 2), 0.5)
    for mask in masks.astype(int).tolist():
        above = [0] * (MASK_SIDE + 1)
        for row in mask:
            row.append(0)
            for x in range(MASK_SIDE):
                # The encoder's context reads only what stands before x; row[-1] is the zero just appended.
                seen[context_index(row, above, x), row[x]] += 1
            above = row
    ones = np.rint(seen[:, 1] / seen.sum(axis=1) * CDF_TOTAL).astype(int)
    probability = np.clip(ones, BIT_PROBABILITY_MIN, CDF_TOTAL - BIT_PROBABILITY_MIN)
    return {"probability": probability.tolist(), "rate": MASK_START_RATE}
