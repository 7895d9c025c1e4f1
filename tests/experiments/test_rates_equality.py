"""Virtual time against real time: the verdict's arithmetic, the command's words, and (slow) the same call made in both."""

from pathlib import Path

import pytest

from experiments.rates.equality import JUDGED, PART_LATE_MS, compare, judged, main, off_percent
from experiments.sample import SAMPLE_PATH
from shared.errors import UserError


def test_a_difference_is_stated_of_the_virtual_number() -> None:
    assert off_percent(10.2, 10.0) == off_percent(9.8, 10.0) == pytest.approx(2.0)
    assert off_percent(0.0, 0.0) == 0.0
    assert off_percent(None, 1.0) is off_percent(1.0, None) is off_percent(1.0, 0.0) is None


def test_a_number_that_only_one_of_both_has_is_not_equal() -> None:
    numbers = dict.fromkeys(JUDGED, 1.0)
    found = judged([{"real": numbers, "virtual": numbers | {"motion_kbps": 0.0}, "counts": True}])
    assert not found["equal"] and found["means"]["motion_kbps"]["off_percent"] is None


def test_no_calm_call_is_the_user_s_to_mend() -> None:
    with pytest.raises(UserError, match="nothing else to do"):
        judged([{"counts": False}])


def test_the_command_teaches_and_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0 and "--clips DIR --out FILE" in capsys.readouterr().out
    assert main(["--clips", str(tmp_path), "--out", str(tmp_path / "a.json"), "--kbps", "x"]) == 2
    assert main(["--clips", str(tmp_path / "none"), "--out", str(tmp_path / "a.json"), "--kbps", "20"]) == 2
    assert "--clips" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.network
def test_the_same_call_in_both_times_is_equal_within_two_percent(tmp_path: Path) -> None:
    (tmp_path / "sample.mp4").symlink_to(SAMPLE_PATH)
    try:
        found = compare(tmp_path, [20.0], 8.0, say=print)
    except UserError as error:
        pytest.skip(str(error))
    assert found["equal"], found["means"]
    assert all(call["late_ms"] <= PART_LATE_MS for call in found["calls"])
