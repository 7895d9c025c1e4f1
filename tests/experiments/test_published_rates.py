"""The block of docs/EXPERIMENTS.md: it says where we win and where we lose, and that virtual time is real time or is not."""

from typing import Any

import pytest

from experiments.published_rates import equality_table, rates_block, verdict
from experiments.rates.content import content_of
from experiments.rates.directions import MEASURES
from experiments.rates.equality import judged
from experiments.rates.publish import published
from tests.experiments.made_up_rates import TARGETS, cell, failed, results

CLIPS = ("one", "two", "three", "four", "five")


def made(raw: dict[str, Any]) -> dict[str, Any]:
    return published(raw, content_of(raw))


def mixed() -> dict[str, Any]:
    """facewire is better than av1 up to 15 kbit/s and worse above; h264 comes only near 20 and more."""
    raw = results({"facewire": 1.0, "av1": 1.0, "h264": 0.5})
    for place, old in enumerate(raw["cells"]):
        if old["arm"] == "facewire":
            gain = 2.0 if old["target_kbps"] <= 15 else 0.7
            offset = CLIPS.index(old["clip"])
            raw["cells"][place] = cell(old["clip"], "facewire", old["target_kbps"], gain, offset)
        if old["arm"] == "h264" and old["target_kbps"] < 20:
            raw["cells"][place] |= {"reached": False}
    return raw


def line_of(block: str, start: str) -> list[str]:
    (found,) = (line for line in block.splitlines() if line.startswith(f"| {start}"))
    return [each.strip() for each in found.strip("|").split("|")]


def test_wins_and_losses_are_named_at_every_rate() -> None:
    result = made(mixed())
    assert [verdict(result, "vgg", kbps) for kbps in TARGETS[:3]] == ["won"] * 3
    assert verdict(result, "vgg", 30.0) == "lost to av1"
    block = rates_block(result)
    assert "- By vgg (distance" in block
    assert "won at 6, 10, 15 kbit/s; lost to av1 at 20, 30, 50 kbit/s" in block
    wins = block.split("Clips on which")[1].split("Rate that")[0]
    assert line_of(wins, "vgg | av1")[2:] == ["5 of 5"] * 3 + ["0 of 5"] * 3
    assert line_of(wins, "vgg | h264")[2:] == ["-"] * 3 + ["5 of 5"] * 3


def test_who_did_not_take_the_rate_is_said_and_never_a_winner() -> None:
    raw = mixed()
    for one in raw["cells"]:
        if one["target_kbps"] == 6.0:
            one["reached"] = one["arm"] == "av1"
        if one["target_kbps"] == 10.0:
            one["reached"] = one["arm"] == "facewire"
    result = made(raw)
    assert verdict(result, "vgg", 6.0) == "rate not taken"
    assert verdict(result, "vgg", 10.0) == "alone"
    assert verdict(result, "lpips", 10.0) == "not measured"


def test_a_draw_is_no_win() -> None:
    result = made(results({"facewire": 1.0, "av1": 1.0}))
    assert verdict(result, "vgg", 20.0) == "drawn with av1"


def test_every_table_has_the_clips_behind_its_numbers() -> None:
    raw = mixed()
    raw["cells"][0] = failed("one", "facewire", 6.0)
    block = rates_block(made(raw))
    assert block.startswith(
        "5 of 5 clips of 2 persons, at most 5 s of each; 89 cells, 15 of them did not take"
    )
    assert "1 failed" in block and "Network: facewire-lite." in block
    assert line_of(block, "vgg | facewire")[2].endswith("(4)")
    assert block.count("(5, 5 off)") == 3 * 3, "h264 at three rates, in three measures"
    assert "plots/vgg.png" in block
    assert f"| {MEASURES['sharp_ratio'].title} |" not in block.split("BD-rate")[1].split("Means")[0]


def call(real: float, counts: bool = True) -> dict[str, Any]:
    numbers = {name: 10.0 for name in ("forward_kbps", "back_kbps", "kbps", "motion_kbps", "keyframe_kbps")}
    numbers |= {"keyframes": 2.0, "motion_frames": 100.0, "psnr_y_db": 25.0, "vgg": None}
    return {"real": numbers | {"forward_kbps": real}, "virtual": numbers, "counts": counts}


@pytest.mark.parametrize(("real", "equal"), [(10.2, True), (10.21, False), (9.8, True), (9.79, False)])
def test_equal_is_within_two_percent_and_no_more(real: float, equal: bool) -> None:
    found = judged([call(real)])
    assert found["equal"] is equal
    assert equality_table(found).endswith(f"{'Equal' if equal else 'NOT equal'} within 2 % in the mean.")
    assert "vgg" not in found["means"]


def test_calls_of_a_busy_machine_are_left_out_and_counted() -> None:
    found = judged([call(10.0), call(20.0, counts=False)])
    assert found["equal"] and found["means"]["forward_kbps"]["calls"] == 1
    assert "1 calls were left out" in equality_table(found)
