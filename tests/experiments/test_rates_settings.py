"""What a run may be asked for, and what a cell depends on."""

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.network.links import LINKS
from experiments.rates.settings import (
    KBPS_MAX,
    KBPS_MIN,
    SECONDS_MAX,
    SECONDS_MIN,
    WORKERS_MAX,
    RunSettings,
    numbers,
    words,
)
from shared.errors import UserError

PLAIN = RunSettings(Path("clips"), Path("out"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("arms", ()), ("kbps", ()), ("kbps", (KBPS_MIN - 0.1,)), ("kbps", (KBPS_MAX + 1,)), ("kbps", (float("nan"),)),
        ("seconds", SECONDS_MIN - 0.1), ("seconds", SECONDS_MAX + 0.1), ("seconds", float("nan")), ("every", 0), ("limit", 0),
        ("workers", 0), ("workers", WORKERS_MAX + 1), ("size", "full"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(name: str, value: object) -> None:
    with pytest.raises(UserError):
        replace(PLAIN, **{name: value})


def test_the_limits_themselves_are_possible() -> None:
    replace(PLAIN, kbps=(KBPS_MIN, KBPS_MAX), seconds=SECONDS_MIN, workers=WORKERS_MAX)
    replace(PLAIN, seconds=SECONDS_MAX, workers=1, every=1, limit=1)


def test_real_calls_without_our_arm_are_refused() -> None:
    with pytest.raises(UserError, match="--real-time"):
        replace(PLAIN, arms=("av1",), real_time=True)


def digest(settings: RunSettings, arm: str, model: str = "m") -> str:
    return settings.digest(arm, model, ["vgg", "psnr_y_db"])


def test_a_new_network_or_link_leaves_the_rivals_cells() -> None:
    for changed in (replace(PLAIN, real_time=True), replace(PLAIN, size="nano")):
        assert digest(changed, "av1") == digest(PLAIN, "av1")
        assert digest(changed, "facewire") != digest(PLAIN, "facewire")
    assert digest(PLAIN, "av1", "another") == digest(PLAIN, "av1")
    assert digest(PLAIN, "facewire", "another") != digest(PLAIN, "facewire")
    one, other = replace(PLAIN, link=LINKS["loss5"]), replace(PLAIN, link=LINKS["jitter"])
    assert digest(one, "av1") == digest(other, "av1")
    assert digest(one, "facewire") != digest(other, "facewire")
    assert digest(one, "av1") != digest(PLAIN, "av1"), "with a link the first second is left out"


def test_what_is_measured_is_everybody_s() -> None:
    for changed in (replace(PLAIN, seconds=4.0), replace(PLAIN, every=5)):
        assert digest(changed, "av1") != digest(PLAIN, "av1")
    assert PLAIN.digest("av1", "m", ["psnr_y_db"]) != digest(PLAIN, "av1")
    assert PLAIN.digest("av1", "m", ["psnr_y_db", "vgg"]) == digest(PLAIN, "av1")


def test_workers_folders_and_an_unused_seed_change_no_cell() -> None:
    other = replace(PLAIN, workers=3, out=Path("elsewhere"), seed=7, limit=2, fresh=True, ray="local")
    assert digest(other, "facewire") == digest(PLAIN, "facewire")
    over = replace(PLAIN, link=LINKS["loss5"])
    assert digest(replace(over, seed=7), "facewire") != digest(over, "facewire")


def test_the_results_name_no_folder() -> None:
    assert replace(PLAIN, clips=Path("a/b/faces")).as_json()["clips"] == "faces"


def test_lists_keep_their_order_and_name_everything_once() -> None:
    assert numbers("10, 6,10", "--kbps") == (10.0, 6.0)
    assert words("av1, vp9,,av1") == ("av1", "vp9")
    for wrong in ("6;10", "inf", "nan"):
        with pytest.raises(UserError, match="--kbps"):
            numbers(wrong, "--kbps")
