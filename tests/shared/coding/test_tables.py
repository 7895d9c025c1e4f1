"""The shipped tables are whole, and broken ones are refused with a message."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from shared.coding.tables import load_tables, parse_tables, table_identity
from shared.errors import UserError
from shared.limits import COORDINATE_MAX, MOTION_SYMBOL_MAX


def test_shipped_tables_load_once() -> None:
    assert load_tables() is load_tables()


def test_arrays_are_read_only() -> None:
    tables = load_tables()
    for array in (tables.motion.step, tables.motion.maximum, tables.delta.rungs, tables.ladder.costs):
        with pytest.raises(ValueError):
            array[0] = 0


def test_ranges_stay_within_the_limits() -> None:
    tables = load_tables()
    for plan in (tables.motion, tables.shape, tables.anchors):
        assert max(plan.maximum.max(), -plan.minimum.min()) <= MOTION_SYMBOL_MAX
    anchors = tables.anchors.maximum[:16] * tables.anchors.step[:16]
    assert (anchors <= COORDINATE_MAX).all()


@pytest.mark.parametrize(
    ("distance", "row"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4), (16, 4), (17, 5), (999, 5)]
)
def test_distance_classes_begin_and_end_where_stated(distance: int, row: int) -> None:
    assert load_tables().delta.distance_class(distance) == row


BREAKS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "format": lambda t: t.update(format=2),
    "no ladder": lambda t: t.pop("ladder"),
    "empty ladder": lambda t: t.update(ladder=[]),
    "cdf does not rise": lambda t: t["ladder"][0]["cdf"].__setitem__(3, 2),
    "cdf too short": lambda t: t["ladder"][0]["cdf"].pop(5),
    "low bits": lambda t: t["ladder"][0].update(low_bits=6),
    "fractions": lambda t: t["ladder"][0]["cost"].__setitem__(0, 0.5),
    "rung off the ladder": lambda t: t["motion"]["absolute"].__setitem__(0, 28),
    "delta rows": lambda t: t["motion"]["delta"].pop(),
    "distances": lambda t: t["motion"].update(distance_limits=[1, 2, 2, 8, 16]),
    "step": lambda t: t["shape"]["step"].__setitem__(0, 0.0),
    "step is text": lambda t: t["shape"]["step"].__setitem__(0, "x"),
    "range": lambda t: t["motion"]["maximum"].__setitem__(0, MOTION_SYMBOL_MAX + 1),
    "mask probability": lambda t: t["mask"]["probability"].__setitem__(0, 0),
    "mask rate": lambda t: t["mask"].update(rate=9),
}


@pytest.mark.parametrize("name", BREAKS)
def test_broken_tables_are_refused(name: str, synthetic_json: dict[str, Any]) -> None:
    tables = copy.deepcopy(synthetic_json)
    BREAKS[name](tables)
    tables["identity"] = table_identity(tables)
    with pytest.raises(UserError, match="Make them again"):
        parse_tables(tables)


def test_tables_changed_by_hand_are_refused(synthetic_json: dict[str, Any]) -> None:
    tables = copy.deepcopy(synthetic_json)
    tables["motion"]["absolute"][0] += 1
    with pytest.raises(UserError, match="changed after"):
        parse_tables(tables)


def test_a_range_at_the_limit_is_accepted(synthetic_json: dict[str, Any]) -> None:
    tables = copy.deepcopy(synthetic_json)
    tables["motion"]["maximum"][0] = MOTION_SYMBOL_MAX
    tables["identity"] = table_identity(tables)
    assert parse_tables(tables).motion.maximum[0] == MOTION_SYMBOL_MAX


def test_every_cost_is_positive() -> None:
    assert np.all(load_tables().ladder.costs >= 0) and load_tables().ladder.costs.max() < 64 * 256
