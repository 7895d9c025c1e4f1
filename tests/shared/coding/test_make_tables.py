"""Fitting: deterministic, finds the right rungs, refuses samples it cannot use."""

import json
from typing import Any

import numpy as np
import pytest

from shared.coding.make_ladder import LADDER_RUNGS, SCALE_MAX, SCALE_MIN, build_ladder
from shared.coding.make_tables import Quantisers, build_tables, symbol_ranges, tables_text
from shared.coding.range_coder import CDF_TOTAL
from shared.coding.tables import parse_tables
from shared.errors import UserError
from shared.limits import MOTION_SYMBOL_MAX

SCALES = np.geomspace(SCALE_MIN, SCALE_MAX, LADDER_RUNGS)


def small_samples() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    walk = np.cumsum(np.rint(rng.laplace(0, 1, (3, 40, 46))), axis=1).astype(int)
    return {
        "motion_samples": list(walk),
        "shape_samples": np.rint(rng.laplace(0, np.geomspace(0.2, 40, 70), (900, 70))).astype(int),
        "anchor_samples": np.rint(rng.laplace(0, 5, (50, 24))).astype(int),
        "mask_samples": (rng.random((4, 32, 32)) < 0.1).astype(int),
        "quantisers": Quantisers(),
        "source": "a test",
    }


def test_the_same_samples_give_the_same_tables() -> None:
    assert build_tables(**small_samples()) == build_tables(**small_samples())


def test_text_is_json_of_the_same_tables_in_readable_lines() -> None:
    tables = build_tables(**small_samples())
    text = tables_text(tables)
    assert json.loads(text) == tables
    assert 100 < len(text.splitlines()) < 500


def test_every_symbol_gets_the_rung_of_its_scale() -> None:
    tables = parse_tables(build_tables(**small_samples()))
    expected = np.abs(np.log(SCALES[None] / np.geomspace(0.2, 40, 70)[:, None])).argmin(axis=1)
    assert (np.abs(tables.shape.absolute - expected) <= 2).all()


def test_older_bases_get_wider_rungs(synthetic_json: dict[str, Any]) -> None:
    rungs = np.array(synthetic_json["motion"]["delta"]).mean(axis=1)
    assert (np.diff(rungs) > 0).all()


def test_rare_contexts_of_the_mask_stay_legal() -> None:
    samples = small_samples()
    samples["mask_samples"] = np.zeros((50, 32, 32), int)
    assert parse_tables(build_tables(**samples)).mask.probability[0] > 0


@pytest.mark.parametrize("tail_weight", [0.0, 0.2])
def test_every_table_of_the_ladder_sums_up_and_costs_match(tail_weight: float) -> None:
    for row in build_ladder(tail_weight):
        counts = np.diff(row["cdf"])
        assert counts.min() >= 1 and counts.sum() == CDF_TOTAL
        assert row["cost"] == np.rint(-256 * np.log2(counts / CDF_TOTAL)).tolist()


def test_ranges_follow_steps_and_stop_at_the_limit() -> None:
    assert symbol_ranges([0.5, 1 / 64, 1.0, 1e-6], [1.0, 1.5, 0.2, 9.0]) == [2, 96, 1, MOTION_SYMBOL_MAX]


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("motion_samples", [np.zeros((40, 45), int)]),
        ("motion_samples", [np.zeros((2, 46), int)]),
        ("motion_samples", []),
        ("motion_samples", [np.zeros((40, 46))]),
        ("motion_samples", [np.full((40, 46), MOTION_SYMBOL_MAX + 1)]),
        ("shape_samples", np.zeros((0, 70), int)),
        ("anchor_samples", np.zeros((9, 70), int)),
        ("mask_samples", np.zeros((9, 64, 64), int)),
        ("mask_samples", np.full((9, 32, 32), 2)),
    ],
)
def test_samples_that_cannot_be_used_are_a_user_error(field: str, bad: Any) -> None:
    with pytest.raises(UserError):
        build_tables(**{**small_samples(), field: bad})
