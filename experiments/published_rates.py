"""The block of docs/EXPERIMENTS.md about the published rates: where our arm wins, where it loses, at what rate, on how many
clips.

    experiments/results/rates.json (experiments.rates.publish) --rates_block--> Markdown

Must import the measures' table and nothing that measures. Invariant: every verdict is counted clip by clip at equal rate,
with the number of clips beside it; a rate or rival that could not be compared is said to be so and never left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from experiments.rates.directions import HEADLINES, MEASURES, Kind
from experiments.rates.settings import OURS
from models.evaluation.table import table

PLOTS: Final = "../experiments/results/plots"
COUNTED: Final = ("vgg", "landmark_px", "mouth_px", "psnr_y_db", "ms_ssim", "vmaf")
"""Measures whose wins are counted rival by rival on the page; rates.json has all."""
COMPETES: Final = 0.5
"""As in `experiments.rates.tables`: below this share of the clips a rate counts as not reached."""

Json = dict[str, Any]


def rates_block(result: Json) -> str:
    """Everything, from verdicts to plots."""
    names = [name for name in result["columns"] if name in MEASURES and MEASURES[name].kind is Kind.PICTURE]
    shown = [name for name in HEADLINES if name in names]
    parts = [
        _counts(result),
        "**Where facewire wins and where it loses**, at equal rate. `won`: better on more than half of the clips against each "
        "rival that took the rate; `lost to`: worse on more than half against these; `alone`: no rival took the rate on half of "
        "the clips; `rate not taken`: facewire did not, whatever the rivals did.",
        verdicts_table(result, names),
        "\n".join(_sentences(result, names)),
        "Clips on which facewire is the better one, of those on which both took the rate:",
        wins_table(result, [name for name in COUNTED if name in names]),
        "Rate that facewire takes more (+) or less (-) at equal quality (BD-rate, 95 % interval over clips in brackets; clips "
        "without a common quality are counted apart):",
        bd_table(result, names),
        "Means at the rates that were asked for (clips; how many of them were off the rate):",
        means_table(result, shown or names[:1]),
        " ".join(f"![{MEASURES[name].title}]({PLOTS}/{name}.png)" for name in shown),
    ]
    return "\n\n".join(part for part in parts if part)


def verdict(result: Json, measure: str, kbps: float) -> str:
    """won, lost to ..., drawn with ..., alone, not taken, or not measured."""
    best = next((b for b in result["best"] if (b["measure"], b["target_kbps"]) == (measure, kbps)), None)
    if best is None:
        return "not measured"
    rivals = [arm for arm in best["took_part"] if arm != OURS]
    if OURS not in best["took_part"]:
        return "rate not taken"
    if not rivals:
        return "alone"
    shares = {arm: _share(result, measure, kbps, arm)[0] for arm in rivals}
    lost = [arm for arm, share in shares.items() if share is not None and share < COMPETES]
    drawn = [arm for arm, share in shares.items() if share is None or share == COMPETES]
    if lost:
        return f"lost to {', '.join(lost)}"
    return f"drawn with {', '.join(drawn)}" if drawn else "won"


def verdicts_table(result: Json, names: Sequence[str]) -> str:
    """A line a measure, a column a rate."""
    rows = [
        [MEASURES[name].label, *(verdict(result, name, kbps) for kbps in _rates(result))] for name in names
    ]
    return table(_head("measure", result), rows)


def wins_table(result: Json, names: Sequence[str]) -> str:
    """A line for each measure and rival."""
    rows = []
    for name in names:
        for arm in _rivals(result):
            found = [_share(result, name, kbps, arm) for kbps in _rates(result)]
            cells = [
                "-" if share is None else f"{round(share * clips, 1):g} of {clips}" for share, clips in found
            ]
            rows.append([MEASURES[name].title, arm, *cells])
    return table(["measure", "against", *_head("", result)[1:]], rows)


def bd_table(result: Json, names: Sequence[str]) -> str:
    """A line a measure, a column a rival."""
    found = {(row["anchor"], row["measure"]): row for row in result["bd_rate"]}
    rivals = _rivals(result)
    rows = [
        [MEASURES[name].title, *(_bd_text(found.get((arm, name))) for arm in rivals)]
        for name in names
        if MEASURES[name].bd
    ]
    return table(["measure", *(f"against {arm}" for arm in rivals)], rows)


def means_table(result: Json, names: Sequence[str]) -> str:
    """A line for each measure and arm."""
    points = {(point["arm"], point["target_kbps"]): point for point in result["means"]}
    rows = []
    for name in names:
        for arm in (OURS, *_rivals(result)):
            cells = [_mean_text(points.get((arm, kbps)), name) for kbps in _rates(result)]
            rows.append([MEASURES[name].title, arm, *cells])
    return table(["measure", "arm", *_head("", result)[1:]], rows)


def equality_table(result: Json) -> str:
    """What virtual and real time say of the same calls, and by how much they differ."""
    rows = [
        [
            name.replace("_", " "), f"{mean['real']:.2f}", f"{mean['virtual']:.2f}", f"{mean['off_percent']:.2f} %",
            f"{mean['worst_percent']:.2f} %", str(mean["calls"]),
        ]
        for name, mean in result["means"].items()
    ]  # fmt: skip
    shown = table(["mean over calls", "real time", "virtual time", "apart", "worst call", "calls"], rows)
    left_out = sum(not call["counts"] for call in result["calls"])
    verdict_text = "Equal" if result["equal"] else "NOT equal"
    more = f" {left_out} calls were left out because the machine was late." if left_out else ""
    return f"{shown}\n\n{verdict_text} within {result['within_percent']:g} % in the mean.{more}"


def _counts(result: Json) -> str:
    good = [clip for clip in result["clips"] if clip["error"] is None]
    off = sum(not row[result["columns"].index("reached")] for row in result["rows"])
    people = len({clip["person"] for clip in good if clip["person"]})
    of = f" of {people} persons" if people else ""
    link = result["settings"].get("link")
    absent = [arm["arm"] for arm in result["arms"] if arm["absent"]]
    return (
        f"{len(good)} of {len(result['clips'])} clips{of}, at most {result['settings']['seconds']:g} s of each; "
        f"{len(result['rows'])} cells, {off} of them did not take the rate that was asked for, {len(result['failed'])} failed"
        f"{f'; over the link {link}' if link else ''}{'; absent: ' + ', '.join(absent) if absent else ''}. "
        f"Network: {result['model']['name']}."
    )


def _sentences(result: Json, names: Sequence[str]) -> Iterable[str]:
    """The same in words, of the measures that stand in the headline."""
    for name in (name for name in HEADLINES if name in names):
        said: dict[str, list[str]] = {}
        for kbps in _rates(result):
            said.setdefault(verdict(result, name, kbps), []).append(f"{kbps:g}")
        text = "; ".join(f"{what} at {', '.join(rates)} kbit/s" for what, rates in said.items())
        yield f"- By {MEASURES[name].title} ({MEASURES[name].says}): {text}."


def _share(result: Json, measure: str, kbps: float, rival: str) -> tuple[float | None, int]:
    """Our share of the wins against a rival, and of how many clips."""
    for win in result["wins"]:
        if (win["measure"], win["target_kbps"]) == (measure, kbps) and rival in (win["arm"], win["other"]):
            share = win["share"]
            return (share if share is None or win["arm"] == OURS else 1 - share), win["clips"]
    return None, 0


def _rates(result: Json) -> list[float]:
    return sorted({point["target_kbps"] for point in result["means"]})


def _rivals(result: Json) -> list[str]:
    ran = {point["arm"] for point in result["means"]}
    return [arm["arm"] for arm in result["arms"] if arm["arm"] in ran and arm["arm"] != OURS]


def _head(first: str, result: Json) -> list[str]:
    return [first, *(f"{kbps:g} kbit/s" for kbps in _rates(result))]


def _bd_text(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "-"
    apart = "".join(
        f"; {row[key]} wholly {word}" for key, word in (("above", "better"), ("below", "worse")) if row[key]
    )
    if row["percent"] is None:
        return f"no common quality{apart}"
    interval = "" if row["low"] is None else f" [{row['low']:+.0f}, {row['high']:+.0f}]"
    return f"{row['percent']:+.0f} %{interval} ({row['clips']}{apart})"


def _mean_text(point: Mapping[str, Any] | None, name: str) -> str:
    if point is None or name not in point["measures"]:
        return "-"
    off = point["clips"] - point["reached"]
    count = f"{point['measured'][name]}, {off} off" if off else str(point["measured"][name])
    return f"{point['measures'][name]:.{MEASURES[name].digits}f} ({count})"
