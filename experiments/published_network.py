"""The tables of docs/NETWORK.md: marks and links of the network benchmark, and what the motion bitstream costs.

Must import what judges and writes those results, and nothing that measures. Invariant: a mark with no call is said to have none.
"""

from statistics import mean
from typing import Any, Final

from experiments.motion_table_rows import TableRow, markdown
from experiments.network.links import LINKS
from experiments.network.marks import Verdict, judge
from experiments.network.results import Results
from models.evaluation.table import table

Json = dict[str, Any]
LINK_NUMBERS: Final = (
    ("forward_kbps", 1), ("reverse_kbps", 1), ("motion_kbps", 2), ("latency_p95_ms", 0), ("fps", 1), ("landmark_px", 2),
    ("voice_gap_max_ms", 0), ("recovery_ms", 0),
)  # fmt: skip


def marks_table(result: Json) -> str:
    """Every mark: what was asked, what was found in the mean and at worst, and in how many calls it holds."""
    rows = [_mark_row(verdict) for verdict in judge(Results(**result))]
    return table(["calls", "what", "wanted", "mean", "worst", "holds in"], rows)


def _mark_row(verdict: Verdict) -> list[str]:
    mark = verdict.mark
    sign = "at most" if mark.at_most else "at least"
    numbers = [_number(verdict.mean, 2), _number(verdict.worst, 2)]
    holds = f"{verdict.passing} of {verdict.calls}" if verdict.calls else "no calls"
    return [mark.group, mark.what, f"{sign} {mark.limit:g} {mark.unit}", *numbers, holds]


def links_table(result: Json) -> str:
    """Means over the calls of each link, rung and bundle."""
    groups: dict[tuple[str, str, str], list[Json]] = {}
    for row in result["rows"]:
        bundle = "auto" if row["bundle_ms"] is None else f"{row['bundle_ms']} ms"
        groups.setdefault((row["link"], row["rung"], bundle), []).append(row)
    order = {name: place for place, name in enumerate(LINKS)}
    lines = []
    for key in sorted(groups, key=lambda key: (order.get(key[0], len(order)), key)):
        found = groups[key]
        lines.append(
            [
                " ".join(key),
                str(len(found)),
                *(_mean_of(found, name, digits) for name, digits in LINK_NUMBERS),
            ]
        )
    return table(["link, rung, bundles", "calls", *(name for name, _ in LINK_NUMBERS)], lines)


def _mean_of(rows: list[Json], name: str, digits: int) -> str:
    known = [row[name] for row in rows if row[name] is not None]
    return _number(mean(known) if known else None, digits)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def motion_table(result: Json) -> str:
    """kbit/s and error against components, steps and frame rate."""
    return markdown([TableRow(**row) for row in result["rows"]])
