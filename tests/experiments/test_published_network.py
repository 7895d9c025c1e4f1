"""The tables of docs/NETWORK.md: every mark with its verdict, every link with its means."""

from typing import Any

from experiments.network.marks import MARKS
from experiments.published_network import links_table, marks_table, motion_table


def row(**more: Any) -> dict[str, Any]:
    return {
        "clip": "a", "rung": "motion", "bundle_ms": 80, "link": "clean", "forward_kbps": 18.0, "reverse_kbps": 2.5,
        "motion_kbps": 1.4, "latency_p50_ms": 150.0, "latency_p95_ms": 180.0, "fps": 25.0, "landmark_px": 1.0,
        "landmark_px_no_loss": 1.0, "voice_gap_max_ms": 0.0, "recovery_ms": None,
    } | more  # fmt: skip


def result(*rows: dict[str, Any], failures: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {
        "machine": "m", "commit": "c", "model": None, "rows": list(rows), "timelines": [], "failures": list(failures),
    }  # fmt: skip


def line_of(table: str, start: str) -> list[str]:
    (found,) = (line for line in table.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_a_mark_says_what_was_wanted_the_mean_the_worst_and_in_how_many_calls_it_holds() -> None:
    made = marks_table(result(row(), row(clip="b", forward_kbps=22.0)))
    assert len(made.splitlines()) == 2 + len(MARKS)
    _, what, wanted, mean, worst, holds = line_of(made, "motion rung, 80 ms bundles, clean link | forward")
    assert what.startswith("forward") and wanted == "at most 20 kbit/s"
    assert (mean, worst, holds) == ("20.00", "22.00", "1 of 2")
    assert line_of(made, "3 s blackout")[3:] == ["-", "-", "no calls"]


def test_a_call_that_failed_counts_against_its_mark() -> None:
    failure = {"clip": "b", "rung": "motion", "bundle_ms": 80, "link": "clean", "error": "gone"}
    made = marks_table(result(row(), failures=(failure,)))
    assert line_of(made, "motion rung, 80 ms bundles, clean link | forward")[-1] == "1 of 2"


def test_links_stand_in_the_order_of_their_table_with_the_means_of_what_is_known() -> None:
    lossy = row(link="loss5", recovery_ms=None, forward_kbps=26.0)
    late = row(link="blackout3s", recovery_ms=300.0), row(clip="b", link="blackout3s", recovery_ms=None)
    made = links_table(result(*late, lossy, row(link="drop100to15", rung="auto", bundle_ms=None), row()))
    names = [line.split("|")[1].strip() for line in made.splitlines()[2:]]
    assert names == [
        "clean motion 80 ms",
        "loss5 motion 80 ms",
        "blackout3s motion 80 ms",
        "drop100to15 auto auto",
    ]
    assert line_of(made, "blackout3s")[1] == "2" and line_of(made, "blackout3s")[-1] == "300"
    assert line_of(made, "clean")[-1] == "-"


def test_the_motion_table_has_a_line_for_every_setting() -> None:
    one = {
        "components": 16, "step": 1.0, "fps": 25.0, "motion_kbps": 1.2, "bits_per_frame": 48.0, "error_px": 0.2,
        "tracked_px": 0.6, "tracked_growth": 1.03, "coder_ms": 0.3,
    }  # fmt: skip
    made = motion_table({"rows": [one, one | {"step": 2.0, "motion_kbps": 0.8}]})
    assert len(made.splitlines()) == 4 and "x2" in made.splitlines()[3] and "0.80" in made.splitlines()[3]
