"""The tables of docs/SCALING.md on what lasts: one call for a long time, and many while everything is killed by turns.

    experiments/results/soak.json, chaos.json --> marks with what was found

Must import `models.evaluation.table` and the standard library only. Invariant: a mark that was missed says so.
"""

from typing import Any, Final

from models.evaluation.table import table

BACK_MAX_S: Final = 5.0


def soak_table(soak: dict[str, Any]) -> str:
    """What one long call has to reach, and whether it does."""
    rows = [
        [mark["name"], f"{mark['found']:g}", f"{mark['most']:g}", "kept" if mark["kept"] else "**missed**"]
        for mark in soak["marks"]
    ]
    first = f"a call of {soak['minutes']:g} minutes, {soak['fps']:.1f} pictures a second"
    return table([first, "found", "at most", ""], rows)


def chaos_table(chaos: dict[str, Any]) -> str:
    """What was killed and what became of the calls."""
    counts = chaos["counts"]
    killed = {
        name.removeprefix("killed: "): times for name, times in counts.items() if name.startswith("killed")
    }
    relayed = counts.get("connections through the relay", 0)
    rows = [
        ["calls at a time, for", f"{chaos['calls']}, {chaos['minutes']:g} minutes"],
        ["killed", ", ".join(f"{name} {times} times" for name, times in killed.items())],
        ["connections (through the relay)", f"{counts['connections']} ({relayed})"],
        ["calls that ended in order", f"{counts['calls that ended in order']}"],
        ["joins that failed and were tried again", f"{counts.get('joins that failed', 0)}"],
        ["pictures looked at / of another call", f"{counts['pictures looked at']} / {counts['wrong pictures']}"],
        *(
            [f"connected again after a killed {name}, s", _back(back, name)]
            for name, back in sorted(chaos["back_s"].items())
        ),
        [
            "afterwards: rooms, sockets of people",
            f"{chaos['rooms_left']}, {chaos['sockets_of_people_left']} (the two receivers)",
        ],
        ["memory that the signaling process never killed gained, MB", f"{chaos['signaling_gained_mb']:g}"],
    ]  # fmt: skip
    return table(["chaos on one machine", ""], rows)


def _back(back: dict[str, Any], name: str) -> str:
    missed = name == "receiver" and back["median"] > BACK_MAX_S
    told = f"median {back['median']:g}, longest {back['longest']:g}, {back['times']} calls"
    return f"{told}; **missed**: at most {BACK_MAX_S:g} wanted" if missed else told
