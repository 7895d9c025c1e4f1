"""experiments.rates.tables: made-up arms whose BD-rates, wins and means are known; what failed or missed the rate stays out."""

import json

import pytest

from experiments.rates.content import content_of
from experiments.rates.tables import BdRow, BestArm, Tables, Win, anchors_of, tables_of
from tests.experiments.made_up_rates import TARGETS, cell, clip, failed, results


def bd(tables: Tables, arm: str, anchor: str = "av1", measure: str = "vgg") -> BdRow:
    return next(r for r in tables.bd_rate if (r.arm, r.anchor, r.measure) == (arm, anchor, measure))


def win(tables: Tables, target: float, measure: str = "vgg") -> Win:
    return next(w for w in tables.wins if (w.target_kbps, w.measure) == (target, measure))


def best(tables: Tables, target: float, measure: str = "vgg") -> BestArm:
    return next(b for b in tables.best if (b.target_kbps, b.measure) == (target, measure))


@pytest.mark.parametrize(("gain", "percent"), [(1.0, 0.0), (2.0, -50.0), (0.5, 100.0)])
@pytest.mark.parametrize("measure", ["vgg", "landmark_px", "psnr_y_db"])
def test_an_arm_that_needs_a_share_of_the_rate_has_that_bd_rate(
    gain: float, percent: float, measure: str
) -> None:
    row = bd(tables_of(content_of(results({"facewire": gain, "av1": 1.0}))), "facewire", measure=measure)
    assert row.rate.percent == pytest.approx(percent, abs=1e-6)
    assert (row.rate.low, row.rate.high) == pytest.approx((percent, percent), abs=1e-6)
    assert (row.rate.clips, row.rate.left_out) == (5, 0)


def test_identical_arms_draw_and_nobody_is_best() -> None:
    tables = tables_of(content_of(results({"facewire": 1.0, "av1": 1.0})))
    assert {found.share for found in tables.wins} == {0.5}
    assert {found.arm for found in tables.best} == {None}


def test_the_better_arm_wins_every_clip_by_every_picture_measure() -> None:
    tables = tables_of(content_of(results({"facewire": 2.0, "av1": 1.0})))
    assert {found.share for found in tables.wins if found.measure in ("vgg", "psnr_y_db")} == {1.0}
    assert {found.share for found in tables.wins if found.measure == "pesq"} == {0.5}
    assert best(tables, 10.0).arm == "facewire" and best(tables, 10.0, "pesq").arm is None


def test_an_arm_far_above_has_no_bd_rate_and_is_counted_as_wholly_better() -> None:
    tables = tables_of(content_of(results({"facewire": 1000.0, "av1": 1.0})))
    rate = bd(tables, "facewire").rate
    assert (rate.percent, rate.clips, rate.left_out, rate.above, rate.below) == (None, 0, 5, 5, 0)


def test_a_cell_that_missed_its_rate_is_in_no_comparison_at_equal_rate() -> None:
    raw = results({"facewire": 2.0, "av1": 1.0})
    for each in raw["cells"]:
        if each["target_kbps"] == 6.0 and each["arm"] == "facewire":
            each["reached"] = each["clip"] in ("one", "two")
    tables = tables_of(content_of(raw))
    assert (win(tables, 6.0).clips, win(tables, 6.0).left_out) == (2, 3)
    assert (win(tables, 10.0).clips, win(tables, 10.0).left_out) == (5, 0)
    assert best(tables, 6.0).took_part == ("av1",) and best(tables, 6.0).arm is None
    assert tables.not_reached == 3
    point = next(p for p in tables.curves if (p.arm, p.target_kbps) == ("facewire", 6.0))
    assert (point.clips, point.reached) == (5, 2)
    assert bd(tables, "facewire").rate.percent == pytest.approx(-50)


def test_at_half_of_the_clips_an_arm_takes_part_and_at_one_less_it_does_not() -> None:
    raw = results({"facewire": 2.0, "av1": 1.0}, clips=("a", "b", "c", "d"))
    for each in raw["cells"]:
        if each["arm"] == "facewire":
            each["reached"] = each["clip"] in (("a", "b") if each["target_kbps"] == 6.0 else ("a",))
    tables = tables_of(content_of(raw))
    assert best(tables, 6.0).arm == "facewire"
    assert best(tables, 10.0).took_part == ("av1",)


def test_cells_with_errors_are_counted_and_left_out() -> None:
    raw = results({"facewire": 2.0, "av1": 1.0}, clips=("one", "two"))
    raw["cells"] = [
        failed(c["clip"], c["arm"], c["target_kbps"]) if c["clip"] == "two" and c["arm"] == "av1" else c
        for c in raw["cells"]
    ]
    tables = tables_of(content_of(raw))
    assert tables.failed == len(TARGETS)
    assert (win(tables, 20.0).clips, win(tables, 20.0).left_out) == (1, 1)
    assert (bd(tables, "facewire").rate.clips, bd(tables, "facewire").rate.left_out) == (1, 1)


def test_a_clip_that_was_left_out_is_in_no_count() -> None:
    raw = results({"facewire": 2.0, "av1": 1.0})
    raw["clips"].append(clip("dark", error="no face"))
    assert tables_of(content_of(raw)).clips == 5
    assert win(tables_of(content_of(raw)), 6.0).left_out == 0


def test_curves_and_persons_are_means() -> None:
    tables = tables_of(content_of(results({"av1": 1.0})))
    point = tables.curves[0]
    assert point.kbps == pytest.approx(0.98 * 6)
    cells = [cell(str(i), "av1", 6.0, offset=i)["measures"]["psnr_y_db"] for i in range(5)]
    assert point.measures["psnr_y_db"] == pytest.approx(sum(cells) / 5)
    first, second = (p for p in tables.persons if p.target_kbps == 6.0)
    assert (first.person, first.clips, second.person, second.clips) == ("person A", 3, "person B", 2)
    assert second.measures["psnr_y_db"] == pytest.approx((cells[1] + cells[3]) / 2)


def test_three_arms_have_three_pairs_and_a_circle_of_winners_has_no_best() -> None:
    raw = results({"a": 1.0, "b": 1.0, "c": 1.0}, clips=("one", "two", "three"), targets=[6.0])
    order = {"one": "abc", "two": "bca", "three": "cab"}
    for each in raw["cells"]:
        each["measures"] = {"vgg": float(order[each["clip"]].index(each["arm"]))}
    tables = tables_of(content_of(raw))
    shares = {(w.arm, w.other): w.share for w in tables.wins}
    assert shares == {
        ("a", "b"): pytest.approx(2 / 3),
        ("a", "c"): pytest.approx(1 / 3),
        ("b", "c"): pytest.approx(2 / 3),
    }
    assert best(tables, 6.0).arm is None and len(best(tables, 6.0).took_part) == 3


def test_anchors_are_those_asked_for_then_av1_then_the_last() -> None:
    raw = results({"facewire": 1.0, "av1": 1.0, "vp9": 1.0})
    assert anchors_of(content_of(raw)) == ("av1",)
    raw["settings"]["anchors"] = ["vp9", "facewire"]
    assert anchors_of(content_of(raw)) == ("vp9", "facewire")
    assert {(r.arm, r.anchor) for r in tables_of(content_of(raw)).bd_rate} == {
        *(("facewire", "vp9"), ("av1", "vp9"), ("av1", "facewire"), ("vp9", "facewire"))
    }
    assert anchors_of(content_of(results({"facewire": 1.0, "vp9": 1.0}))) == ("vp9",)


def test_one_arm_one_clip_and_nothing_at_all_are_no_error() -> None:
    alone = tables_of(content_of(results({"facewire": 1.0}, clips=["one"])))
    assert alone.wins == () and alone.bd_rate == () and best(alone, 6.0).took_part == ("facewire",)
    nothing = tables_of(content_of(results({}, clips=[])))
    assert nothing.as_json()["curves"] == []
    broken = tables_of(content_of(results({"a": 1.0}, cells=[failed("one", "a", 6.0)])))
    assert (broken.failed, broken.curves, broken.wins) == (1, (), ())


def test_the_same_cells_give_the_same_json_in_whatever_order_they_stand() -> None:
    raw = results({"facewire": 1.7, "av1": 1.0, "vp9": 0.8})
    first = json.dumps(tables_of(content_of(raw)).as_json(), allow_nan=False)
    assert first == json.dumps(tables_of(content_of(raw)).as_json())
    raw["cells"].reverse()
    assert json.loads(first)["wins"] == tables_of(content_of(raw)).as_json()["wins"]
