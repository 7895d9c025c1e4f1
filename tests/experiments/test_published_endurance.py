"""experiments.published_endurance: marks that were missed say so."""

from typing import Any

from experiments.published_endurance import chaos_table, soak_table

SOAK: dict[str, Any] = {
    "minutes": 20.0, "fps": 24.96,
    "marks": [
        {"name": "receiver, memory gained, %", "found": 0.4, "most": 3.0, "kept": True},
        {"name": "receiver, from its start to ready, s", "found": 5.5, "most": 5.0, "kept": False},
    ],
}  # fmt: skip
CHAOS: dict[str, Any] = {
    "calls": 50, "minutes": 10.0, "rooms_left": 0, "sockets_of_people_left": 2, "signaling_gained_mb": 2.5,
    "counts": {"connections": 900, "connections through the relay": 220, "calls that ended in order": 700,
               "pictures looked at": 100, "wrong pictures": 0, "killed: turn": 3, "killed: receiver": 4},
    "back_s": {"receiver": {"times": 40, "median": 3.1, "longest": 9.0}},
}  # fmt: skip


def test_each_mark_of_a_long_call_is_judged() -> None:
    shown = soak_table(SOAK)
    assert "a call of 20 minutes, 25.0 pictures a second" in shown
    assert "| 0.4 | 3 | kept |" in shown and "| 5.5 | 5 | **missed** |" in shown


def test_what_was_killed_and_what_became_of_the_calls_is_told() -> None:
    shown = chaos_table(CHAOS)
    assert "turn 3 times, receiver 4 times" in shown and "900 (220)" in shown and "100 / 0" in shown
    assert "median 3.1, longest 9, 40 calls |" in shown and "missed" not in shown


def test_calls_that_come_back_too_late_are_a_mark_missed() -> None:
    late = CHAOS | {"back_s": {"receiver": {"times": 40, "median": 7.0, "longest": 9.0}}}
    assert "**missed**: at most 5 wanted" in chaos_table(late)
