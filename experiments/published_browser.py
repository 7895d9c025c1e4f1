"""The tables of what the page reaches in a browser, for docs/BROWSER.md.

    experiments/results/browser.json (experiments.browser) --browser_table--> Markdown

Must import the standard library and the table writer only. Invariant: a mark that was missed says so, and one that could
not be measured has no row.
"""

from typing import Any, Final

from models.evaluation.table import table

NOT_MEASURED: Final = "not measured: the call was too short"


def browser_table(result: dict[str, Any]) -> str:
    """The marks, and beside them all that has none."""
    marks = [
        [mark["name"], f"{mark['found']:g}", f"{mark['most']:g}", "kept" if mark["kept"] else "**missed**"]
        for mark in result["marks"]
    ]
    kept = sum(mark["kept"] for mark in result["marks"])
    return (
        f"{table(['mark', 'found', 'at most', ''], marks)}\n\n"
        f"{kept} of {len(marks)} marks kept, in {result['browser']}.\n\n{table(['beside them', ''], _beside(result))}"
    )


def _beside(result: dict[str, Any]) -> list[list[str]]:
    call = result["call"]
    wire, memory = call["wire_kbps"], call["memory"]
    return [
        *(
            [f"`{size}`, alone, ms a picture, 1 / 2 threads", f"{times['1']:.1f} / {times['2']:.1f}"]
            for size, times in result["render_ms"].items()
        ),
        ["sender, alone, ms a picture, 1 / 2 threads", " / ".join(f"{ms:.1f}" for ms in result["sender_ms"].values())],
        ["first rebuilt picture after the call was established, s", f"{call['first_rebuilt_s']:g}"],
        ["wire, first to second / second to first, kbit/s", " / ".join(f"{rate:.1f}" for rate in wire.values())],
        ["network of the call, as the page says", call["network"]],
        ["pictures shown a second, both pages rendering", f"{call['fps']:g}"],
        ["like the source / moving with it, dB", f"{call['like_the_source_db']:g} / {call['moves_with_it_db']:g}"],
        [f"memory of both pages over {memory['minutes']:g} minutes, MB", _memory(memory)],
        ["errors and warnings of the pages", f"{len(call['troubles'])}"],
    ]  # fmt: skip


def _memory(memory: dict[str, Any]) -> str:
    sizes, growth = memory["mb"], memory["growth_percent"]
    gained = NOT_MEASURED if growth is None else f"{growth:+g} % over the settled part"
    return f"{min(sizes)} to {max(sizes)}, at the end {sizes[-1]}; growth {gained}"
