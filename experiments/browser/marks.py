"""What the page has to reach (issue 6), and whether it does."""

from collections.abc import Callable
from typing import Any, Final

Found = Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], float]

MARKS: Final[tuple[tuple[str, float, Found], ...]] = (
    (
        "call established after the second person's joining, s",
        3.0,
        lambda render, sender, call: call["established_s"],
    ),
    ("first picture after that, s", 2.0, lambda render, sender, call: call["first_picture_s"]),
    (
        "on the wire, the dearer direction, kbit/s",
        20.0,
        lambda render, sender, call: max(call["wire_kbps"].values()),
    ),
    ("meter away from counted bytes, %", 10.0, lambda render, sender, call: call["meter_off_percent"]),
    ("sender, alone, ms a picture", 25.0, lambda render, sender, call: sender["1"]),
    (
        "nano in WebAssembly, 2 threads, alone, ms a picture",
        30.0,
        lambda render, sender, call: render["nano"]["2"],
    ),
    ("longest task of the page's own thread, ms", 50.0, lambda render, sender, call: call["longest_task_ms"]),
    ("memory gained over the call, %", 3.0, lambda render, sender, call: call["memory"]["growth_percent"]),
)


def judged(render: dict[str, Any], sender: dict[str, Any], call: dict[str, Any]) -> list[dict[str, Any]]:
    """Each mark with what was found; one that could not be measured is left out."""
    found = [(name, most, value(render, sender, call)) for name, most, value in MARKS]
    return [
        {"name": name, "most": most, "found": value, "kept": value <= most}
        for name, most, value in found
        if value is not None
    ]
