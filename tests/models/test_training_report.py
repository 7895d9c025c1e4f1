import io
from pathlib import Path

import pytest
from rich.console import Console

from models.training.clock import StageClock
from models.training.report import Reporter, append_row
from models.training.settings import Settings, read_settings
from shared.errors import UserError

SETTINGS = Settings(steps=100, references=2, frames=3)


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_is_drawn_on_a_terminal_only(said: io.StringIO, tmp_path: Path, terminal: bool) -> None:
    console = Console(file=said, force_terminal=terminal, color_system=None, width=100)
    with Reporter(SETTINGS, tmp_path, 10, console) as reporter:
        reporter.step(50, 100.0, 100.0)
        reporter.losses(50, 100.0, 100.0, {"pixel": 0.5})
    assert "step 50 | 3.00 samples/s, 1.7 min left | pixel 0.500" in said.getvalue()
    assert ("50/100 steps, 3.00 samples/s" in said.getvalue()) == terminal


def test_the_time_left_is_what_ends_first(tmp_path: Path) -> None:
    reporter = Reporter(SETTINGS, tmp_path, 1)
    assert reporter.pace(50, 50.0, 50.0).endswith("0.2 min left")
    assert reporter.pace(90, 90.0, 0.0).endswith("0.2 min left")


def test_a_loss_that_begins_late_has_its_column_from_the_start(tmp_path: Path) -> None:
    reporter = Reporter(SETTINGS, tmp_path, 1)
    reporter.losses(1, 1.0, 1.0, {"pixel": 0.5})
    reporter.losses(2, 2.0, 2.0, {"pixel": 0.4, "adversarial": 0.1})
    header, first, second = ((tmp_path / "curve.csv").read_text()).splitlines()
    assert len(header.split(",")) == len(first.split(",")) == len(second.split(","))
    assert second.split(",")[header.split(",").index("adversarial")] == "0.1"


def test_a_curve_keeps_the_header_it_has(tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_text("step,pixel\n1,0.5\n")
    append_row(tmp_path / "curve.csv", {"step": 2, "seconds": 3, "pixel": 0.4})
    assert (tmp_path / "curve.csv").read_text().split() == ["step,pixel", "1,0.5", "2,0.4"]


def test_an_inner_stage_is_not_counted_twice() -> None:
    clock = StageClock()
    with clock.stage("outer"), clock.stage("inner"):
        sum(range(200_000))
    assert clock.seconds["inner"] > clock.seconds["outer"] > 0
    assert "inner" in clock.table(1).splitlines()[0]


def test_the_clock_waits_for_the_device_at_every_reading() -> None:
    waits: list[int] = []
    with StageClock(lambda: waits.append(1)).stage("one"):
        assert len(waits) == 1
    assert len(waits) == 2


def test_every_run_can_be_read_and_is_explained(repository: Path) -> None:
    runs = repository / "models" / "training" / "runs"
    explained = (runs / "README.md").read_text()
    for path in sorted(runs.glob("*.yaml")):
        assert read_settings(path).steps > 0
        assert f"`{path.name}`" in explained


def test_a_curve_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "full").write_text("no folder")
    with pytest.raises(UserError, match="the last checkpoint is kept"):
        append_row(tmp_path / "full" / "curve.csv", {"step": 1})
