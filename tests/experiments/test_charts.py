"""experiments.demo.charts: nice axes, gaps, escaping."""

import xml.etree.ElementTree as ElementTree

import pytest

from experiments.demo.charts import Line, line_chart, nice_step


@pytest.mark.parametrize(("rough", "nice"), [(0.0, 1), (0.3, 0.5), (1.0, 1), (1.1, 2), (2.1, 2.5), (70, 100)])
def test_steps_are_nice(rough: float, nice: float) -> None:
    assert nice_step(rough) == pytest.approx(nice)


def test_a_chart_is_well_formed_and_escaped() -> None:
    chart = line_chart("a < b", "ms & s", [Line("<one>", "c0", [(0, 1.0), (1, 3.0)])])
    root = ElementTree.fromstring(chart)
    assert root.tag == "figure"
    assert "a < b" in "".join(root.itertext())


def test_nan_breaks_the_line() -> None:
    chart = line_chart("t", "", [Line("a", "c0", [(0, 1.0), (1, float("nan")), (2, 1.0)])])
    path = ElementTree.fromstring(chart).find(".//path")
    assert path is not None and path.get("d", "").count("M") == 2


def test_nothing_to_draw_is_said() -> None:
    assert "not measured" in line_chart("t", "", [Line("a", "c0", [(0, float("nan"))])])
