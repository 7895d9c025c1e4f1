"""The tables of docs/SCALING.md: what one call costs, and what that comes to in three sizes.

    experiments/results/calls.json, receiver_bench.json --> rows of unit costs --> arithmetic for 100, 10,000 and 1,000,000 calls

Must import `models.evaluation.table`, `shared.limits` and the standard library only. Invariant: every number is measured in a
result, a limit of the code, or a product of such numbers; what nobody measured says so.
"""

import math
import statistics
from collections.abc import Callable
from typing import Any, Final

from models.evaluation.table import table
from shared.limits import SIGNALING_CONNECTIONS_MAX, SIGNALING_SHARED_ROOMS_MAX

SIZES: Final = (100, 10_000, 1_000_000)
UNMEASURED: Final = "**not measured**"
_CORES: Final = 2
"""Of the machine that the result of `receiver.bench` comes from."""


def unit_costs(calls: dict[str, Any], bench: dict[str, Any], rooms: dict[str, Any]) -> str:
    """What one call costs on the wire, at either end, in memory and in signaling; and how many one CPU process carries."""
    most = bench["max_calls_25fps_p99_40ms"]
    rows = [
        ["wire, sender to receiver", f"{_mean(calls, _forward):.1f} kbit/s, all headers counted"],
        ["wire, back", f"{_mean(calls, _back):.1f} kbit/s"],
        ["set-up", f"{_mean(calls, lambda call: call['wire']['setup_bytes']) / 1000:.1f} kB, both directions"],
        ["sender", f"{_mean(calls, _sender_ms):.1f} ms a picture, {_mean(calls, _memory('sender')):.0f} MB"],
        ["receiver, CPU", f"{_mean(calls, _receiver_ms):.1f} ms a picture, {_mean(calls, _memory('receiver')):.0f} MB"],
        [
            f"calls that one CPU process renders at 25 pictures a second ({bench['size']}, {bench['backend']}, 2 cores)",
            f"{most}: {_bench_row(bench, most)}",
        ],
        [
            f"signaling, {rooms['rooms']:,} rooms with {rooms['peers']:,} peers in one process",
            f"{rooms['rss_mb']['idle']:.0f} MB ({rooms['rss_mb']['empty']:.0f} MB empty), "
            f"{100 * rooms['idle_cpu_share']:.1f} % of a core while idle, a join {rooms['join_ms']['p50']:.1f} ms",
        ],
        ["receiver, GPU: calls, watts, memory of a card", f"{UNMEASURED}: `python -m receiver.bench` is ready for it"],
        ["Redis, commands a second; TURN, CPU of a relayed call", UNMEASURED],
    ]  # fmt: skip
    return table(["unit", "cost"], rows)


def three_sizes(calls: dict[str, Any], bench: dict[str, Any]) -> str:
    """Media, relays, receivers and services for each of SIZES."""
    both = _mean(calls, _forward) + _mean(calls, _back)
    most = max(1, bench["max_calls_25fps_p99_40ms"])
    memory_gb = (_bench_rss(bench, most) / most) / 1000
    rows = [
        ["media between the ends", *(_rate(both * size) for size in SIZES)],
        ["relay traffic if every call is relayed", *(_rate(2 * both * size) for size in SIZES)],
        [
            f"receivers on CPUs ({most} a machine of 2 cores, measured above)",
            *(f"{math.ceil(size / most) * _CORES:,} cores, {_memory_of(memory_gb * size)}" for size in SIZES),
        ],
        ["receivers on GPUs", *[UNMEASURED] * len(SIZES)],
        [
            f"signaling processes ({SIGNALING_CONNECTIONS_MAX:,} WebSockets each)",
            *(f"{math.ceil(2 * size / SIGNALING_CONNECTIONS_MAX):,}" for size in SIZES),
        ],
        [
            f"Redis ({SIGNALING_SHARED_ROOMS_MAX:,} rooms each)",
            *(_redis(size) for size in SIZES),
        ],
    ]
    return table(["", *(f"{size:,} calls" for size in SIZES)], rows)


def _mean(result: dict[str, Any], value: Callable[[dict[str, Any]], float]) -> float:
    return statistics.mean(value(call) for call in result["calls"] if "error" not in call)


def _forward(call: dict[str, Any]) -> float:
    return float(call["wire"]["forward_kbps"])


def _back(call: dict[str, Any]) -> float:
    return float(call["wire"]["reverse_kbps"])


def _sender_ms(call: dict[str, Any]) -> float:
    return float(call["compute_ms"]["sender_frame_p50"])


def _receiver_ms(call: dict[str, Any]) -> float:
    return float(call["compute_ms"]["receiver_frame_p50"])


def _memory(end: str) -> Callable[[dict[str, Any]], float]:
    return lambda call: float(call["memory_mb"][end])


def _row_of(bench: dict[str, Any], calls: int) -> dict[str, Any]:
    found: dict[str, Any] = min(bench["rows"], key=lambda row: abs(row["calls"] - calls))
    return found


def _bench_row(bench: dict[str, Any], calls: int) -> str:
    row = _row_of(bench, calls)
    return f"p99 {row['latency_p99_ms']:.0f} ms from bundle to picture, {row['rss_mb']:.0f} MB"


def _bench_rss(bench: dict[str, Any], calls: int) -> float:
    return float(_row_of(bench, calls)["rss_mb"])


def _rate(kbps: float) -> str:
    for unit, size in (("Gbit/s", 1e6), ("Mbit/s", 1e3)):
        if kbps >= size:
            return f"{kbps / size:.3g} {unit}"
    return f"{kbps:.3g} kbit/s"


def _memory_of(gigabytes: float) -> str:
    return f"{gigabytes / 1000:,.0f} TB" if gigabytes >= 1000 else f"{gigabytes:.3g} GB"


def _redis(rooms: int) -> str:
    return (
        "none needed"
        if 2 * rooms <= SIGNALING_CONNECTIONS_MAX
        else f"{math.ceil(rooms / SIGNALING_SHARED_ROOMS_MAX):,}"
    )
