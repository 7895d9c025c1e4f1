"""The page's table of experiments.browser: each mark with its judgement, and what has none beside them."""

from typing import Any

from experiments.browser.marks import MARKS, judged
from experiments.published_browser import NOT_MEASURED, browser_table

RENDER = {"nano": {"1": 44.0, "2": 28.0}, "lite": {"1": 128.0, "2": 84.4}}
SENDER_MS = {"1": 31.0, "2": 24.5}


def a_call(growth_percent: float | None) -> dict[str, Any]:
    return {
        "established_s": 1.5, "first_picture_s": 1.1, "first_rebuilt_s": 1.9,
        "wire_kbps": {"first_to_second": 18.1, "second_to_first": 17.9},
        "meter_off_percent": 3.8, "fps": 7.5, "longest_task_ms": 0.0, "like_the_source_db": 24.2, "moves_with_it_db": 5.0,
        "network": "nano, 117 ms", "troubles": [],
        "memory": {"minutes": 10.0, "mb": [1200, 1300, 1250], "growth_percent": growth_percent},
    }  # fmt: skip


def shown(growth_percent: float | None = 0.5) -> str:
    call = a_call(growth_percent)
    marks = judged(RENDER, SENDER_MS, call)
    return browser_table(
        {"browser": "Chromium 1", "render_ms": RENDER, "sender_ms": SENDER_MS, "call": call, "marks": marks}
    )


def test_a_missed_mark_is_named_as_missed_and_the_others_as_kept() -> None:
    rows = {row.split("|")[1].strip(): row for row in shown().splitlines() if row.startswith("|")}
    assert "| 31 | 25 | **missed** |" in rows["sender, alone, ms a picture"]
    assert "| 28 | 30 | kept |" in rows["nano in WebAssembly, 2 threads, alone, ms a picture"]
    assert "| 18.1 | 20 | kept |" in rows["on the wire, the dearer direction, kbit/s"]
    assert f"{len(MARKS) - 1} of {len(MARKS)} marks kept, in Chromium 1." in shown()


def test_what_has_no_mark_stands_beside() -> None:
    assert "| `lite`, alone, ms a picture, 1 / 2 threads | 128.0 / 84.4 |" in shown()
    assert "1200 to 1300, at the end 1250; growth +0.5 % over the settled part" in shown()


def test_memory_of_a_short_call_is_no_mark() -> None:
    assert "memory gained" not in shown(None)
    assert NOT_MEASURED in shown(None)
    assert f"{len(MARKS) - 2} of {len(MARKS) - 1} marks kept" in shown(None)


def test_a_mark_is_kept_at_its_limit_and_missed_past_it() -> None:
    for most, kept in ((25.0, True), (25.1, False)):
        (sender,) = [
            m for m in judged(RENDER, {"1": most, "2": 0.0}, a_call(None)) if m["name"].startswith("sender")
        ]
        assert sender["kept"] is kept
